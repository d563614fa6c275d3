"""A lock on a file: one process at a time holds it, on whatever disk it lies."""

from __future__ import annotations

import errno
import json
import os
import socket
from pathlib import Path
from typing import Any

from dlrun.errors import StorageError
from dlrun.records import files
from dlrun.records.process import is_there, this_process
from dlrun.records.text import parse_json, printable

HELD = ".held"
"""What the name of a second file ends with, which stands for the lock on disks that know none."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""What NFS, CIFS and FUSE say where they cannot lock."""

_MAX_BYTES = 10_000


class Busy(Exception):
    """Another process holds the lock.

    Args:
        holder: Who it is, in words.
        remedy: What to do about it.
    """

    def __init__(self, holder: str, remedy: str) -> None:
        super().__init__(holder)
        self.holder = holder
        self.remedy = remedy


class Lock:
    """A lock that is taken when this is made, and given back by `close` or by the end of the process.

    It is the system's own lock, which ends with its process however that ends. On disks without locks, a second file
    with host, number and start of the holder takes its place; one whose process has died on this machine is cleared
    away, one of another machine is not, since nothing is known of that.

    Args:
        path: The file; made if missing, and never a link. It stays when the lock is given back.

    Raises:
        Busy: Another process holds it.
        StorageError: The file cannot be made or locked.
    """

    def __init__(self, path: Path) -> None:
        self._held: Path | None = None
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._file = os.open(path, flags, 0o666)
        except OSError as error:
            raise files.storage_error("write", path, error) from error
        try:
            self._take(path)
        except BaseException:
            os.close(self._file)
            raise

    def _take(self, path: Path) -> None:
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, _MAX_BYTES, 0).decode("utf-8", "replace").strip()
            raise Busy(printable(holder) or "another process", "Wait for it to end, or stop it first.") from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise files.storage_error("lock", path, error) from error
            self._held = _made(path.with_name(path.name + HELD))
        try:
            if os.fstat(self._file).st_size:
                os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except OSError as error:
            self._give_back()
            raise files.storage_error("write", path, error) from error

    def _give_back(self) -> None:
        if self._held is not None:
            self._held.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the lock back."""
        self._give_back()
        os.close(self._file)


def _made(path: Path) -> Path:
    """Make the second file; only one process can."""
    me = {"host": socket.gethostname(), "pid": os.getpid(), "process": this_process()}
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            _clear(path)
            continue
        except OSError as error:
            raise files.storage_error("write", path, error) from error
        try:
            files.write_all(descriptor, json.dumps(me).encode())
        except OSError as error:
            path.unlink(missing_ok=True)
            raise files.storage_error("write", path, error) from error
        finally:
            os.close(descriptor)
        return path


def _clear(path: Path) -> None:
    """Remove the second file of a process of this machine that has died; raise Busy for any other."""
    holder = _holder(path)
    if holder is None:
        return
    if is_there(holder["process"], holder["pid"]) is not False:
        words = f"process {holder['pid']} on {printable(holder['host'])}"
        raise Busy(words, f"Wait for it to end, or stop it first. If it is gone, remove {printable(str(path))}.")
    aside = path.with_name(f"{path.name}-{os.urandom(4).hex()}")
    try:
        os.rename(path, aside)  # noqa: PTH104 - of several that try, one succeeds
    except FileNotFoundError:
        return
    except OSError as error:
        raise files.storage_error("remove", path, error) from error
    if _holder(aside) == holder:
        aside.unlink(missing_ok=True)
    else:  # between reading and renaming, another one has taken it
        os.rename(aside, path)  # noqa: PTH104


def _holder(path: Path) -> dict[str, Any] | None:
    """Read who holds the lock; None if nobody does any more."""
    try:
        content = files.read_bytes(path, limit=_MAX_BYTES)
    except StorageError:
        if not os.path.lexists(path):
            return None
        raise
    try:
        told = parse_json(content)
        return {"host": str(told["host"]), "pid": int(told["pid"]), "process": str(told["process"])}
    except (ValueError, TypeError, KeyError):
        return {"host": "a machine that is not told", "pid": 0, "process": ""}  # it is being written
