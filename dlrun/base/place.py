"""Place: where something lies inside the folder of a run, and what is there; see `inside`."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Self

from dlrun.base import files
from dlrun.base.way import link_error, opened, walked
from dlrun.errors import StorageError


@dataclass(frozen=True)
class Place:
    """A file or folder inside the folder of a run; it need not exist.

    Args:
        root: Folder that the way begins at: that of the run, or of the study around it.
        run: Parts of the way from there to the folder of the run; they have to be there, and are never made.
        parts: Parts of the way from there on; empty for the folder itself.
    """

    root: Path
    run: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where it lies: for messages, and for libraries that want a name; not to be opened."""
        return self.root.joinpath(*self.run, *self.parts)

    @property
    def name(self) -> str:
        """The last part of the way."""
        return self.path.name

    @property
    def stem(self) -> str:
        """The name without its last suffix."""
        return self.path.stem

    @property
    def relative(self) -> str:
        """The way from the folder of the run, with `/`."""
        return "/".join(self.parts)

    def __str__(self) -> str:
        return str(self.path)

    def __truediv__(self, relative: str) -> Self:
        """Return what lies further inside.

        Raises:
            ValueError: The path leads out.
        """
        parts = PurePosixPath(relative).parts
        if not parts or parts[0] == "/" or ".." in parts or "\0" in relative:
            raise ValueError(f"{relative!r} is no path inside a run folder")
        return replace(self, parts=(*self.parts, *parts))

    def beside(self, name: str) -> Self:
        """Return what lies in the same folder under another name; it may not be the folder of a run."""
        return replace(self, parts=(*self.parts[:-1], name))

    def info(self) -> os.stat_result | None:
        """Return what the system knows of it; None if it is not there.

        Raises:
            StorageError: It is a link, lies behind one, or the system does not tell.
        """
        found = self._lstat()
        if found is not None and stat.S_ISLNK(found.st_mode):
            raise link_error(self.path)
        return found

    def _lstat(self) -> os.stat_result | None:
        try:
            with self._parent() as parent:
                return os.stat(self.name, dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise files.storage_error("read", self.path, error) from error

    def exists(self) -> bool:
        """Tell whether there is anything; raises StorageError as `info`."""
        return self.info() is not None

    def is_file(self) -> bool:
        """Tell whether there is a file; raises StorageError as `info`."""
        found = self.info()
        return found is not None and stat.S_ISREG(found.st_mode)

    def is_dir(self) -> bool:
        """Tell whether there is a folder; raises StorageError as `info`."""
        found = self.info()
        return found is not None and stat.S_ISDIR(found.st_mode)

    def is_own(self) -> bool:
        """Tell without an error whether there is anything of the run's own: no link, and nothing behind one."""
        try:
            return self.exists()
        except StorageError:
            return False

    def is_own_folder(self) -> bool:
        """Tell without an error whether there is a folder of the run's own: no link, and nothing behind one."""
        try:
            return self.is_dir()
        except StorageError:
            return False

    def files(self, pattern: str = "*") -> list[Self]:
        """Return the files that lie directly in this folder, by name; none if there is no such folder.

        Args:
            pattern: Of the names, as of a shell.

        Raises:
            StorageError: It is a link or lies behind one, or cannot be read.
        """
        return self._inner(pattern, lambda entry: entry.is_file(follow_symlinks=False))

    def folders(self, pattern: str = "*") -> list[Self]:
        """Return the folders that lie directly in this one, links left out; otherwise as `files`."""
        return self._inner(pattern, lambda entry: entry.is_dir(follow_symlinks=False))

    def _inner(self, pattern: str, wanted: Callable[[os.DirEntry[str]], bool]) -> list[Self]:
        if not self.is_dir():
            return []
        try:
            with self._opened() as folder, os.scandir(folder) as entries:
                names = [entry.name for entry in entries if wanted(entry)]
        except FileNotFoundError:  # it went meanwhile
            return []
        except OSError as error:
            raise files.storage_error("read", self.path, error) from error
        return [replace(self, parts=(*self.parts, name)) for name in sorted(fnmatch.filter(names, pattern))]

    def walk(self, into: Callable[[str], bool] = lambda _: True) -> Iterator[tuple[Self, os.stat_result]]:
        """Yield all that lies in this folder and below, links themselves included, folders before their content.

        Args:
            into: Tells by its name whether to go into a folder.

        Raises:
            StorageError: It is a link or lies behind one, or cannot be read.
        """
        if not self.is_dir():
            return
        try:
            with self._opened() as folder:
                for place, subfolders, names, descriptor in os.fwalk(".", dir_fd=folder):
                    parts = (*self.parts, *PurePosixPath(place).parts)
                    found_here = sorted([*names, *subfolders])
                    subfolders[:] = sorted(filter(into, subfolders))
                    for name in found_here:
                        with suppress(FileNotFoundError):  # it went meanwhile
                            found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                            yield replace(self, parts=(*parts, name)), found
        except FileNotFoundError:  # it went meanwhile
            return
        except OSError as error:
            raise files.storage_error("read", self.path, error) from error

    def num_bytes(self) -> int:
        """Return the bytes of the file, or of all files in the folder; 0 if there is nothing. Links are not followed.

        Raises:
            StorageError: It lies behind a link, or cannot be read.
        """
        own = self._lstat()
        if own is None:
            return 0
        if not stat.S_ISDIR(own.st_mode):
            return own.st_size
        return sum(found.st_size for _, found in self.walk() if not stat.S_ISDIR(found.st_mode))

    @contextmanager
    def _parent(self, *, make: bool = False) -> Iterator[int]:
        """Yield a descriptor of the folder that this lies in; raises OSError and StorageError."""
        if self.parts:
            way = walked(self.root, self.run, self.parts[:-1], make=make)
        elif self.run:
            way = walked(self.root, self.run[:-1], (), make=False)
        else:
            way = opened(self.root.parent)
        with way as parent:
            yield parent

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Yield a descriptor of this folder; raises OSError and StorageError."""
        with walked(self.root, self.run, self.parts, make=False) as folder:
            yield folder

    @contextmanager
    def _telling(self, verb: str) -> Iterator[None]:
        """Turn what the system says against it into an error that names the file."""
        try:
            yield
        except OSError as error:
            raise files.storage_error(verb, self.path, error) from error
