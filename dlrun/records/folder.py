"""RunFolder: the folder of one run; claimed once, written file by file."""

from __future__ import annotations

import errno
import os
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlrun.base import files
from dlrun.base.inside import Inside, inside
from dlrun.base.text import json_text, parse_json, printable
from dlrun.errors import StorageError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEDGER = "ledger.jsonl"
"""File beside the runs that counts the looks at test sets."""

TEST_ROWS = "test_rows.npz"
"""File of a run with the number and the hash of every test row, by which `dlrun evaluate` knows them again."""

MAX_NAME_LENGTH = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ID = re.compile(r"(\d{8}-\d{6})-([A-Za-z0-9][A-Za-z0-9._-]*)-([0-9a-f]{4,})")


def check_name(name: str) -> str:
    """Return the name of a run if it may become part of a folder's name.

    Raises:
        UsageError: It is empty, too long, or holds something else than letters, digits, dots, dashes and underscores.
    """
    if len(name) <= MAX_NAME_LENGTH and _NAME.fullmatch(name) and ".." not in name:
        return name
    raise UsageError(
        f"'{printable(name[:80])}' cannot be the name of a run",
        remedy=f"Use 1 to {MAX_NAME_LENGTH} letters, digits, '-', '_' and single '.'; begin with a letter or digit.",
    )


def check_place(runs_dir: Path) -> None:
    """Refuse a folder in which no run could be made, as far as that can be told without making anything.

    Args:
        runs_dir: Folder of all runs; it need not exist.

    Raises:
        StorageError: There is a file in its place, or the disk or the permissions do not allow to write there.
    """
    root = Path(runs_dir).absolute()
    there = next(path for path in (root, *root.parents) if os.path.lexists(path))
    if not there.is_dir():
        raise StorageError(
            f"cannot create a run in {printable(str(root))}: {printable(str(there))} is no folder",
            remedy="Choose another folder with --runs-dir.",
        )
    if not os.access(there, os.W_OK | os.X_OK):
        reason = errno.EROFS if _is_read_only(there) else errno.EACCES
        raise files.storage_error("create a run in", root, OSError(reason, os.strerror(reason)))
    check_ledger(root)


def check_ledger(runs_dir: Path) -> None:
    """Refuse a folder of runs whose ledger cannot be written: hours later it would be too late to be told.

    Args:
        runs_dir: Folder of all runs; neither it nor a ledger need exist.

    Raises:
        StorageError: Another user's ledger stands there, or something else that cannot be written.
    """
    path = Path(runs_dir, LEDGER)
    if os.path.lexists(path) and not (path.is_file() and os.access(path, os.R_OK | os.W_OK)):
        raise StorageError(
            f"cannot write {printable(str(path))}, in which every look at a test set is counted",
            remedy="Have its owner let you write to it (`chmod a+rw`), or choose another folder with --runs-dir.",
        )


def _is_read_only(path: Path) -> bool:
    return hasattr(os, "statvfs") and bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def is_id(text: str) -> bool:
    """Tell whether a text has the form of a run's id, `YYYYmmdd-HHMMSS-name-xxxx`."""
    return _ID.fullmatch(text) is not None


