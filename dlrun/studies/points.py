"""Points: a config with the values of a trial set in it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from dlrun.config.marks import Mark, Marks
from dlrun.config.overrides import Assignment, assign
from dlrun.experiment.experiment import Experiment


def config_at(data: Mapping[str, Any], *overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Set values in a config.

    Args:
        data: Plain values of the config; its tuner is left out, and the rest stays as it is.
        overrides: Plain values by path, later ones on top; a `kind` is set before what else is set in its section.

    Raises:
        NoSuchSetting: A path leads nowhere.
    """
    config = deepcopy({name: value for name, value in data.items() if name != "tuner"})
    mark = Mark("", (0, 0))
    marks = Marks()
    marks.put((), mark)
    for values in overrides:
        for path, value in sorted(values.items(), key=_order):
            assign(Assignment(tuple(path.split(".")), value, mark), config, marks, Experiment)
    return config


def with_monitor(config: dict[str, Any], monitor: str) -> dict[str, Any]:
    """Name the value that tells the best epoch, which a config without its tuner does not know any more.

    Args:
        config: Plain values, which may be changed.
        monitor: The value that follows from the search; what the config names itself stays.
    """
    training = config.get("training") or {}
    early = training.get("early_stopping")
    given = [training.get("monitor"), early.get("monitor") if isinstance(early, Mapping) else None]
    if monitor != "val_loss" and all(name in (None, "auto") for name in given):
        config["training"] = {**training, "monitor": monitor}
    return config


def _order(item: tuple[str, Any]) -> tuple[int, bool]:
    """Sort shorter paths first, and a kind before its neighbours."""
    path = item[0]
    return path.count("."), not path.endswith(".kind")
