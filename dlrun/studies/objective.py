"""Objective: the values of a finished run that a search looks at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dlrun.errors import ConfigError, Problem
from dlrun.experiment.evaluation.metrics import LOSS, higher_is_better
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.studies.state.trial import Mode

if TYPE_CHECKING:
    from dlrun.experiment.experiment import Experiment

COSTS = ("parameters", "seconds", "latency")
"""Objectives that are no scores: number of weights, seconds of the whole trial, seconds of a prediction."""


@dataclass(frozen=True)
class Objective:
    """What the search looks at.

    Args:
        metric: Name of a validation score, such as `loss`, or of a cost.
        mode: Whether it is to be small or large.
        others: Names of further objectives.
    """

    metric: str
    mode: Mode
    others: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, the first one that decides."""
        return (self.metric, *self.others)

    @property
    def monitor(self) -> str:
        """What tells the best epoch of a trial: the first of them that is a score, else the loss."""
        return f"val_{next((name for name in self.names if _is_score(name)), LOSS)}"

    def better(self, value: float, other: float | None) -> bool:
        """Tell whether a value is better than another one, or the first."""
        return other is None or (value < other if self.mode == "min" else value > other)

    def of(self, metrics: Metrics) -> float | None:
        """Return the value of a finished run; None if it is undefined."""
        return _finite(_values(metrics).get(self.metric))

    def others_of(self, metrics: Metrics) -> dict[str, float]:
        """Return the values of the further objectives of a finished run."""
        values = {name: _finite(_values(metrics).get(name)) for name in self.others}
        return {name: value for name, value in values.items() if value is not None}


def _values(metrics: Metrics) -> dict[str, float | None]:
    costs = {
        "parameters": metrics.get("num_parameters"),
        "seconds": (metrics.get("seconds") or {}).get("total"),
        "latency": metrics.get("latency"),
    }
    return costs | dict(metrics["validation"])


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def objective_of(experiment: Experiment) -> Objective:
    """Return what a search over an experiment looks at.

    Args:
        experiment: As it was written, with a tuner.

    Raises:
        ConfigError: The metric of the tuner does not exist for this task.
    """
    from dlrun.experiment.resolve import resolve

    facts = experiment.dataset.facts()
    settled = experiment if facts is None else resolve(experiment, facts)
    chosen = "auto" if experiment.tuner is None else experiment.tuner.objectives
    metrics = settled.evaluation.metrics
    names = (
        [monitored(settled).removeprefix("val_")]
        if chosen == "auto"
        else [name.removeprefix("val_") for name in chosen]
    )
    if "parameters" in names and not experiment.model.has_parameters:
        place = f"tuner.objectives.{names.index('parameters')}"
        message = f"a {experiment.model.kind} model has no number of parameters"
        raise ConfigError([Problem("", place, message, "Choose latency or seconds.")])
    if metrics != "auto":
        _refuse_unknown(names, ["loss", *metrics])
    first, *others = names
    return Objective(first, mode_of(first), tuple(others))


def mode_of(name: str) -> Mode:
    """Tell whether an objective is to be small or large."""
    return "max" if _is_score(name) and higher_is_better(name) else "min"


def monitored(experiment: Experiment) -> str:
    """Return the value that tells the best epoch; models without epochs are searched by their loss.

    Args:
        experiment: Resolved as far as the dataset is known.
    """
    training = experiment.training
    if not experiment.model.has_epochs:
        return "val_loss"
    early = "auto" if training.early_stopping is None else training.early_stopping.monitor
    return next((str(name) for name in (training.monitor, early) if name != "auto"), "val_loss")


def _is_score(name: str) -> bool:
    return name not in COSTS


def _refuse_unknown(names: Sequence[str], known: Sequence[str]) -> None:
    for number, name in enumerate(names):
        if _is_score(name) and name not in known:
            hint = f"Choose among {', '.join(known)}, or add it to evaluation.metrics."
            message = f"no validation score '{name}' will be measured"
            raise ConfigError([Problem("", f"tuner.objectives.{number}", message, hint)])
