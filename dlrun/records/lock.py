"""A lock on a run folder: one process at a time carries a run out, or removes it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dlrun.errors import StorageError, UsageError
from dlrun.records import files
from dlrun.records.status import FILE, INTERVAL, Status, read_status

if TYPE_CHECKING:
    from dlrun.records.folder import RunFolder

LOCK = ".lock"
"""The file that is locked. It stays when the run is over; the system forgets the lock when the process ends."""

WATCH = 2.2 * INTERVAL
"""Seconds in which a run that goes on gives at least one sign of life."""

_BETWEEN_LOOKS = 0.1


@contextmanager
def locked(folder: RunFolder) -> Iterator[None]:
    """Keep others from carrying out or removing a run while the block runs.

    The system's lock ends with its process, however that ends. Where a network disk does not share locks between
    machines, the sign of life in status.json still tells.

    Args:
        folder: The run.

    Raises:
        UsageError: Another process holds the run.
        StorageError: The lock file cannot be made.
    """
    import fcntl

    path = folder.file(LOCK)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        raise files.storage_error("write", path, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(folder) from None
        except OSError as error:
            raise files.storage_error("lock", path, error) from error
        if folder.file(FILE).is_file() and _runs(folder):
            raise _busy(folder)
        yield
    finally:
        os.close(descriptor)


def _runs(folder: RunFolder) -> bool:
    try:
        status = read_status(folder)
        return status.state == "running" or (status.state == "lost" and status.is_ahead and _moves(folder, status))
    except StorageError:  # a damaged status tells of no process
        return False


def _moves(folder: RunFolder, before: Status) -> bool:
    """Watch a run whose last sign of life lies in the future: it may be dead, or the clock of its machine ahead."""
    deadline = time.monotonic() + WATCH
    while time.monotonic() < deadline:
        time.sleep(_BETWEEN_LOOKS)
        if read_status(folder).heartbeat != before.heartbeat:
            return True
    return False


def _busy(folder: RunFolder) -> UsageError:
    try:
        status = read_status(folder)
        holder = f"process {status.pid} on {status.host}" if status.state == "running" else "another process"
    except StorageError:
        holder = "another process"
    return UsageError(f"the run {folder.id} is in the hands of {holder}", remedy="Wait for it, or stop it first.")
