"""Limits of memory: what the system allows this process, how their end shows, and what a process dies of there."""

from __future__ import annotations

import contextlib
import errno
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlrun.errors import DlrunError, OutOfMemory, OutOfResources

_MEGABYTE = 2**20
_SECONDS_TO_LOAD = 20
"""Processor time that loading one library may take; TensorFlow, the largest, takes about one second."""

_FATAL = ("SIGABRT", "SIGSEGV", "SIGBUS", "SIGILL", "SIGTRAP", "SIGPROF")
"""Signals by which libraries of C and C++ end where memory is refused to them."""

_LOADING = re.compile("failed to map segment|cannot allocate memory|out of memory|memory allocation", re.IGNORECASE)
_OPERATIONS = re.compile(
    "RESOURCE_EXHAUSTED|Out of memory|Dst tensor is not initialized|bad_alloc|could not (create|execute) a primitive"
)
"""What the system's loader, and XLA and oneDNN in TensorFlow, say in errors of classes that mean other things."""


@dataclass(frozen=True)
class MemoryLimit:
    """What this process may take at most.

    Args:
        num_bytes: The limit.
        option: The option of `ulimit` that sets it.
        measured: What is held to it, as the system calls it in `/proc/self/status`.
    """

    num_bytes: int
    option: str
    measured: str

    def __str__(self) -> str:
        return f"this process may take {self.num_bytes // _MEGABYTE:,} MB (ulimit {self.option})"

    @property
    def remedy(self) -> str:
        return f"Raise the limit, as with `ulimit {self.option} unlimited`."

    @property
    def is_near(self) -> bool:
        """Whether so much of it is taken that a refusal is likely: libraries ask for hundreds of megabytes at once."""
        with contextlib.suppress(OSError, ValueError):
            return 2 * self.taken() >= self.num_bytes
        return False

    def taken(self, pid: int | str = "self") -> int:
        """Return how many bytes a process has taken of it; 0 if the system does not measure them.

        Args:
            pid: The process; by default this one.

        Raises:
            OSError: There is no such process, or the system does not tell.
        """
        found = re.search(rf"^{self.measured}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return 0 if found is None else 1024 * int(found[1])


def memory_limit() -> MemoryLimit | None:
    """Return the narrowest limit that `ulimit` has set to the memory of this process; None if there is none."""
    try:
        import resource
    except ImportError:  # Windows has none
        return None
    kinds = ((resource.RLIMIT_AS, "-v", "VmPeak"), (resource.RLIMIT_DATA, "-d", "VmData"))
    limits = [MemoryLimit(resource.getrlimit(kind)[0], option, measured) for kind, option, measured in kinds]
    set_ones = [limit for limit in limits if limit.num_bytes not in (resource.RLIM_INFINITY, -1)]
    return min(set_ones, key=lambda limit: limit.num_bytes, default=None)


def is_exhausted(error: BaseException) -> bool:
    """Tell whether an error says that memory did not suffice, on the host or on a GPU.

    The class decides; only where a library has no class for it, its words do.
    """
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    if isinstance(error, ImportError | OSError):
        return _LOADING.search(str(error)) is not None
    tf: Any = sys.modules.get("tensorflow")
    errors = getattr(tf, "errors", None)  # missing while TensorFlow is being imported
    if errors is None or not isinstance(error, errors.OpError):
        return False
    return isinstance(error, errors.ResourceExhaustedError) or _OPERATIONS.search(str(error)) is not None


def near_limit() -> MemoryLimit | None:
    """Return the limit that an error without another explanation is likely to come from; None if none is near."""
    limit = memory_limit()
    return limit if limit is not None and limit.is_near else None


def death(code: int) -> str:
    """Say how a process ended.

    Args:
        code: Its exit code, or the signal that ended it as a negative number.
    """
    if code >= 0:
        return f"exit code {code}"
    name = _signal(-code)
    if name == "SIGKILL":
        return f"{name}, which the system sends when memory runs out"
    if name == "SIGPROF":
        return f"{name}, as a library came to no end of asking for memory"
    limit = memory_limit()
    return f"{name}; {limit}" if limit is not None and name in _FATAL else name


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of the signals for real time
        return f"signal {number}"


def is_death_by_memory(code: int) -> bool:
    """Tell whether a process is likely to have died for want of memory; `code` as in `death`."""
    if code == -signal.SIGKILL:
        return True
    return memory_limit() is not None and (code > 0 or _signal(-code) in _FATAL)


def bound_loading() -> None:
    """Let no library spin for ever while it is loaded, if this process has a limit.

    OpenBLAS asks for its memory again and again until it gets it, inside of the system's loader, where no thread of
    Python runs and no signal is heard. So the system is to end the process by SIGPROF, in which somebody else then
    sees what it died of.
    """
    if memory_limit() is None:
        return
    from importlib.machinery import ExtensionFileLoader

    load: Any = ExtensionFileLoader.create_module

    def create_module(self: ExtensionFileLoader, spec: Any) -> Any:
        with _ended_after(_SECONDS_TO_LOAD):
            return load(self, spec)

    ExtensionFileLoader.create_module = create_module  # type: ignore[method-assign]


@contextlib.contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """End the process when the block takes more seconds of the processor."""
    before, _ = signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, before)


