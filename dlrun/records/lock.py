"""A lock on a run folder: one process at a time carries a run out, or removes it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dlrun.errors import StorageError, UsageError
from dlrun.records.exclusive import Busy, Lock
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
    try:
        lock = Lock(folder.file(LOCK))
    except Busy as error:
        raise _busy(folder, error) from None
    try:
        if folder.file(FILE).is_file() and _runs(folder):
            raise _busy(folder)
        yield
    finally:
        lock.close()


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


def _busy(folder: RunFolder, busy: Busy | None = None) -> UsageError:
    holder, remedy = (busy.holder, busy.remedy) if busy else ("another process", "Wait for it, or stop it first.")
    with suppress(StorageError):
        status = read_status(folder)
        if status.state == "running":
            holder = f"process {status.pid} on {status.host}"
    return UsageError(f"the run {folder.id} is in the hands of {holder}", remedy=remedy)
