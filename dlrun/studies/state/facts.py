"""Facts: what a study is begun with, and must be continued with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlrun.base.text import printable
from dlrun.errors import StorageError, UsageError
from dlrun.experiment.tuner.search import Tuning
from dlrun.studies.state.trial import Mode, Trial

if TYPE_CHECKING:
    from dlrun.experiment.tuner.samplers.sampler import Sampler


class StudyDiffers(UsageError):
    """A folder holds a study of another search."""


def facts_of(tuner: Tuning, seed: int, mode: Mode, others: Mapping[str, Mode]) -> dict[str, Any]:
    """Return what a study is begun with and must be continued with."""
    may_change = {"trials", "pruner", "failures", "selection", "keep_weights", "weights_megabytes", "seed"}
    written = json.dumps(tuner.model_dump(mode="json", exclude=may_change), sort_keys=True)
    space = hashlib.sha256(written.encode()).hexdigest()
    return {"kind": tuner.kind, "seed": seed, "mode": mode, "others": dict(others), "space": space}


def require_same(found: Mapping[str, Any], expected: Mapping[str, Any], folder: Path) -> None:
    """Compare what a study was begun with with what it is to be continued with; raises StudyDiffers."""
    names = {"kind": "kind of search", "seed": "seed", "mode": "mode", "others": "list of objectives", "space": "space"}
    for name, words in names.items():
        if found.get(name) != expected[name]:
            raise StudyDiffers(
                f"the study {folder.name} was begun with another {words}",
                remedy="Continue it with the config that it was begun with, or begin a new one.",
            )


def require_own_points(trials: Iterable[Trial], sampler: Sampler, folder: Path) -> None:
    """Hold what a journal says of its trials against the search: a trial changes nothing but what the search varies.

    A journal may come from elsewhere, and what it sets in a config could name code that the config does not name.

    Args:
        trials: As the journal has them.
        sampler: Of the search that goes on.
        folder: The study.

    Raises:
        StorageError: A trial sets something else.
    """
    for trial in trials:
        if _plain(trial.overrides) != _own_overrides(trial, sampler):
            raise StorageError(
                f"the journal of {printable(folder.name)} is damaged: trial {trial.id} sets what the search does not"
            )


def _own_overrides(trial: Trial, sampler: Sampler) -> str | None:
    """Return what the search sets for a trial's point; None if it has no such point. Trial 0 is the config itself."""
    if trial.id == 0:
        return _plain({})
    try:
        return _plain(sampler.overrides(trial.point))
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def _plain(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)
