"""What asks for memory in vain is told from work by what its threads take, and for sure by the calls they are in."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from dlrun.base.limits import MemoryLimit
from dlrun.cli import endless
from dlrun.cli.endless import Call, Toll, Watch, asks_in_vain

MEGABYTE = 2**20
ROOM = 5 * MEGABYTE
IN_PROGRAM = Call(-1, (0x7FFC, 0x7F00), ROOM)
MUNMAP = Call(11, (0x7F54A0000000, 0x4000000, 1, 0x4022, 0xFFFFFFFF, 0), ROOM)
BRK = Call(12, (0x559768185000, 0x2002000, 3, 0x22, 0xFFFFFFFF, 0), ROOM)
YIELD = Call(24, (0, 0, 0, 0, 0, 0), ROOM)
FUTEX = Call(202, (0x7F54CB14E6F8, 137, 0, 0, 0, 0), ROOM)
READ = Call(0, (3, 0x7F54A0000000, 0x100000, 0, 0, 0), ROOM)


def mapping(size: int, protection: int = 3) -> Call:
    return Call(9, (0, size, protection, 0x22, 0xFFFFFFFF, 0), ROOM)


BUFFER = mapping(32 * MEGABYTE)


@pytest.mark.parametrize(
    ("since", "suspect"),
    [
        pytest.param(Toll(0.81, 9.27, 0), True, id="OpenBLAS in vain"),
        pytest.param(Toll(0.40, 9.20, 0), False, id="not for long"),
        pytest.param(Toll(9.95, 0.10, 3), False, id="a forest"),
        pytest.param(Toll(4.90, 5.20, 41_000), False, id="first use of memory"),
        pytest.param(Toll(6.10, 4.00, 0), False, id="reading and hashing"),
        pytest.param(Toll(0.81, 9.27, -20), False, id="another thread of the same number"),
    ],
)
def test_only_the_system_taken_up_for_no_page_is_suspect(since: Toll, suspect: bool) -> None:
    begun = Toll(1.5, 0.3, 39_000)
    now = Toll(begun.user + since.user, begun.system + since.system, begun.faults + since.faults)
    assert (now - begun).is_suspect is suspect


@pytest.mark.parametrize(
    ("calls", "in_vain"),
    [
        pytest.param([BUFFER, MUNMAP, BRK, IN_PROGRAM], True, id="as OpenBLAS does"),
        pytest.param([BUFFER, IN_PROGRAM, IN_PROGRAM, IN_PROGRAM], False, id="mostly in the program"),
        pytest.param([YIELD] * 4, False, id="OpenBLAS waits for work"),
        pytest.param([BUFFER, MUNMAP, BRK, YIELD], False, id="one other call is enough"),
        pytest.param([FUTEX] * 4, False, id="threads wake each other"),
        pytest.param([READ] * 4, False, id="a long file"),
        pytest.param([mapping(4 * MEGABYTE), MUNMAP, BRK], False, id="there is room for it"),
        pytest.param([mapping(64 * MEGABYTE, 0), MUNMAP, BRK], False, id="reserved and not taken"),
        pytest.param([BUFFER, Call(11, MUNMAP.arguments, 40 * MEGABYTE)], False, id="held and given back"),
        pytest.param([BUFFER, None, BUFFER], False, id="what is not seen proves nothing"),
        pytest.param([], False, id="nor does no look"),
    ],
)
def test_only_calls_for_more_than_there_is_room_for_prove_it(calls: list[Call | None], in_vain: bool) -> None:
    assert asks_in_vain(calls, "x86_64") is in_vain


def test_calls_are_known_by_the_processor() -> None:
    generic = [Call(222, BUFFER.arguments, ROOM), Call(215, MUNMAP.arguments, ROOM)]
    assert asks_in_vain(generic, "aarch64")
    assert not asks_in_vain(generic, "x86_64")
    assert not asks_in_vain([BUFFER], "mips")


def test_work_is_stopped_no_more_often_than_it_takes_to_see_it() -> None:
    def looks() -> Iterator[Call]:
        yield BUFFER
        yield FUTEX
        raise AssertionError("it was seen to work")

    assert not asks_in_vain(looks(), "x86_64")


PROGRAM = """
import ctypes, mmap, os, resource, sys

limit = 300 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
from dlrun.base.limits import memory_limit

def take(size):
    return mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)

taken, malloc = [], ctypes.CDLL(None).malloc
malloc.restype = ctypes.c_void_p
while limit - memory_limit().taken() > 20 * 2**20:
    taken.append(take(2**20))
source, nowhere = os.memfd_create("zeros"), os.open(os.devnull, os.O_WRONLY)
os.truncate(source, 2**26)
deeds = {
    "ask": lambda: malloc(2**25),
    "take and give back": lambda: take(15 * 2**20).close(),
    "yield": os.sched_yield,
    "send": lambda: os.sendfile(nowhere, source, 0, 2**26),
    "compute": lambda: sum(range(1000)),
}
deed = deeds[sys.argv[1]]
if len(sys.argv) > 2 and os.fork():
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]) % 256)
while True:
    deed()
"""
LIMIT = MemoryLimit(300 * MEGABYTE, "-d", "VmData")


def watched(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | None:
    """Watch a real program for 3 s with far more suspicion than in earnest; return its exit code if it was ended."""
    monkeypatch.setattr(endless, "_SECONDS", 0.3)
    with subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments]) as process:
        watch = Watch(process.pid, LIMIT)
        deadline = time.monotonic() + (3 if arguments[0] != "ask" else 30)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
            watch.look()
        code = process.poll()
        process.kill()
    return code


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell what a process does")


@on_linux
def test_what_asks_in_vain_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(monkeypatch, "ask") == -signal.SIGPROF
    assert watched(monkeypatch, "ask", "in a child") == 256 - signal.SIGPROF


@on_linux
@pytest.mark.parametrize("deed", ["take and give back", "yield", "send", "compute"])
def test_what_works_in_calls_of_the_system_is_not_ended(monkeypatch: pytest.MonkeyPatch, deed: str) -> None:
    assert watched(monkeypatch, deed) is None
