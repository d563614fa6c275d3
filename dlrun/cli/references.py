"""Which run a command line means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dlrun.base.text import printable
from dlrun.cli.output import Output
from dlrun.errors import UsageError
from dlrun.records.folder import RunFolder

if TYPE_CHECKING:
    from dlrun.records.stored import Stored


def find(runs_dir: Path, reference: str, metric: str | None) -> RunFolder:
    """Find the run that a user means, and tell which one `best` is, and by what.

    Args:
        runs_dir: Folder of all runs.
        reference: An id, a unique part of it, `latest`, `best`, or the path of a run folder.
        metric: Validation score that `best` compares; what the run was selected by unless given.

    Raises:
        UsageError: No run, or more than one, answers to the reference.
    """
    from dlrun.records.find import find_run

    if reference == "best":
        return _best(runs_dir, metric)
    return find_run(runs_dir, reference, higher_is_better=_higher_is_better, metric=metric)


def find_or_latest(runs_dir: Path, reference: str | None, metric: str | None) -> RunFolder:
    """Find the run that a user means; the latest one, which is told on stderr, where none was named.

    Args:
        runs_dir: Folder of all runs.
        reference: As for `find`, or None.
        metric: As for `find`.

    Raises:
        UsageError: As `find`.
    """
    if reference is not None:
        return find(runs_dir, reference, metric)
    folder = find(runs_dir, "latest", metric)
    Output(json=True).say_if_heard(f"latest run: {folder.id}")
    return folder


def _best(runs_dir: Path, metric: str | None) -> RunFolder:
    """Find the best run, and say on standard error which one it is; standard output may carry predictions."""
    from dlrun.base.words import words
    from dlrun.records.best import find_best
    from dlrun.records.index import run_folders

    best = find_best(runs_dir, run_folders(runs_dir), metric, _higher_is_better)
    told = f"best of {best.compared:,} by validation {words(best.metric)} {best.score:.4g}: {best.folder.id}"
    if best.elsewhere:
        told += f" ({best.elsewhere:,} more with other parts of the same rows are not compared)"
    Output(json=True).say_if_heard(told)
    return best.folder


def find_stored(runs_dir: Path, reference: str, metric: str | None) -> Stored:
    """Find the finished run, or the bundle, that a user means.

    Args:
        runs_dir: Folder of all runs.
        reference: As for `find`, or the path of a bundle.
        metric: As for `find`.

    Raises:
        UsageError: No run, or more than one, answers to the reference; or it has not finished.
        StorageError: The bundle is damaged.
    """
    from dlrun.records.stored import StoredBundle, open_stored

    path = Path(reference)
    if "\0" not in reference and path.suffix.lower() == ".zip" and path.is_file():
        return StoredBundle(path)
    return open_stored(find(runs_dir, reference, metric))


def _higher_is_better(name: str) -> bool:
    from dlrun.experiment.evaluation.metrics import higher_is_better

    try:
        return higher_is_better(name)
    except KeyError as error:
        remedy = "`dlrun show RUN` shows the scores of a run."
        raise UsageError(f"there is no metric '{printable(name)}'", remedy=remedy) from error
