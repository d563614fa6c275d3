"""The names that a run answers to: its id, a part of it, `latest`, `best`, or the path of its folder."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from dlrun.base.inside import SNAPSHOTS
from dlrun.base.text import printable
from dlrun.errors import StorageError, UsageError
from dlrun.records.best import find_best
from dlrun.records.folder import RunFolder
from dlrun.records.index import INSIDE, run_folders
from dlrun.records.kinds import STUDY
from dlrun.records.status import read_status

_LEAF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


_MAX_LISTED = 8


_MAX_REFERENCE = 250
"""Letters that a name of a folder may have on every system."""


_MAX_SHOWN = 1000


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
