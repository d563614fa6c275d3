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

from dlrun.base.holes import refuse_holes
from dlrun.base.limits import NO_MORE
from dlrun.base.text import printable
from dlrun.errors import StorageError

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
    with _parent(path) as parent, publish_in(parent, path) as temporary:
        yield temporary


@contextmanager
def publish_in(parent: int, path: Path) -> Iterator[Path]:
    """Do as `publish` for a file whose folder is open already.

    Args:
        parent: Descriptor of the folder.
        path: Where the file is to be.

    Raises:
        StorageError: As `publish`.
    """
    temporary = path.with_name(_temporary_name(path))
    try:
        yield temporary
        _sync_in(parent, temporary.name)
        os.replace(temporary.name, path.name, src_dir_fd=parent, dst_dir_fd=parent)
        sync_open(parent)
    except OSError as error:
        _discard(parent, temporary.name)
        raise storage_error("write", path, error) from error
    except BaseException:
        _discard(parent, temporary.name)
        raise


@contextmanager
def _parent(path: Path) -> Iterator[int]:
    """Yield a descriptor of the folder in which a file is to be; made if missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise storage_error("write", path, error) from error
    try:
        yield parent
    finally:
        os.close(parent)


def _temporary_name(path: Path) -> str:
    """Make up a name that tells whose it is, and that every system takes which takes the name of the file."""
    stem = os.fsdecode(os.fsencode(path.stem)[:_TEMPORARY_STEM])
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= _TEMPORARY_SUFFIX else ""
    return f".{stem}-{os.urandom(4).hex()}.tmp{suffix}"


def _discard(parent: int, name: str) -> None:
    with suppress(OSError):
        remove_in(parent, name)


def remove_in(parent: int, name: str) -> None:
    """Remove a file or a folder with all that is in it; a link is removed, and what it leads to stays.

    Args:
        parent: Descriptor of the folder that it lies in.
        name: Its name there.

    Raises:
        OSError: It is not there, or cannot be removed.
    """
    if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        shutil.rmtree(name, dir_fd=parent)
    else:
        os.unlink(name, dir_fd=parent)


def _sync_in(parent: int, name: str) -> None:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        sync_open(descriptor)
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk; see `sync_open`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync_open(descriptor)
    finally:
        os.close(descriptor)


def sync_open(descriptor: int) -> None:
    """Wait until an open file, or a folder's list of names where the disk can sync that, is on the disk.

    Raises:
        OSError: The disk refused.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC or not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise


def write_bytes(path: Path, content: bytes) -> None:
    """Put a file in place, atomically.

    Args:
        path: Where the file is to be; an existing one is replaced.
        content: All of it.

    Raises:
        StorageError: The file could not be written; a previous one is untouched.
    """
    with _parent(path) as parent:
        write_in(parent, path, content)


def write_in(parent: int, path: Path, content: bytes) -> None:
    """Do as `write_bytes` for a file whose folder is open already.

    Args:
        parent: Descriptor of the folder.
        path: Where the file is to be.
        content: All of it.

    Raises:
        StorageError: As `write_bytes`.
    """
    with publish_in(parent, path) as temporary:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(temporary.name, flags, 0o666, dir_fd=parent)
        try:
            write_all(descriptor, content)
        finally:
            os.close(descriptor)


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
        return read_open(open_regular(str(path), os.O_RDONLY | os.O_CLOEXEC), path, limit)
    except OSError as error:
        raise storage_error("read", path, error) from error


def read_open(descriptor: int, path: Path, limit: int | None) -> bytes:
    """Do as `read_bytes` for a file that is open already, and is closed then.

    Raises:
        OSError: It cannot be read, or is a large one that is nearly all holes.
        StorageError: It is longer than `limit`.
    """
    with open(descriptor, "rb") as file:
        refuse_holes(descriptor)
        content = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(content) > limit:
        raise StorageError(f"cannot read {printable(str(path))}: it is longer than {limit:,} bytes")
    return content


def open_regular(path: str, flags: int, *, parent: int | None = None) -> int:
    """Open a file, and no pipe or device, which could keep the reader waiting for ever; an opener for `open`.

    Args:
        path: The file.
        flags: As of `os.open`.
        parent: Descriptor of the folder that a relative path counts from; None for the current one.

    Raises:
        OSError: It is something else than a file.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK, 0o666, dir_fd=parent)
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
