"""Files that are either wholly there or not: written under a temporary name, flushed, synced and renamed."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlrun.errors import NO_MORE, StorageError
from dlrun.records.holes import refuse_holes
from dlrun.records.text import printable

if TYPE_CHECKING:
    import zipfile

    from numpy.typing import NDArray

_REASONS = NO_MORE | {
    errno.ENOSPC: ("the disk is full", "Free some space, or choose another folder with --runs-dir."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space, or choose another folder with --runs-dir."),
    errno.EFBIG: (
        "the file would be longer than the system or `ulimit -f` allows",
        "Raise that limit, or choose another folder with --runs-dir.",
    ),
    errno.EROFS: ("the disk is read-only", "Choose a folder that can be written to with --runs-dir."),
    errno.EACCES: ("permission denied", "Choose a folder that you may write to with --runs-dir."),
    errno.EPERM: ("permission denied", "Choose a folder that you may write to with --runs-dir."),
    errno.EIO: ("the disk reports an input/output error", "Check the disk, or choose another folder with --runs-dir."),
}


TEMPORARY = re.compile(r"\..*-[0-9a-f]{8}\.tmp(\..*)?", re.DOTALL)
"""Names that `publish` gives to what is not complete."""

_TEMPORARY_STEM, _TEMPORARY_SUFFIX = 100, 20
"""Bytes that a temporary name takes over of the name that the file is to have; systems take 255 in all."""


_NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)
"""What CIFS and FUSE say of a folder, whose list of names they write at once or not at all."""


def storage_error(verb: str, path: Path, error: OSError) -> StorageError:
    """Say which file could not be read or written, and why.

    Args:
        verb: What failed: `read`, `write`, `create`.
        path: The file or folder.
        error: What the system said.
    """
    unknown = (error.strerror or str(error) or type(error).__name__, None)
    reason, remedy = _REASONS.get(error.errno or 0, unknown)
    return StorageError(
        f"cannot {verb} {printable(str(path))}: {reason}",
        remedy=None if verb == "read" and error.errno not in NO_MORE else remedy,
    )


@contextmanager
def publish(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; when the block ends well, what lies there becomes `path`.

    The old content stays until the new one is complete and on the disk; after a failure nothing of the new one is left.
    The temporary name keeps the suffix of `path`, since some writers choose their format by it. A folder may be
    published as well, if `path` does not exist yet.

    Args:
        path: Where the file is to be; missing parent folders are made.

    Raises:
        StorageError: The system refused a step, inside the block or after it.
    """
    temporary = path.with_name(_temporary_name(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync(temporary)
        os.replace(temporary, path)  # noqa: PTH105 - tests make this very call fail
        sync(path.parent)
    except OSError as error:
        _discard(temporary)
        raise storage_error("write", path, error) from error
    except BaseException:
        _discard(temporary)
        raise


def _temporary_name(path: Path) -> str:
    """Make up a name that tells whose it is, and that every system takes which takes the name of the file."""
    stem = os.fsdecode(os.fsencode(path.stem)[:_TEMPORARY_STEM])
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= _TEMPORARY_SUFFIX else ""
    return f".{stem}-{os.urandom(4).hex()}.tmp{suffix}"


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


def discard_temporaries(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder and those below it; nobody may be writing there."""
    for place, subfolders, names in os.walk(folder):
        for name in (*subfolders, *names):
            if TEMPORARY.fullmatch(name):
                _discard(Path(place, name))


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names where the disk can sync that, is on the disk.

    Raises:
        OSError: The disk refused.
    """
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder, and needs no sync of it
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (error.errno in _NO_SYNC and path.is_dir()):
            raise
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Put a file in place, atomically.

    Args:
        path: Where the file is to be; an existing one is replaced.
        content: All of it.

    Raises:
        StorageError: The file could not be written; a previous one is untouched.
    """
    with publish(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        try:
            write_all(descriptor, content)
        finally:
            os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there; links are removed, not followed.

    Raises:
        StorageError: It cannot be removed.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error("remove", path, error) from error


def append_line(path: Path, line: str) -> None:
    """Add a line to a file that only grows, and wait until it is on the disk.

    A torn line that a killed process left at the end is closed off, so that it spoils none but itself.

    Args:
        path: The file; made if missing.
        line: Without its end.

    Raises:
        StorageError: It could not be written.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            size = os.lseek(descriptor, 0, os.SEEK_END)
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            write_all(descriptor, (f"\n{line}\n" if torn else f"{line}\n").encode("utf-8", "backslashreplace"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error("write", path, error) from error


def overwrite(path: Path, content: bytes) -> None:
    """Write over a small file where it lies: the way for last words when the disk has no room for a second file.

    Args:
        path: An existing file.
        content: Its new content, which should fit the block that the file has already.

    Raises:
        StorageError: The file could not be written; it may be damaged.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
        try:
            write_all(descriptor, content)
            os.ftruncate(descriptor, len(content))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error("write", path, error) from error


def write_all(descriptor: int, content: bytes) -> None:
    """Write all bytes to an open file, however few the system takes at a time.

    Raises:
        OSError: The disk refused.
    """
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read_bytes(path: Path, *, limit: int | None = None) -> bytes:
    """Read a whole file.

    Args:
        path: The file.
        limit: Most bytes that the file may have; None for any number.

    Raises:
        StorageError: The file cannot be read, is longer than `limit`, or is a large one that is nearly all holes.
    """
    try:
        with open(path, "rb", opener=open_regular) as file:
            refuse_holes(file.fileno())
            content = file.read() if limit is None else file.read(limit + 1)
    except OSError as error:
        raise storage_error("read", path, error) from error
    if limit is not None and len(content) > limit:
        raise StorageError(f"cannot read {printable(str(path))}: it is longer than {limit:,} bytes")
    return content


def open_regular(path: str, flags: int) -> int:
    """Open a file, and no pipe or device, which could keep the reader waiting for ever; an opener for `open`.

    Raises:
        OSError: It is something else than a file.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(0, "it is no regular file")


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack arrays as an uncompressed `.npz`; the same arrays give the same bytes.

    Args:
        arrays: Arrays of numbers, truth values or fixed-width texts, by name.

    Raises:
        ValueError: An array holds Python objects, which only pickle could store.
    """
    import zipfile

    import numpy as np

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(undated(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def undated(name: str) -> zipfile.ZipInfo:
    """Return an entry of an archive that carries the same date, 1980-01-01, and the same system whenever it is written.

    Args:
        name: Path inside the archive.
    """
    import zipfile

    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    return entry
