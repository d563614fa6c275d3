"""A lock on a file: one process at a time holds it, on whatever disk it lies."""

from __future__ import annotations

import errno
import json
import os
import socket
from typing import Any

from dlrun.base import files
from dlrun.base.inside import Inside
from dlrun.base.text import parse_json, printable
from dlrun.errors import StorageError
from dlrun.records.process import is_there, this_process

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
        file: Made if missing, and never a link. It stays when the lock is given back.

    Raises:
        Busy: Another process holds it.
        StorageError: The file cannot be made or locked.
    """

    def __init__(self, file: Inside) -> None:
        self._held: Inside | None = None
        try:
            self._file = file.open(os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise files.storage_error("write", file.path, error) from error
        try:
            self._take(file)
        except BaseException:
            os.close(self._file)
            raise

    def _take(self, file: Inside) -> None:
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, _MAX_BYTES, 0).decode("utf-8", "replace").strip()
            raise Busy(printable(holder) or "another process", "Wait for it to end, or stop it first.") from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise files.storage_error("lock", file.path, error) from error
            self._held = _made(file.beside(file.name + HELD))
        try:
            if os.fstat(self._file).st_size:
                os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except OSError as error:
            self._give_back()
            raise files.storage_error("write", file.path, error) from error

    def _give_back(self) -> None:
        if self._held is not None:
            self._held.remove()

    def close(self) -> None:
        """Give the lock back."""
        self._give_back()
        os.close(self._file)


def _made(file: Inside) -> Inside:
    """Make the second file; only one process can."""
    me = {"host": socket.gethostname(), "pid": os.getpid(), "process": this_process()}
    while True:
        try:
            descriptor = file.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            _clear(file)
            continue
        except OSError as error:
            raise files.storage_error("write", file.path, error) from error
        try:
            files.write_all(descriptor, json.dumps(me).encode())
        except OSError as error:
            file.remove()
            raise files.storage_error("write", file.path, error) from error
        finally:
            os.close(descriptor)
        return file


def _clear(file: Inside) -> None:
    """Remove the second file of a process of this machine that has died; raise Busy for any other."""
    holder = _holder(file)
    if holder is None:
        return
    if is_there(holder["process"], holder["pid"]) is not False:
        words = f"process {holder['pid']} on {printable(holder['host'])}"
        raise Busy(words, f"Wait for it to end, or stop it first. If it is gone, remove {printable(str(file))}.")
    try:
        aside = file.rename(f"{file.name}-{os.urandom(4).hex()}")  # of several that try, one succeeds
    except FileNotFoundError:
        return
    except OSError as error:
        raise files.storage_error("remove", file.path, error) from error
    if _holder(aside) == holder:
        aside.remove()
    else:  # between reading and renaming, another one has taken it
        aside.rename(file.name)


def _holder(file: Inside) -> dict[str, Any] | None:
    """Read who holds the lock; None if nobody does any more."""
    try:
        content = file.read_bytes(limit=_MAX_BYTES)
    except StorageError:
        if not file.exists():
            return None
        raise
    try:
        told = parse_json(content)
        return {"host": str(told["host"]), "pid": int(told["pid"]), "process": str(told["process"])}
    except (ValueError, TypeError, KeyError, OverflowError):
        return {"host": "a machine that is not told", "pid": 0, "process": ""}  # it is being written