def check_id(text: str) -> str:
    """Return a text that a file gives as the id of a run, if it has the form of one and so leads out of no folder.

    Raises:
        ValueError: It has not.
    """
    if not is_id(text):
        raise ValueError("it is no id of a run")
    return text


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run.

    Args:
        path: The folder, absolute.
    """

    path: Path

    @classmethod
    def claim(cls, runs_dir: Path, name: str, *, now: datetime | None = None) -> RunFolder:
        """Make a new folder that no other process can get.

        Args:
            runs_dir: Folder of all runs; made if missing.
            name: Name of the run, the telling part of its id.
            now: Time for the id; the present unless given. The id states it in UTC, so that ids sort by time.

        Raises:
            UsageError: The name cannot be part of a folder's name.
            StorageError: The folder cannot be made.
        """
        check_name(name)
        check_place(runs_dir)
        stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%d-%H%M%S")
        root = Path(runs_dir).absolute()
        try:
            _make_room(root)
            path = _make(root, f"{stamp}-{name}")
            files.sync(root)
        except OSError as error:
            raise files.storage_error("create a run in", root, error) from error
        return cls(path)

    @classmethod
    def at(cls, path: Path) -> RunFolder:
        """Take an existing folder.

        Raises:
            UsageError: There is no such folder.
        """
        if not path.is_dir():
            raise UsageError(f"there is no run folder {printable(str(path))}")
        return cls(path.resolve() if path.is_symlink() else path.absolute())

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.path.name

    @cached_property
    def content(self) -> Inside:
        """All that lies in this folder; the way to it begins at the study or the run that it is a part of."""
        return inside(self.path)

    def file(self, relative: str) -> Inside:
        """Return a file or folder of this run, by its path inside it with `/`; raises ValueError if that leads out."""
        return self.content / relative

    def runs(self, parent: str) -> list[RunFolder]:
        """Return the runs inside this one, oldest first; links are left out.

        Args:
            parent: Folder of this run that holds others, such as `snapshots`.

        Raises:
            StorageError: That is a link, or cannot be read.
        """
        return [RunFolder(found.path) for found in self.file(parent).folders() if is_id(found.name)]

    @property
    def outer(self) -> RunFolder | None:
        """The run or study that this one lies in; None for one that lies beside the others."""
        return RunFolder(self.path.parent.parent) if self.content.run else None

    def inner(self, parent: str, name: str) -> RunFolder:
        """Return the folder of a run inside this one; made if missing, as long as this one is there.

        Args:
            parent: Folder of this run that holds others, such as `snapshots`.
            name: Id of the inner run.

        Raises:
            StorageError: It cannot be made.
        """
        folder = self.file(f"{parent}/{name}")
        folder.make_folder()
        return RunFolder(folder.path)

    def publish(self, relative: str) -> AbstractContextManager[Path]:
        """Yield a temporary path; when the block ends well, what lies there becomes the file.

        Raises:
            StorageError: As `Inside.publish`.
        """
        return self.file(relative).publish()

    def write_bytes(self, relative: str, content: bytes) -> None:
        """Put a file in place, atomically; raises StorageError, also if the folder is not there any more."""
        self.file(relative).write_bytes(content)

    def write_text(self, relative: str, text: str) -> None:
        """Put a UTF-8 text in place, atomically; names that are no text are escaped. Raises StorageError."""
        self.write_bytes(relative, text.encode(errors="backslashreplace"))

    def write_json(self, relative: str, value: object) -> None:
        """Put a value in place as JSON, atomically; NaN and infinity become null. Raises StorageError."""
        self.write_text(relative, json_text(value) + "\n")

    def write_npz(self, relative: str, **arrays: NDArray[Any]) -> None:
        """Put arrays in place as an uncompressed `.npz`, atomically; equal arrays give equal bytes.

        Args:
            relative: Path inside the folder, with `/`.
            arrays: Arrays by name; never Python objects.

        Raises:
            StorageError: The file could not be written.
        """
        self.write_bytes(relative, files.npz_bytes(arrays))

    def remove(self, relative: str) -> None:
        """Remove a file or a folder of this run, if it is there; raises StorageError."""
        self.file(relative).remove()

    def read_text(self, relative: str) -> str:
        """Read a UTF-8 text.

        Raises:
            StorageError: It cannot be read.
        """
        file = self.file(relative)
        try:
            return file.read_bytes().decode()
        except UnicodeDecodeError as error:
            raise StorageError(f"{printable(str(file))} is damaged: it is not UTF-8 text") from error

    def read_json(self, relative: str) -> Any:
        """Read a JSON file.

        Raises:
            StorageError: It cannot be read, or is not JSON.
        """
        text = self.read_text(relative)
        try:
            return parse_json(text)
        except ValueError as error:
            raise StorageError(f"{printable(str(self.file(relative)))} is damaged: it is not JSON") from error

    def read_object(self, relative: str) -> dict[str, Any]:
        """Read a JSON file that holds an object.

        Raises:
            StorageError: It cannot be read, or holds something else.
        """
        value = self.read_json(relative)
        if not isinstance(value, dict):
            raise StorageError(f"{printable(str(self.file(relative)))} is damaged: it is no JSON object")
        return value


def _make_room(runs_dir: Path) -> None:
    """Make the folder of runs if it is missing; one inside of a run may be no link."""
    content = inside(runs_dir)
    if content.run:
        Inside(content.root, (), content.run).make_folder()
    else:
        runs_dir.mkdir(parents=True, exist_ok=True)


def _make(root: Path, stem: str) -> Path:
    """Make a folder with a random end to its name; mkdir is atomic, so that only one process gets it."""
    num_bytes = 2
    while True:
        path = root / f"{stem}-{os.urandom(num_bytes).hex()}"
        try:
            path.mkdir()
        except FileExistsError:
            num_bytes += 1
        else:
            return path
