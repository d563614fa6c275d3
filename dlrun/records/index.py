"""Which runs there are: a list that is read from the folders every time, and the names that a run answers to."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlrun.errors import StorageError, UsageError
from dlrun.records import files
from dlrun.records.folder import RunFolder, is_id
from dlrun.records.inside import FINAL, SNAPSHOTS, TRIALS
from dlrun.records.kinds import STUDY, kinds, models_of_study
from dlrun.records.status import State, read_status, seconds_in_all
from dlrun.records.text import printable

_LEAF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MAX_LISTED = 8
_MAX_REFERENCE = 250
"""Letters that a name of a folder may have on every system."""
_MAX_SHOWN = 1000

INSIDE = (TRIALS, FINAL)
"""Folders of a study that hold runs."""

RUNNING = "running.json"
"""The trials of a study that are being carried out and how far they are, how many are done, and what follows the
search; there only while the study goes on, or where its process was killed."""

SHARED = "shared"
"""Folder of a study for the data that its workers map while it goes on."""


@dataclass(frozen=True)
class RunSummary:
    """One line of the list of runs.

    Args:
        id: Name of the folder.
        path: The folder.
        state: What became of the run; None if the folder is damaged.
        started: When it began, ISO 8601 in UTC.
        seconds: Seconds that it took, or has taken so far.
        dataset: Kind of the dataset.
        model: Kind of the model; of a study that of its winner, or all that it tries.
        task: What is predicted.
        fingerprint: Fingerprint of the dataset.
        monitor: Name of the value that early stopping watched, such as `val_loss`.
        validation: Validation scores by metric.
        test: Test scores by metric.
        problem: What is wrong with the folder; None if nothing is.
        trials: Number of trials that a study was asked for; None for other runs.
        done: Number of trials that are done of a study that is not complete; None if it is complete, or unknown.
    """

    id: str
    path: Path
    state: State | None = None
    started: str | None = None
    seconds: float | None = None
    dataset: str | None = None
    model: str | None = None
    task: str | None = None
    fingerprint: str | None = None
    monitor: str | None = None
    validation: dict[str, float] | None = None
    test: dict[str, float] | None = None
    problem: str | None = None
    trials: int | None = None
    done: int | None = None

    @property
    def primary(self) -> str | None:
        """Name of the metric that the run was selected by, without the `val_`."""
        return self.monitor.removeprefix("val_") if self.monitor else None


def run_folders(runs_dir: Path) -> list[RunFolder]:
    """Return the folders of a runs folder that carry a run's id, oldest first; links are left out.

    Raises:
        StorageError: The runs folder cannot be read. One that does not exist holds no runs.
    """
    root = Path(runs_dir).absolute()
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if is_id(entry.name) and entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise files.storage_error("read", root, error) from error
    return [RunFolder(root / name) for name in sorted(names)]


def index(runs_dir: Path, *, last: int | None = None) -> list[RunSummary]:
    """Summarize the runs of a folder, oldest first; damaged ones by name with the reason.

    Args:
        runs_dir: Folder of all runs.
        last: Only so many of the newest runs; None for all.

    Raises:
        StorageError: The runs folder cannot be read.
    """
    folders = run_folders(runs_dir)
    return [summarize(folder) for folder in (folders if last is None else folders[max(len(folders) - last, 0) :])]


def summarize(folder: RunFolder) -> RunSummary:
    """Read what a list of runs tells of one; never fails."""
    try:
        status = read_status(folder)
        config = kinds(folder.file("config.yaml"))
        metrics = _mapping(folder, "metrics.json")
        validation, test = (_scores(folder, metrics.get(part)) for part in ("validation", "test"))
        data = _mapping(folder, "dataset.json")
        study = _mapping(folder, STUDY) if folder.file(STUDY).exists() else None
        trials = None if study is None else study.get("trials", 0)
    except StorageError as error:
        return RunSummary(folder.id, folder.path, problem=error.message)
    return RunSummary(
        folder.id,
        folder.path,
        status.state,
        status.started,
        seconds_in_all(status, metrics),
        config.get("dataset"),
        models_of_study(study or {}) or config.get("model"),
        _text(metrics.get("task")),
        _text(data.get("fingerprint")),
        _text(metrics.get("monitor")),
        validation,
        test,
        trials=trials if trials is None or isinstance(trials, int) else 0,
        done=_done(folder, study),
    )


def _done(folder: RunFolder, study: dict[str, Any] | None) -> int | None:
    """Return how many trials of an unfinished study are done; a large table of trials would take too long to read."""
    if study is None or study.get("complete"):
        return None
    found = _mapping(folder, RUNNING).get("done", study.get("done"))
    return found if type(found) is int and found >= 0 else None


def _mapping(folder: RunFolder, name: str) -> dict[str, Any]:
    """Read a JSON object; a file that is not there yet is an empty one."""
    if not folder.file(name).exists():
        return {}
    value = folder.read_json(name)
    if not isinstance(value, dict):
        raise StorageError(f"{printable(str(folder.file(name)))} is damaged: it is no JSON object")
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _scores(folder: RunFolder, value: object) -> dict[str, float] | None:
    if not isinstance(value, dict):
        return None
    try:
        return {str(name): float(score) for name, score in value.items() if type(score) in (int, float)}
    except OverflowError as error:
        path = printable(str(folder.file("metrics.json")))
        raise StorageError(f"{path} is damaged: a score is no number of a computer") from error


def find_run(
    runs_dir: Path,
    reference: str,
    *,
    higher_is_better: Callable[[str], bool],
    metric: str | None = None,
) -> RunFolder:
    """Find the run that a user means.

    Args:
        runs_dir: Folder of all runs.
        reference: An id, a part of it that no other run has, `latest`, `best`, or the path of a run folder. What begins
            an id goes before what stands inside of one, and runs go before the trials of studies.
        higher_is_better: Tells the direction of a metric, for `best`.
        metric: Metric that `best` compares; what the latest finished run was selected by unless given.

    Raises:
        UsageError: No run, or more than one, answers to the reference.
        StorageError: The runs folder cannot be read.
    """
    folders = run_folders(runs_dir)
    if reference == "latest":
        return _latest(runs_dir, folders)
    if reference == "best":
        from dlrun.records.best import find_best

        return find_best(runs_dir, folders, metric, higher_is_better).folder
    if not _LEAF.fullmatch(reference):
        return _at_path(reference)
    if begun := _beginning(folders, reference):
        return _only(begun, reference, "the beginning of", "runs")
    renamed = (Path(runs_dir, reference), Path(reference)) if len(reference) <= _MAX_REFERENCE else ()
    for path in renamed:  # a folder that somebody renamed still is a run
        if path.is_symlink() or RunFolder(path.absolute()).file("status.json").is_own():
            return _at_path(str(path))
    if containing := [folder for folder in folders if reference in folder.id]:
        return _only(containing, reference, "a part of", "runs")
    inner = _inside_studies(folders)
    if begun := _beginning(inner, reference):
        return _only(begun, reference, "the beginning of", "trials")
    if containing := [folder for folder in inner if reference in folder.id]:
        return _only(containing, reference, "a part of", "trials")
    raise _unknown(runs_dir, reference, [folder.id for folder in folders])


def _beginning(folders: Sequence[RunFolder], reference: str) -> list[RunFolder]:
    """Return the run of that very id, or else those whose ids begin so."""
    matching = [folder for folder in folders if folder.id.startswith(reference)]
    return [folder for folder in matching if folder.id == reference] or matching


def _only(found: Sequence[RunFolder], reference: str, how: str, what: str) -> RunFolder:
    """Take the one that was found, or say that there are several."""
    if len(found) == 1:
        return found[0]
    listed = _listed([folder.id for folder in found])
    raise UsageError(f"'{reference}' is {how} {len(found)} {what}: {listed}", remedy="Type more of the id.")


def is_trial(folder: RunFolder) -> bool:
    """Tell whether a run is a trial of a study, whose test rows nobody scores before the study is over."""
    study = folder.outer
    return study is not None and folder.path.parent.name == TRIALS and study.file(STUDY).is_file()


def _inside_studies(folders: Sequence[RunFolder]) -> list[RunFolder]:
    """Return the trials of studies and the snapshots of runs."""
    studies = [folder for folder in folders if folder.file(STUDY).is_file()]
    inner = [found for study in studies for part in INSIDE for found in study.runs(part)]
    return inner + [found for folder in [*folders, *inner] for found in folder.runs(SNAPSHOTS)]


def _at_path(reference: str) -> RunFolder:
    """Take a path that leads to a run folder; neither the folder nor its status may be a link."""
    shown = printable(reference[:_MAX_SHOWN])
    if not reference or "\0" in reference or any(len(part) > _MAX_REFERENCE for part in Path(reference).parts):
        raise UsageError(f"'{shown}' is no name of a run", remedy="Type an id, a part of it, latest, best, or a path.")
    path = Path(reference)
    if path.is_symlink():
        raise UsageError(f"{shown} is a link", remedy="Type the path that it leads to.")
    if not RunFolder(path.absolute()).file("status.json").is_file():
        raise UsageError(f"{shown} is no run folder: it holds no status.json", remedy="`dlrun ls` lists the runs.")
    return RunFolder.at(path)


def _unknown(runs_dir: Path, reference: str, ids: Sequence[str]) -> UsageError:
    message = f"there is no run '{printable(reference[:_MAX_REFERENCE])}' in {printable(str(runs_dir))}"
    near = difflib.get_close_matches(reference, ids, n=3, cutoff=0.5)
    if near:
        return UsageError(message, remedy=f"Did you mean {_listed(near)}?")
    return UsageError(message, remedy="`dlrun ls` lists the runs." if ids else "Train one first, with `dlrun train`.")


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MAX_LISTED} more" if len(ids) > _MAX_LISTED else ""
    return ", ".join(ids[:_MAX_LISTED]) + more


def _started(folder: RunFolder) -> tuple[str, str]:
    try:
        return read_status(folder).started, folder.id
    except StorageError:
        return "", folder.id


def _latest(runs_dir: Path, folders: Sequence[RunFolder]) -> RunFolder:
    """Take the newest run; ids tell the second, the status tells runs of one second apart."""
    if not folders:
        raise _unknown(runs_dir, "latest", [])
    second = folders[-1].id[:15]
    return max((folder for folder in folders if folder.id.startswith(second)), key=_started)
