"""Which runs there are: a list that is read from the folders every time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlrun.base import files
from dlrun.base.inside import FINAL, TRIALS
from dlrun.base.text import printable
from dlrun.errors import StorageError
from dlrun.records.folder import RunFolder, is_id
from dlrun.records.kinds import STUDY, kinds, models_of_study
from dlrun.records.status import State, read_status, seconds_in_all

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
    return folder.read_object(name) if folder.file(name).exists() else {}


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


def is_trial(folder: RunFolder) -> bool:
    """Tell whether a run is a trial of a study, whose test rows nobody scores before the study is over."""
    study = folder.outer
    return study is not None and folder.path.parent.name == TRIALS and study.file(STUDY).is_file()
