"""Best: the run with the best validation score among all that are scored on the same rows."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlrun.base.inside import FINAL
from dlrun.base.text import printable
from dlrun.errors import StorageError, UsageError
from dlrun.records.folder import RunFolder
from dlrun.records.index import RunSummary, summarize
from dlrun.records.kinds import MEMBERS, STUDY
from dlrun.records.membership import can_predict


@dataclass(frozen=True)
class Best:
    """The best run, and how it was found.

    Args:
        folder: Its folder: a run, a study with the scores of its winner, or an ensemble.
        metric: Validation score that was compared.
        score: Its own.
        compared: How many were compared, itself included.
        elsewhere: How many finished ones of the same rows were not compared, because these are divided otherwise.
    """

    folder: RunFolder
    metric: str
    score: float
    compared: int
    elsewhere: int


@dataclass(frozen=True)
class _Scored:
    """A finished run, and what its scores are scores of: whole data, targets of all rows, and how rows are divided."""

    run: RunSummary
    whole: str
    targets: str
    split: str


def find_best(
    runs_dir: Path, folders: Sequence[RunFolder], metric: str | None, higher_is_better: Callable[[str], bool]
) -> Best:
    """Find the run, study or ensemble with the best validation score, on the rows and parts of the latest of them.

    A study stands for its winner. Ensembles that cannot predict, because members keep no model, are left out.

    Args:
        runs_dir: Folder of all runs, for messages.
        folders: All runs, oldest first.
        metric: Validation score to compare; what the latest run was selected by unless given.
        higher_is_better: Direction of a metric.

    Raises:
        UsageError: There is none.
        StorageError: A folder is damaged.
    """
    finished = list(_finished(folders))
    if not finished:
        raise UsageError(
            f"there is no finished run with validation scores in {printable(str(runs_dir))}",
            remedy="Train one first, with `dlrun train`.",
        )
    newest = finished[-1]
    name = metric or newest.run.primary or "loss"
    rows = _key_of_rows(finished)
    same_rows = [one for one in finished if rows(one) == rows(newest)]
    scored = [one for one in same_rows if math.isfinite(_score(one, name))]
    same_parts = [one for one in scored if one.split == newest.split]
    if not same_parts:
        known = ", ".join(newest.run.validation or {})
        raise UsageError(f"no finished run has a validation score '{printable(name)}'", remedy=f"Known: {known}.")
    sign = 1.0 if higher_is_better(name) else -1.0
    best = max(same_parts, key=lambda one: (sign * _score(one, name), one.run.id))
    return Best(RunFolder(best.run.path), name, _score(best, name), len(same_parts), len(scored) - len(same_parts))


def _score(one: _Scored, name: str) -> float:
    return (one.run.validation or {}).get(name, math.nan)


def _key_of_rows(finished: Sequence[_Scored]) -> Callable[[_Scored], Hashable]:
    """Return what tells rows and targets; runs from before targets had a fingerprint go with the same whole data."""
    known = {one.whole: one.targets for one in finished if one.targets}
    return lambda one: (one.run.task, one.targets or known.get(one.whole, one.whole))


def _finished(folders: Sequence[RunFolder]) -> Iterator[_Scored]:
    for folder in folders:
        run = summarize(folder)
        if run.state != "finished" or not run.validation:
            continue
        home = _winner(folder) if folder.file(STUDY).is_file() else folder
        if home is None or (folder.file(MEMBERS).is_file() and not can_predict(folder)):
            continue
        try:
            facts, split = _facts(home), _split(home)
        except StorageError:  # `dlrun ls` and what is asked of that run tell; the others are still to be compared
            continue
        targets = facts.get("targets")
        own = targets.get("fingerprint", "") if isinstance(targets, dict) else ""
        yield _Scored(run, str(facts.get("fingerprint")), str(own), split)


def _winner(study: RunFolder) -> RunFolder | None:
    """Return the run that predicts for a study; None if it names none that is there."""
    try:
        name = study.read_json("metrics.json")["study"]["winner"]["final"]
        return next((run for run in study.runs(FINAL) if run.id == name), None)
    except (StorageError, LookupError, TypeError):
        return None


def _facts(folder: RunFolder) -> dict[str, Any]:
    facts = folder.read_json("dataset.json") if folder.file("dataset.json").is_file() else {}
    return facts if isinstance(facts, dict) else {}


def _split(folder: RunFolder) -> str:
    """Return what tells how rows are divided; the same parts have the same bytes."""
    file = folder.file("split.npz")
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
