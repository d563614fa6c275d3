"""Processes that ask for memory in vain, for ever: how they are told from those that work, and ended.

OpenBLAS asks for the buffer of a call until it gets one: the processor is used up by failing system calls, and no
Python runs, nor does any signal that Python would hear. Nothing within the process can see that, so another one does.
It suspects a thread by what it takes, stops its process for a moment at a time to see the system call that each thread
is in, as the kernel shows them only then, and ends the process only if that proves the suspicion.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlrun.base.limits import MemoryLimit

_SECONDS = 10.0
"""Processor time for which a thread has to do nothing else before it is suspected."""

_MOST_FAULTS = 100
"""Pages that a suspected thread may have touched anew: one that gets memory touches thousands."""

_LOOKS = 32
_SECONDS_BETWEEN_LOOKS = 0.005
_SECONDS_TO_STOP = 0.2
_PROT_WRITE = 2

_GENERIC = (222, (214, 215, 216, 222, 226, 235))
_CALLS = {"x86_64": (9, (9, 10, 11, 12, 25, 237)), "aarch64": _GENERIC, "riscv64": _GENERIC}
"""Number of mmap, and of all calls by which a library asks: mmap, mprotect, munmap, brk, mremap, mbind."""


@dataclass(frozen=True)
class Toll:
    """What a thread has taken.

    Args:
        user: Seconds of the processor outside of the system.
        system: Seconds of the processor in the system.
        faults: How many pages it has touched that were not there.
    """

    user: float
    system: float
    faults: int

    def __sub__(self, other: Toll) -> Toll:
        return Toll(self.user - other.user, self.system - other.system, self.faults - other.faults)

    @property
    def has_got_nothing(self) -> bool:
        """Whether so few pages were touched that the thread may have been refused all memory."""
        return 0 <= self.faults <= _MOST_FAULTS

    @property
    def is_enough(self) -> bool:
        """Whether it is enough to judge by."""
        return self.user + self.system >= _SECONDS

    @property
    def is_suspect(self) -> bool:
        """Whether it is what failing calls of the system take."""
        return self.is_enough and self.has_got_nothing and self.system >= self.user


@dataclass(frozen=True)
class Call:
    """What a stopped thread was doing.

    Args:
        number: The system call it was in; -1 if it was in none.
        arguments: Those of the system call.
        room: How many bytes its process could still have taken then.
    """

    number: int
    arguments: Sequence[int] = ()
    room: int = 0


def asks_in_vain(calls: Iterable[Call | None], machine: str) -> bool:
    """Tell whether looks at a thread show that it does nothing but ask for memory that it cannot get.

    Args:
        calls: What it was doing at each look, None if that was not to be seen; no more are taken than are needed.
        machine: The architecture of the processor, as `uname -m` calls it.
    """
    mmap, of_memory = _CALLS.get(machine, (-1, ()))
    num_looks, room, asked = 0, 0, []
    for call in calls:
        if call is None or call.number not in (*of_memory, -1):
            return False
        num_looks += 1
        room = max(room, call.room)  # at some looks it may hold what it gives back at others
        asked += [call] if call.number in of_memory else []
    writable = [call for call in asked if call.number == mmap and call.arguments[2] & _PROT_WRITE]
    return 2 * len(asked) >= num_looks and any(call.arguments[1] > room for call in writable)


class Watch:
    """Watches a process and all that it has started, where the kernel tells of them in `/proc`.

    Args:
        root: The number of the process.
        limit: What each of them may take.
    """

    def __init__(self, root: int, limit: MemoryLimit) -> None:
        self._root = root
        self._limit = limit
        self._tolls: dict[tuple[int, int], Toll] = {}

    def look(self) -> None:
        """End by SIGPROF each process of which a thread asks in vain."""
        tolls = {}
        for pid, tid in _threads(self._root):
            with contextlib.suppress(OSError):  # it has just ended, or may not be looked at
                now = _toll(pid, tid)
                before = self._tolls.get((pid, tid), now)
                since = now - before
                tolls[pid, tid] = before if since.has_got_nothing and not since.is_enough else now
                if since.is_suspect and self._asks_in_vain(pid, tid):
                    os.kill(pid, signal.SIGPROF)
        self._tolls = tolls

    def _asks_in_vain(self, pid: int, tid: int) -> bool:
        return asks_in_vain(_stopped_calls(pid, tid, self._limit), os.uname().machine)


def _threads(root: int) -> Iterator[tuple[int, int]]:
    """Yield the process and the number of each thread of a process and of its descendants."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{root}/task").iterdir():
            yield root, int(task.name)
            with contextlib.suppress(OSError):
                for child in _read(root, int(task.name), "children").split():
                    yield from _threads(int(child))


def _toll(pid: int, tid: int) -> Toll:
    fields = _fields(pid, tid)
    user, system = (int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:13])
    return Toll(user, system, int(fields[7]) + int(fields[9]))


def _stopped_calls(pid: int, tid: int, limit: MemoryLimit) -> Iterator[Call | None]:
    for _ in range(_LOOKS):
        yield _stopped_call(pid, tid, limit)
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _stopped_call(pid: int, tid: int, limit: MemoryLimit) -> Call | None:
    """Stop a process for less than a millisecond; return what a thread of it was doing, None if that cannot be seen."""
    if _fields(pid, tid)[0] in "Tt":  # somebody else has stopped it
        return None
    try:
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while _fields(pid, tid)[0] != "T":
            if time.monotonic() > deadline:
                return None
            time.sleep(0.0002)
        words = _read(pid, tid, "syscall").split()
        room = limit.num_bytes - limit.taken(pid)
    finally:
        os.kill(pid, signal.SIGCONT)
    if not words or words[0] == "running":
        return None
    return Call(int(words[0]), [int(word, 16) for word in words[1:]], room)


def _fields(pid: int, tid: int) -> list[str]:
    """Return what the kernel tells of a thread, from its state on."""
    return _read(pid, tid, "stat").rsplit(") ", 1)[1].split()


def _read(pid: int, tid: int, name: str) -> str:
    return Path(f"/proc/{pid}/task/{tid}/{name}").read_text()
