"""Inside: a file or folder inside the folder of a run, and the one door to it.

A run folder may have come from a stranger, and a link in it may lead anywhere: what is read there would be private,
what is written or removed would be lost. So the way to whatever lies in one is walked part by part, from a descriptor
of the folder, and no part of it is followed if it is a link (openat(2) with O_NOFOLLOW). An `Inside` is no path to the
system: it can be opened by its own methods alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlrun.base import files
from dlrun.base.place import Place
from dlrun.base.way import refuse_link, step

TRIALS = "trials"
"""Folder of a study's trials."""

FINAL = "final"
"""Folder of the runs of a study that look at the test rows."""

SNAPSHOTS = "snapshots"
"""Folder of a run that holds its snapshots, which are runs."""

TRAINED = "members"
"""Folder of an ensemble for members that are trained again."""

_HOLD_RUNS = (TRIALS, FINAL, SNAPSHOTS, TRAINED)
_OF_A_RUN = ("status.json", "study.json")


class Inside(Place):
    """A file or folder inside the folder of a run, to be opened, written and removed; it need not exist."""

    def open(self, flags: int = os.O_RDONLY) -> int:
        """Open the file and return its descriptor, which is the caller's to close.

        Args:
            flags: As of `os.open`; with O_CREAT missing folders are made, but not that of the run.

        Raises:
            OSError: It is not there, is no regular file, or the system refuses.
            StorageError: It is a link or lies behind one, or the folder of the run is gone.
        """
        with self._parent(make=bool(flags & os.O_CREAT)) as parent:
            try:
                return files.open_regular(self.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, parent=parent)
            except OSError as error:
                refuse_link(parent, self.name, self.path, error)
                raise

    def read_bytes(self, *, limit: int | None = None) -> bytes:
        """Read the whole file.

        Args:
            limit: Most bytes that the file may have; None for any number.

        Raises:
            StorageError: It cannot be read, is longer than `limit`, a large one that is nearly all holes, or a link.
        """
        with self._telling("read"):
            return files.read_open(self.open(), self.path, limit)

    def open_to_append(self) -> int:
        """Open the file to read and to append, and return its descriptor; made if missing.

        Raises:
            StorageError: It cannot be opened, or is a link.
        """
        with self._telling("write"):
            return self.open(os.O_RDWR | os.O_CREAT | os.O_APPEND)

    @contextmanager
    def publish(self) -> Iterator[Path]:
        """Yield a temporary path; when the block ends well, what lies there becomes the file. See `files.publish`.

        Raises:
            StorageError: As `files.publish`; a part of the way is a link; or the folder of the run is gone, which
                nothing makes anew.
        """
        with self._to_write() as parent, files.publish_in(parent, self.path) as temporary:
            yield temporary

    def write_bytes(self, content: bytes) -> None:
        """Put the file in place, atomically; raises StorageError as `publish`."""
        with self._to_write() as parent:
            files.write_in(parent, self.path, content)

    def overwrite(self, content: bytes) -> None:
        """Write over a small file where it lies: the way for last words when the disk has no room for a second file.

        Args:
            content: Its new content, which should fit the block that the file has already.

        Raises:
            StorageError: The file could not be written; it may be damaged.
        """
        with self._telling("write"):
            descriptor = self.open(os.O_WRONLY)
            try:
                files.write_all(descriptor, content)
                os.ftruncate(descriptor, len(content))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def append_line(self, line: str) -> None:
        """Add a line to a file that only grows, and wait until it is on the disk.

        A torn line that a killed process left at the end is closed off, so that it spoils none but itself.

        Args:
            line: Without its end.

        Raises:
            StorageError: It could not be written.
        """
        with self._telling("write"):
            descriptor = self.open_to_append()
            try:
                size = os.lseek(descriptor, 0, os.SEEK_END)
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                files.write_all(
                    descriptor, (f"\n{line}\n" if torn else f"{line}\n").encode("utf-8", "backslashreplace")
                )
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def make_folder(self) -> None:
        """Make the folder, and those around it inside the run, if they are missing.

        Raises:
            StorageError: It cannot be made, or a part of the way is a link or a file.
        """
        with self._telling("create"), self._parent(make=True) as parent:
            os.close(step(parent, self.name, self.path, make=True))

    def sync(self) -> None:
        """Wait until the list of names of this folder is on the disk; raises StorageError."""
        with self._telling("write"), self._opened() as folder:
            files.sync_open(folder)

    def remove(self) -> None:
        """Remove the file, or the folder with all that is in it, if it is there; a link is removed, not followed.

        Raises:
            StorageError: It lies behind a link, or cannot be removed.
        """
        try:
            with self._parent() as parent:
                files.remove_in(parent, self.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise files.storage_error("remove", self.path, error) from error

    def rename(self, name: str) -> Inside:
        """Give it another name beside the old one, and return it under that; it is on the disk then.

        Args:
            name: The new name, of which nothing is there, or what is to be replaced.

        Raises:
            OSError: It is not there, or the system refuses.
            StorageError: It lies behind a link.
        """
        with self._parent() as parent:
            os.rename(self.name, name, src_dir_fd=parent, dst_dir_fd=parent)
            files.sync_open(parent)
        if self.parts:
            return Inside(self.root, self.run, (*self.parts[:-1], name))
        if self.run:
            return Inside(self.root, (*self.run[:-1], name), ())
        return Inside(self.root.with_name(name), (), ())

    def discard_temporaries(self) -> None:
        """Remove what writers that were killed have left in this folder and below it; nobody may be writing there.

        Raises:
            StorageError: It cannot be read.
        """
        for found in [found for found, _ in self.walk() if files.TEMPORARY.fullmatch(found.name)]:
            found.remove()

    @contextmanager
    def _to_write(self) -> Iterator[int]:
        """Yield a descriptor of the folder to write in; folders inside the run are made if they are missing."""
        with self._telling("write"), self._parent(make=True) as parent:
            yield parent


def inside(path: Path) -> Inside:
    """Return what lies in the folder of a run, or of runs inside of one, by the way from the outermost run.

    Args:
        path: The folder, absolute. What is around a run is the user's; links there are followed.
    """
    root = path
    run: tuple[str, ...] = ()
    while root.parent.name in _HOLD_RUNS and _is_run(root.parent.parent):
        root, run = root.parent.parent, (root.parent.name, root.name, *run)
    if root.name in _HOLD_RUNS and _is_run(root.parent):
        root, run = root.parent, (root.name, *run)
    return Inside(root, run, ())


def _is_run(folder: Path) -> bool:
    return any(os.path.lexists(folder / name) for name in _OF_A_RUN)
