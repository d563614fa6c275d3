"""The way into the folder of a run: walked part by part from descriptor to descriptor, and never through a link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dlrun.base.text import printable
from dlrun.errors import StorageError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_STOPPED = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)
"""What systems say where a link, or a file, stands in the way."""


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """Yield a descriptor of a folder that the user has named, through links or not; raises OSError."""
    held = os.open(folder, _FOLDER)
    try:
        yield held
    finally:
        os.close(held)


@contextmanager
def walked(root: Path, run: Sequence[str], further: Sequence[str], *, make: bool) -> Iterator[int]:
    """Yield a descriptor of the folder at the end of a way.

    Args:
        root: Where the way begins; no link itself, while those around it may be reached through links.
        run: Parts of the way to the folder of a run, which have to be there.
        further: Parts of the way from there on.
        make: Whether to make those parts if they are missing.

    Raises:
        OSError: A part is not there, or the system refuses.
        StorageError: A part is a link; or something is to be made, and the folder of the run is gone.
    """
    held = _begun(root, gone=make)
    place = root
    try:
        for depth, part in enumerate((*run, *further)):
            place = place / part
            try:
                inner = step(held, part, place, make=make and depth >= len(run))
            except FileNotFoundError as error:
                raise (_gone(root.joinpath(*run)) if make else error) from error
            os.close(held)
            held = inner
        yield held
    finally:
        os.close(held)


def _begun(root: Path, *, gone: bool) -> int:
    """Open the folder that a way begins at; `gone` tells whether to say so if it is not there."""
    try:
        return os.open(root, _FOLDER | os.O_NOFOLLOW)
    except OSError as error:
        if root.is_symlink():
            raise link_error(root) from error
        if gone and error.errno == errno.ENOENT:
            raise _gone(root) from error
        raise


def step(parent: int, part: str, place: Path, *, make: bool) -> int:
    """Open a folder inside another one, and return its descriptor.

    Args:
        parent: Descriptor of the folder around it.
        part: Its name there.
        place: Where it lies, for messages.
        make: Whether to make it if it is missing.

    Raises:
        OSError: It is not there, or the system refuses.
        StorageError: It is a link.
    """
    if make:
        with suppress(FileExistsError):
            os.mkdir(part, dir_fd=parent)
    try:
        return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except OSError as error:
        refuse_link(parent, part, place, error)
        raise


def refuse_link(parent: int, part: str, place: Path, error: OSError) -> None:
    """Say so in place of the system if what could not be opened is a link; arguments as of `step`."""
    if error.errno in _STOPPED and stat.S_ISLNK(os.stat(part, dir_fd=parent, follow_symlinks=False).st_mode):
        raise link_error(place) from error


def link_error(path: Path) -> StorageError:
    """Return the error for a link where dlrun makes none."""
    return StorageError(
        f"{printable(str(path))} is a link, and no file of a run",
        remedy="Look where it leads; put the file itself in its place, or remove it.",
    )


def _gone(folder: Path) -> StorageError:
    return StorageError(
        f"the run folder {printable(str(folder))} is gone: it was removed or moved while it was written to",
        remedy="Nothing more can be kept of this run; start it anew.",
    )
