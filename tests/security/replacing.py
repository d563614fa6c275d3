"""What stands in place of a file or a folder of a run that somebody hands over: links, pipes, holes, other content.

Everything is drawn from a seed. `replace` puts one or two things into a folder, and says which.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import contents
import numpy as np
import yaml

SECRET = "TOPSECRET7391"
"""A word of the files outside, which no command may tell."""

HOLE_BYTES = 4 * 2**30
_MOST_READ = 2**26

_MADE = re.compile(r"\d{8}-\d{6}-|-[0-9a-f]{4,}\b|tfevents.*")
"""What of a name tells when it was made, and by which machine."""

Random = np.random.Generator
Way = Callable[[Path, Path, Random], None]
"""Puts something in place of a path that has been removed; what it was lies in the second one, outside of the run."""


def furnish(outside: Path) -> None:
    """Make the folder of what is none of a run's, to which links lead."""
    (outside / "folder" / "deeper").mkdir(parents=True)
    names = ("status.json", "config.yaml", "journal.jsonl", "metrics.json", "state.safetensors", "deeper/secret.json")
    for name in ("secret.txt", "folder/secret.txt", *(f"folder/{name}" for name in names)):
        (outside / name).write_text(f"{SECRET}\n")


def _with_secret(name: str, content: bytes) -> bytes:
    """Return what a file held with the secret in it, still of its form where that can be done."""
    try:
        if name.endswith(".json"):
            return json.dumps(_told_everywhere(json.loads(content))).encode()
        if name.endswith(".yaml"):
            return yaml.safe_dump({**yaml.safe_load(content), "name": SECRET}).encode()
    except (ValueError, TypeError, yaml.YAMLError):
        pass
    if name.endswith((".npz", ".skops", ".safetensors", ".zip", ".keras")):
        return content
    return content + f"{SECRET}\n".encode()


def _told_everywhere(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _told_everywhere(value) for name, value in tree.items()} | {SECRET: SECRET}
    return [_told_everywhere(value) for value in tree] if isinstance(tree, list) else tree


def _link_to_text(path: Path, kept: Path, _random: Random) -> None:
    path.symlink_to(_outside(kept) / "secret.txt")


def _link_to_copy(path: Path, kept: Path, _random: Random) -> None:
    copy = _outside(kept) / f"copy-{path.name}"
    if kept.is_dir():
        shutil.copytree(kept, copy, symlinks=True)
        (copy / "secret.txt").write_text(SECRET)
    else:
        copy.write_bytes(_with_secret(path.name, _content(kept)))
    path.symlink_to(copy, target_is_directory=kept.is_dir())


def _link_to_folder(path: Path, kept: Path, _random: Random) -> None:
    path.symlink_to(_outside(kept) / "folder", target_is_directory=True)


def _link_to_run(path: Path, kept: Path, _random: Random) -> None:
    path.symlink_to(_outside(kept).parent / "work" / "runs", target_is_directory=True)


def _link_to_nothing(path: Path, kept: Path, _random: Random) -> None:
    path.symlink_to(_outside(kept) / "nothing")


def _link_to_itself(path: Path, _kept: Path, _random: Random) -> None:
    path.symlink_to(path.name)


def _link_to_device(path: Path, _kept: Path, random: Random) -> None:
    path.symlink_to(contents.picked(random, ("/dev/zero", "/dev/stdin", "/dev/full")))


def _folder(path: Path, _kept: Path, _random: Random) -> None:
    (path / "deeper").mkdir(parents=True)


def _pipe(path: Path, _kept: Path, _random: Random) -> None:
    os.mkfifo(path)


def _gone(path: Path, kept: Path, random: Random) -> None:
    pass


def _empty(path: Path, _kept: Path, _random: Random) -> None:
    path.write_bytes(b"")


def _holes(path: Path, kept: Path, _random: Random) -> None:
    path.write_bytes(_content(kept))
    os.truncate(path, HOLE_BYTES)


def _large(path: Path, kept: Path, random: Random) -> None:
    path.write_bytes(contents.large(path.name, _content(kept), random))


def _mutated(path: Path, kept: Path, random: Random) -> None:
    path.write_bytes(contents.mutated(path.name, _content(kept), random))