NO_MORE = {
    errno.EMFILE: ("this process may open no more files", "Raise the limit, as with `ulimit -n 1024`."),
    errno.ENFILE: ("the system opens no more files", "Close other programs, or run fewer jobs at a time."),
    errno.EAGAIN: (
        "the system starts no more processes or threads for this user",
        "Raise the limit, as with `ulimit -u 4096`, or run fewer jobs at a time.",
    ),
}
"""What the system says when it gives a process no more of something, in words, and what to do."""


_NO_THREAD = "can't start new thread"
"""What Python says, in an error that has no class of its own."""


_OF_LIBRARIES = (ImportError, SystemError, RuntimeError, AttributeError)
"""Classes of what libraries raise when memory is refused to them and they do not expect it: a call of C that fails
without saying why, or a module that is there in part."""


def own(error: BaseException, otherwise: BaseException | None = None) -> BaseException:
    """Return dlrun's own error for a refusal of the system that can come up anywhere.

    Args:
        error: Whatever was caught.
        otherwise: What stands for any other error; the error itself unless given.
    """
    if isinstance(error, DlrunError | KeyboardInterrupt | SystemExit):
        return otherwise or error
    if is_exhausted(error):
        return out_of_memory()
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        if near_limit() is not None:  # the room for the stack of a thread is what is missing
            return out_of_memory("no further thread can be started")
        number = errno.EAGAIN
    if number in NO_MORE and not isinstance(error, ConnectionError):
        message, remedy = NO_MORE[number]
        return OutOfResources(message, remedy=remedy)
    of_library = isinstance(error, _OF_LIBRARIES) or _is_of_import(error)
    if otherwise is None and of_library and (limit := near_limit()) is not None:
        return out_of_memory(f"it seems: {limit}, and a library fails with {type(error).__name__}: {error}")
    return otherwise or error


def _is_of_import(error: BaseException) -> bool:
    """Tell whether Python itself failed while it imported: without memory it does so by errors that make no sense."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith("<frozen importlib")


def out_of_memory(detail: str = "", remedy: str | None = None) -> OutOfMemory:
    """Return an error of memory that ran out.

    Args:
        detail: What there was no room for, or how that showed; empty to tell the limit of the process, if it has one.
        remedy: What takes less; to use fewer rows unless given.
    """
    limit = memory_limit()
    if limit is not None and str(limit) not in detail:
        detail = f"{detail}; {limit}" if detail else str(limit)
    advice = remedy or "Use fewer rows with dataset.limit, or a machine with more memory."
    remedies = [limit.remedy, advice] if limit else [advice]
    return OutOfMemory(f"memory ran out{': ' if detail else ''}{detail}", remedy=" ".join(remedies))
