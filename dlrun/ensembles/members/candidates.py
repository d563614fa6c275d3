"""Candidates: the folders that a command line names, before anybody has looked into them."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlrun.base.inside import SNAPSHOTS, TRIALS
from dlrun.base.text import printable
from dlrun.errors import StorageError, UsageError
from dlrun.experiment.evaluation.metrics import higher_is_better
from dlrun.records.find import find_run
from dlrun.records.folder import LEDGER, RunFolder, is_id
from dlrun.records.index import summarize

_NO_RUNS = frozenset({LEDGER})
"""Files of dlrun's own among the runs, which patterns pass over."""

_SPECIAL = frozenset("*?[")
_STATUS = "status.json"


@dataclass(frozen=True)
class Skipped:
    """Something that was named and is not used.

    Args:
        id: Name of the folder or file.
        reason: Why, in words.
    """

    id: str
    reason: str


def find_candidates(
    runs_dir: Path, references: Sequence[str], *, top: int | None, metric: str | None, snapshots: bool = False
) -> tuple[list[RunFolder], list[Skipped]]:
    """Find the run folders that references stand for, each once.

    Args:
        runs_dir: Folder of all runs.
        references: Ids and parts of them, `latest`, `best`, paths of runs, of studies, of folders of runs, and
            patterns such as `runs/*`, with whatever lies there.
        top: Trials that will be taken of each study, so that only those count that are finished and have a score;
            None for all. Which ones are the best is settled later, since it takes rows to tell.
        metric: Score that trials are compared by; what each study was selected by unless given.
        snapshots: Whether the snapshots of runs are taken in their place: of a study, those of its `top` best trials.

    Returns:
        The folders, and what is none.

    Raises:
        UsageError: A reference stands for nothing, or `top` is given and no reference stands for a study.
    """
    found: dict[str, RunFolder] = {}
    skipped: dict[str, Skipped] = {}
    named = [path for reference in references for path in _paths(runs_dir, reference)]
    places = [inside for path in named for inside in _ids_within(path) or [path]]
    if top is not None and not any(map(_is_study, places)):
        raise UsageError(
            "--top takes the best trials of a study, and nothing that was named is one",
            remedy="Name a study, or leave --top out and name the runs.",
        )
    for place in places:
        runs, reason = _runs_at(place, top, metric, snapshots=snapshots)
        if snapshots and runs:
            runs, reason = _snapshots_of(runs)
        found |= {str(run.path): run for run in runs}
        if reason:
            name = os.path.basename(os.path.abspath(place))  # noqa: PTH119, PTH100 - ten thousand paths
            skipped[place] = Skipped(printable(name), reason)
    return list(found.values()), list(skipped.values())


def _paths(runs_dir: Path, reference: str) -> list[str]:
    if not reference or "\0" in reference:
        raise UsageError("an empty name is no run", remedy="`dlrun ls` lists the runs.")
    if os.path.lexists(reference):
        return [reference]
    if _SPECIAL & set(reference):
        matches = sorted(glob.glob(reference)) or sorted(glob.glob(str(runs_dir / reference)))  # noqa: PTH207
        matches = [path for path in matches if os.path.basename(path) not in _NO_RUNS]  # noqa: PTH119
        if not matches:
            raise UsageError(f"nothing matches {printable(reference)}", remedy="`dlrun ls` lists the runs.")
        return matches
    return [str(find_run(runs_dir, reference, higher_is_better=_higher_is_better).path)]


def _higher_is_better(name: str) -> bool:
    try:
        return higher_is_better(name)
    except KeyError:
        return False


def _runs_at(path: str, top: int | None, metric: str | None, *, snapshots: bool) -> tuple[list[RunFolder], str]:
    """Return the runs at a path, or why there are none."""
    if os.path.islink(path):  # noqa: PTH114
        return [], "a link; name the folder that it leads to"
    if not os.path.isdir(path):  # noqa: PTH112
        return [], "a file, not a run folder"
    if _is_study(path):
        runs = _inside(path, TRIALS)
        if top is not None:
            runs = _scored(runs, metric)[: top if snapshots else None]
        return runs, "" if runs else "a study without trials"
    if _run_at(path).file(_STATUS).is_own():
        return [_run_at(path)], ""
    return [], "not a run folder: it holds no status.json"


def _is_study(path: str) -> bool:
    return _run_at(path).file(TRIALS).is_own_folder()


def _run_at(path: str) -> RunFolder:
    return RunFolder(Path(os.path.abspath(path)))  # noqa: PTH100


def _inside(path: str, parent: str) -> list[RunFolder]:
    """Return the runs inside a run or a study; their folders may have been renamed."""
    return [RunFolder(found.path) for found in _run_at(path).file(parent).folders()]


def _snapshots_of(runs: Sequence[RunFolder]) -> tuple[list[RunFolder], str]:
    """Return the snapshots of runs, or why there are none."""
    found = [snapshot for run in runs for snapshot in _inside(str(run.path), SNAPSHOTS)]
    return found, "" if found else "it keeps no snapshots: train with training.snapshots=true"


def _ids_within(path: str) -> list[str]:
    """Return the runs in a folder of runs; none if the path is something else."""
    if os.path.islink(path) or any(os.path.lexists(os.path.join(path, name)) for name in (_STATUS, TRIALS)):  # noqa: PTH114, PTH118
        return []
    return [name for name in _folders_within(path) if is_id(os.path.basename(name))]  # noqa: PTH119


def _folders_within(path: str) -> list[str]:
    try:
        with os.scandir(os.path.abspath(path)) as entries:  # noqa: PTH100
            return sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _scored(runs: Sequence[RunFolder], metric: str | None) -> list[RunFolder]:
    """Return the finished trials with validation scores, best first."""
    scored = []
    for run in runs:
        summary = summarize(run)
        name = metric or summary.primary or "loss"
        score = (summary.validation or {}).get(name)
        if summary.state == "finished" and score is not None:
            scored.append((-score if _higher_is_better(name) else score, run.id, run))
    if runs and not scored:
        raise UsageError(
            f"no finished trial of the study {printable(runs[0].path.parent.parent.name)} has a validation score"
            + (f" '{metric}'" if metric else ""),
            remedy="Leave --top out, or choose another --metric.",
        )
    return [run for *_, run in sorted(scored, key=lambda entry: entry[:2])]


def read_state(run: RunFolder) -> str:
    """Return why a run cannot be a member by its state alone; empty if it is finished.

    Args:
        run: Its folder.
    """
    from dlrun.records.status import read_status

    try:
        state = read_status(run).state
    except StorageError as error:
        return error.message
    return "" if state == "finished" else f"not finished: {state}"