def _bait(path: Path, kept: Path, random: Random) -> None:
    """A file that runs code, or takes all memory, in a program that trusts it; its canary is outside."""
    canary = _outside(kept).parent / "canary"
    if path.suffix in (".yaml", ".json", ".jsonl"):
        path.write_text(contents.picked(random, [*contents.baits.TEXTS.values()])(canary), encoding="utf-8")
    else:
        path.write_bytes(contents.picked(random, [*contents.baits.MODELS.values()])(canary))


def _content(kept: Path) -> bytes:
    """Return what stood there, which an earlier replacement may have made gigabytes long."""
    is_short = kept.is_file() and kept.stat().st_size < _MOST_READ
    return kept.read_bytes() if is_short else b""


def _outside(kept: Path) -> Path:
    return kept.parent.parent / "outside"


_LINKS: dict[str, Way] = {
    "link to a text": _link_to_text,
    "link to a copy": _link_to_copy,
    "link to a folder": _link_to_folder,
    "link to the runs": _link_to_run,
    "link to nothing": _link_to_nothing,
    "link to itself": _link_to_itself,
}
_FOR_FILES: dict[str, Way] = _LINKS | {
    "link to a device": _link_to_device,
    "folder": _folder,
    "pipe": _pipe,
    "gone": _gone,
    "empty": _empty,
    "holes": _holes,
    "bait": _bait,
    "large": _large,
    "mutated": _mutated,
}
_FOR_FOLDERS: dict[str, Way] = _LINKS | {"pipe": _pipe, "gone": _gone, "empty": _empty}
_WEIGHTS = {"mutated": 12.0, "large": 4.0, "bait": 2.0, "link to a copy": 2.0}
"""How much more often than once a way is drawn."""


def ways() -> list[str]:
    """Return the names of all ways."""
    return list(_FOR_FILES)


def replace(folder: Path, scratch: Path, absent: tuple[str, ...], random: Random, only: str | None = None) -> str:
    """Replace one or two files or folders of a run.

    Args:
        folder: The run's folder, or its only file; changed where it lies.
        scratch: A folder beside that of the files outside, for what was there.
        absent: Names of files and folders that may be missing and that commands make, so that links may stand there.
        random: Draws what is replaced, and by what.
        only: Name of the one way that is wanted; any unless given.

    Returns:
        What was done, in words.
    """
    return " and ".join(_replace(folder, scratch, absent, random, only) for _ in range(1 + (random.random() < 0.2)))


def _replace(folder: Path, scratch: Path, absent: tuple[str, ...], random: Random, only: str | None) -> str:
    places = _places(folder, absent)
    upper = [path for path in places if path.parent == folder]
    path = contents.picked(random, upper if upper and random.random() < 0.5 else places)
    known = _FOR_FOLDERS if path.is_dir() and not path.is_symlink() else _FOR_FILES
    names = [name for name in known if only in (None, name)] or ["gone"]
    weights = np.array([_WEIGHTS.get(name, 1.0) for name in names])
    name = str(random.choice(names, p=weights / weights.sum()))
    kept = scratch / path.name
    remove(kept)
    if os.path.lexists(path):
        path.rename(kept)
    path.parent.mkdir(parents=True, exist_ok=True)
    known.get(name, _gone)(path, kept, random)
    place = "." if path == folder else path.relative_to(folder).as_posix()
    return f"{place}: {name}"


def _places(folder: Path, absent: tuple[str, ...]) -> list[Path]:
    """List what may be replaced, in an order that does not depend on when the run was made."""
    if not folder.is_dir() or folder.is_symlink():
        return [folder]
    there = [Path(place, name) for place, folders, files in os.walk(folder) for name in (*folders, *files)]
    missing = [folder / name for name in absent]
    missing = [path for path in missing if not os.path.lexists(path) and not _leads_away(path, folder)]
    return [folder, *sorted(there, key=lambda path: _MADE.sub("", str(path.relative_to(folder)))), *missing]


def _leads_away(path: Path, folder: Path) -> bool:
    above = [parent for parent in path.parents if parent.is_relative_to(folder)]
    return any(os.path.lexists(parent) and (parent.is_symlink() or not parent.is_dir()) for parent in above)


def remove(path: Path) -> None:
    """Remove whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
