"""Watches what lies around a folder that somebody has handed over: names, modes, links, times and bytes."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path

Seen = dict[str, tuple[object, ...]]
"""Of each path below a folder, what can be seen of it."""


def seen(folder: Path, apart: Sequence[Path]) -> Seen:
    """Look at everything below a folder.

    Args:
        folder: The folder.
        apart: Paths in it that are not looked at, nor what lies below them.
    """
    hidden = {str(path) for path in apart}
    found: Seen = {}
    stack = [str(folder)]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                if entry.path in hidden:
                    continue
                found[os.path.relpath(entry.path, folder)] = _looked_at(entry)
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
    return found


def _looked_at(entry: os.DirEntry[str]) -> tuple[object, ...]:
    """Return what can be seen; the time at which an inode was changed betrays every way of writing to it."""
    status = entry.stat(follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        return (status.st_mode, status.st_ino)  # its entries are looked at themselves
    link = str(Path(entry.path).readlink()) if entry.is_symlink() else ""
    return (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, link)


def changed(before: Seen, after: Seen, allowed: Sequence[re.Pattern[str]]) -> list[str]:
    """Return the paths that are new, gone or different, but for those that may be."""
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return [
        f"{name} is {'new' if name not in before else 'gone' if name not in after else 'changed'}"
        for name in names
        if not any(pattern.fullmatch(name) for pattern in allowed)
    ]


def holds(path: Path, word: str) -> bool:
    """Tell whether a file holds a word, in itself or in a file of it that is packed."""
    if not path.is_file() or path.is_symlink():
        return False
    if word.encode() in path.read_bytes():
        return True
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(word.encode() in archive.read(name) for name in archive.namelist())
