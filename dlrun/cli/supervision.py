"""Supervision: where `ulimit` limits memory, a second process tells what the first one died of.

Libraries of C and C++ abort, crash or exit when memory is refused to them, or ask for it for ever: no Python runs then
that could put it into words. So where a limit is set, the command is carried out by a child, and its parent, which has
loaded nothing and so has room, waits for the end, and ends what asks for ever. Without a limit there is no child.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from dlrun.base.limits import MemoryLimit, bound_loading, death
from dlrun.cli.endless import Watch

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals by which people end a command; whoever sends one need not be told."""

_AWAITED = {*_PASSED_ON, signal.SIGCHLD, signal.SIGTSTP, signal.SIGCONT}
_SECONDS_TO_HEAR = 2.0
_SECONDS_BETWEEN_LOOKS = 3.0
_PR_SET_PDEATHSIG = 1
_REMEDY = """\
{remedy} Fewer threads take less of it (OMP_NUM_THREADS=1), and so do smaller batches and fewer jobs.
What a run or a study has kept is not lost: go on with `dlrun resume` or `dlrun tune --study latest`."""


def supervised(program: Callable[[], int], limit: MemoryLimit) -> NoReturn:
    """Carry out the program in a child, and end with its exit code; with words and 1 if it died without any.

    Args:
        program: Returns its exit code.
        limit: What the memory of the child is limited to.
    """
    ended, told = os.pipe()
    parent = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    child = os.fork()
    if child == 0:
        os.close(ended)
        _be_child(program, told, parent)
    os.close(told)
    status, stops = _wait(child, Watch(child, limit))
    code = os.waitstatus_to_exitcode(status)
    # OpenBLAS sends its own process a SIGINT where there is no room for its threads; people's come by way of this one.
    by_library = code in (-signal.SIGINT, 128 + signal.SIGINT) and signal.SIGINT not in stops
    if os.read(ended, 1) and not by_library:
        os._exit(code)
    if not by_library and (-code in _STOPPED_BY or code - 128 in _STOPPED_BY):
        os._exit(128 + abs(code) % 128)
    _tell(code, limit)
    os._exit(1)


def _be_child(program: Callable[[], int], told: int, parent: int) -> NoReturn:
    """Carry out the program; a group of its own lets each signal reach it once, which its parent passes on."""
    code = 1
    try:
        os.setpgid(0, 0)
        _die_with(parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
        bound_loading()
        code = program()
        os.write(told, b".")
    except BaseException:  # noqa: BLE001 - there was no room even for the words; the parent tells
        if os.environ.get("DLRUN_DEBUG") == "1":
            import traceback

            traceback.print_exc()
    finally:
        os._exit(code)


def _die_with(parent: int) -> None:
    """Ask the kernel to end this process when its parent is killed."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _wait(child: int, watch: Watch) -> tuple[int, list[int]]:
    """Pass on what comes until the child has ended; return its status, and those passed on that end a command.

    A second Ctrl-C ends a child that does not hear it, as a library asks for memory that it does not get.
    """
    stops: list[int] = []
    while True:
        number = _next_signal(watch)
        if number == signal.SIGTSTP:
            os.kill(child, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
        elif number != signal.SIGCHLD:
            os.kill(child, number)
            stops += [number] if number in _STOPPED_BY else []
            if len(stops) > 1 and signal.sigtimedwait({signal.SIGCHLD}, _SECONDS_TO_HEAR) is None:
                os.kill(child, signal.SIGKILL)
                os._exit(128 + number)
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status, stops


def _next_signal(watch: Watch) -> int:
    """Look after what is carried out until a signal arrives; return the signal."""
    if sys.platform != "linux":
        return signal.sigwait(_AWAITED)
    while (arrived := signal.sigtimedwait(_AWAITED, _SECONDS_BETWEEN_LOOKS)) is None:
        watch.look()
    return arrived.si_signo


def _tell(code: int, limit: MemoryLimit) -> None:
    """Say what the child died of."""
    manner = "a library ended the program" if code >= 0 else f"the program died: {death(code)}"
    message = f"memory ran out: {manner}" if str(limit) in manner else f"memory ran out: {manner}; {limit}"
    remedy = _REMEDY.format(remedy=limit.remedy)
    os.write(2, f"error: {message}\n{remedy}\n".encode())
    if "--json" in sys.argv:
        told = {"message": message, "remedy": remedy, "problems": []}
        os.write(1, (json.dumps({"error": told}) + "\n").encode())
