"""Removing runs, and what runs leave behind that nobody needs."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from dlrun.base import files
from dlrun.base.inside import Inside
from dlrun.base.text import printable
from dlrun.errors import StorageError, UsageError
from dlrun.records.folder import RunFolder, is_id
from dlrun.records.index import SHARED, RunSummary, run_folders, summarize
from dlrun.records.lock import locked
from dlrun.records.membership import ensembles_of
from dlrun.records.status import read_status

REMOVED = ".removed-"
"""Beginning of the name that a run folder gets before its files go, so that a half removed run is none."""

_ENDED = ("finished", "failed", "pruned")


@dataclass(frozen=True)
class Item:
    """Something that can go.

    Args:
        place: A file or folder, or a whole run.
        bytes: What it takes on the disk.
        reason: Why it can go, in words.
        run: The run that goes as a whole; None for a part of one and for remains.
        owner: The run that it is a part of; None for what is no run any more.
    """

    place: Inside
    bytes: int
    reason: str
    run: RunFolder | None = None
    owner: RunFolder | None = None

    @property
    def path(self) -> Path:
        return self.place.path


@dataclass(frozen=True)
class Cleaning:
    """What cleaning a folder of runs comes to.

    Args:
        items: What goes, in this order.
        bytes_before: What the runs take now.
        budget: What they may take; None for no limit.
    """

    items: tuple[Item, ...]
    bytes_before: int
    budget: int | None

    @property
    def bytes_freed(self) -> int:
        return sum(item.bytes for item in self.items)


def num_bytes(folder: RunFolder) -> int:
    """Return the bytes of all files of a run; links are not followed."""
    return folder.content.num_bytes()


def remove_run(folder: RunFolder) -> None:
    """Remove a run with all its files; what links lead to stays.

    Args:
        folder: The run.

    Raises:
        UsageError: The run is being carried out, or the folder is that of something else.
        StorageError: A file cannot be removed.
    """
    _require_run(folder)
    with locked(folder):
        try:
            hidden = folder.content.rename(f"{REMOVED}{folder.id}")
        except OSError as error:
            raise files.storage_error("remove", folder.path, error) from error
        hidden.remove()


def _require_run(folder: RunFolder) -> None:
    """Refuse a folder that dlrun has not made: `status.json` is a common name, and removing is for good."""
    if is_id(folder.id):
        return
    with suppress(StorageError):
        read_status(folder)
        if folder.file("config.yaml").is_file():
            return
    raise UsageError(
        f"{printable(str(folder.path))} is no run folder: its name is no id, and it does not hold dlrun's status.json "
        "and config.yaml",
        remedy="`dlrun ls` lists the runs. Remove another folder by other means.",
    )


def plan_cleaning(runs_dir: Path, keep: Sequence[RunFolder], budget: int | None) -> Cleaning:
    """Find what can go.

    Without a budget these are remains alone: half removed runs, temporary files of processes that were killed, and what
    runs that are over kept to be resumed with. With a budget, runs that are over go as well, the oldest first, until
    the rest fits; members of an ensemble go after it.

    Args:
        runs_dir: Folder of all runs.
        keep: Runs that stay whatever the budget.
        budget: Most bytes that all runs may take; None for no limit.

    Raises:
        StorageError: The runs folder cannot be read.
    """
    folders = run_folders(runs_dir)
    summaries = {folder.path: summarize(folder) for folder in folders}
    whole = sum(num_bytes(folder) for folder in folders)
    items = [*_half_removed(runs_dir)]
    whole += sum(item.bytes for item in items)
    items += [item for folder in folders for item in _remains(folder, summaries[folder.path])]
    if budget is None:
        return Cleaning(tuple(items), whole, budget)
    left = whole - sum(item.bytes for item in items)
    kept = {folder.path for folder in keep}
    waiting = [folder for folder in folders if folder.path not in kept and summaries[folder.path].state in _ENDED]
    for folder in _oldest_first(waiting, ensembles_of(folders)):
        if left <= budget:
            break
        inside = sum(item.bytes for item in items if folder.path in item.path.parents)
        items = [item for item in items if folder.path not in item.path.parents]
        items.append(Item(folder.content, num_bytes(folder), "a run that is over, to keep to the budget", folder))
        left -= items[-1].bytes - inside
    return Cleaning(tuple(items), whole, budget)


def _oldest_first(waiting: Sequence[RunFolder], ensembles: Mapping[Path, set[Path]]) -> Iterator[RunFolder]:
    """Yield runs in the order in which they may go: an ensemble cannot predict without its members, so it is first."""
    places = {folder.path: place for place, folder in enumerate(waiting)}
    members: dict[Path, list[Path]] = {}
    for member, users in ensembles.items():
        for ensemble in users:
            members.setdefault(ensemble, []).append(member)
    num_users = {member: len(users) for member, users in ensembles.items()}
    free = [place for path, place in places.items() if not num_users.get(path)]  # in order, so it is a heap
    while free:
        folder = waiting[heapq.heappop(free)]
        yield folder
        for member in members.get(folder.path, ()):
            num_users[member] -= 1
            if not num_users[member] and member in places:
                heapq.heappush(free, places[member])


def clean(cleaning: Cleaning) -> list[Item]:
    """Remove what can go, and return what did; a run that somebody has taken up meanwhile stays.

    Raises:
        StorageError: A file cannot be removed.
    """
    gone = []
    for item in cleaning.items:
        try:
            if item.run is not None:
                remove_run(item.run)
            else:
                with nullcontext() if item.owner is None else locked(item.owner):
                    item.place.remove()
        except UsageError:
            continue
        gone.append(item)
    return gone


def _half_removed(runs_dir: Path) -> Iterator[Item]:
    root = Path(runs_dir).absolute()
    try:
        names = sorted(entry.name for entry in os.scandir(root) if entry.name.startswith(REMOVED))
    except FileNotFoundError:
        return
    except OSError as error:
        raise files.storage_error("read", root, error) from error
    for name in names:
        place = Inside(root / name, (), ())
        yield Item(place, place.num_bytes(), "what is left of a removed run")


def _remains(folder: RunFolder, run: RunSummary) -> Iterator[Item]:
    """Yield what nobody needs of one run; nothing of a run that is being carried out, or that is damaged."""
    if run.state in {None, "running"}:
        return
    fits, shared = folder.file("checkpoints/fits"), folder.file(SHARED)
    whole = []
    if run.state == "finished":
        whole.append((fits, "fits of a run that is over"))
    if run.trials is not None:
        whole.append((shared, "data that the workers of a study shared"))
    going = [(place, reason) for place, reason in whole if place.is_own_folder()]
    for place, reason in going:
        yield Item(place, place.num_bytes(), reason, owner=folder)
    gone = [place.parts for place, _ in going]
    for found, _ in folder.content.walk():
        if files.TEMPORARY.fullmatch(found.name) and not any(found.parts[: len(parts)] == parts for parts in gone):
            gone.append(found.parts)
            yield Item(found, found.num_bytes(), "a file that was never completed", owner=folder)


def best_runs(runs: Sequence[RunSummary], higher_is_better: dict[str, bool]) -> list[Path]:
    """Return, for every dataset, the finished run with the best validation score.

    Args:
        runs: Summaries of all runs.
        higher_is_better: Direction of every metric that a run may have been selected by.
    """
    best: dict[tuple[str | None, str | None, str], tuple[float, str, Path]] = {}
    for run in runs:
        name = run.primary or "loss"
        if run.state != "finished" or not run.validation or name not in run.validation:
            continue
        sign = 1.0 if higher_is_better.get(name, False) else -1.0
        scored = (sign * run.validation[name], run.id, run.path)
        key = (run.task, run.fingerprint, name)
        best[key] = max(best.get(key, scored), scored)
    return [path for _, _, path in best.values()]


def parse_bytes(text: str) -> int:
    """Read a number of bytes, such as `500MB`, `2GiB` or `1000000`.

    Raises:
        UsageError: It is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKMGT]?)(i?)B?", text.strip())
    if found is None or len(found[1]) > 30:
        raise UsageError(f"{text[:50]!r} is no number of bytes", remedy="Write it like 500MB, 2GB or 2GiB.")
    power = " KMGT".index(found[2].upper() or " ")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)
