"""Memory that runs out is recognized by its class, and told with the limit that it met."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from dlrun.base import limits
from dlrun.base.limits import MemoryLimit, death, is_death_by_memory, is_exhausted, memory_limit, out_of_memory, own
from dlrun.errors import DataError, ModelTooLarge, OutOfMemory, OutOfResources, RunFailed

LIMIT = MemoryLimit(500 * 2**20, "-v", "VmPeak")
MAPPING = ImportError("libtensorflow_cc.so.2: failed to map segment from shared object")


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has come near to a limit of 500 MB."""
    for module in (limits,):
        monkeypatch.setattr(module, "memory_limit", lambda: LIMIT)
    monkeypatch.setattr(limits, "near_limit", lambda: LIMIT)


@pytest.mark.parametrize(
    ("error", "exhausted"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "x"), True),
        (MAPPING, True),
        (OSError("libgomp.so.1: failed to map segment from shared object"), True),
        (ImportError("No module named 'x'"), False),
        (OSError(errno.ENOSPC, "out of memory is not what it says"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_the_class_decides_and_words_only_where_there_is_none(error: Exception, exhausted: bool) -> None:
    assert is_exhausted(error) is exhausted
    assert isinstance(own(error), OutOfMemory) is exhausted


def test_errors_of_other_classes_are_known_by_what_tensorflow_says() -> None:
    import tensorflow as tf

    assert is_exhausted(tf.errors.AbortedError(None, None, "x: could not execute a primitive, in file y"))
    assert not is_exhausted(tf.errors.AbortedError(None, None, "x"))


def test_a_lack_of_memory_fails_a_run_and_a_model_that_is_too_large_is_one() -> None:
    assert issubclass(OutOfMemory, RunFailed)
    assert issubclass(ModelTooLarge, OutOfMemory)
    assert (OutOfMemory.exit_code, ModelTooLarge.exit_code) == (1, 2)


def test_without_a_limit_nothing_is_said_of_one() -> None:
    assert memory_limit() is None
    error = out_of_memory("no room for x")
    assert error.message == "memory ran out: no room for x"
    assert isinstance(own(RuntimeError("can't start new thread")), OutOfResources)
    unknown = SystemError("error return without exception set")
    assert own(unknown) is unknown


@pytest.mark.usefixtures("limited")
def test_within_a_limit_it_is_named_with_the_way_to_raise_it() -> None:
    error = out_of_memory("no room for x", "Use less.")
    assert error.message == "memory ran out: no room for x; this process may take 500 MB (ulimit -v)"
    assert error.remedy == "Raise the limit, as with `ulimit -v unlimited`. Use less."
    assert isinstance(own(RuntimeError("can't start new thread")), OutOfMemory)
    assert "a library fails with SystemError: error return" in str(own(SystemError("error return")))
    for other in (DataError("x"), ZeroDivisionError("x"), OSError(errno.EINVAL, "x")):
        assert own(other) is other
    assert own(SystemError("x"), DataError("y")).args == ("y",)


@pytest.mark.usefixtures("limited")
def test_within_a_limit_errors_of_import_itself_are_likely_to_come_from_it() -> None:
    assert "a library fails with TypeError: unsupported operand" in str(own(failed_in("<frozen importlib._bootstrap>")))
    elsewhere = failed_in("other.py")
    assert own(elsewhere) is elsewhere


def failed_in(file: str) -> TypeError:
    namespace: dict[str, Callable[[], None]] = {}
    exec(compile("def fail(): None + 1", file, "exec"), namespace)
    with pytest.raises(TypeError) as caught:
        namespace["fail"]()
    return caught.value


def test_deaths_are_told_and_those_of_memory_known() -> None:
    assert death(1) == "exit code 1"
    assert death(-signal.SIGABRT) == "SIGABRT"
    assert death(-40) == "signal 40"
    assert death(-signal.SIGKILL) == "SIGKILL, which the system sends when memory runs out"
    assert [is_death_by_memory(code) for code in (-9, -6, 1, 0)] == [True, False, False, False]


@pytest.mark.usefixtures("limited")
def test_within_a_limit_other_deaths_are_likely_to_come_from_it() -> None:
    assert death(-signal.SIGABRT) == "SIGABRT; this process may take 500 MB (ulimit -v)"
    assert [is_death_by_memory(code) for code in (-9, -6, 1, 0, -15, -40)] == [True, True, True, False, False, False]


SET = """
import resource
resource.setrlimit(resource.RLIMIT_{kind}, (2**31, resource.RLIM_INFINITY))
from dlrun.base.limits import memory_limit, near_limit
held = bytearray({size})
print(memory_limit(), near_limit() is not None)
"""


@pytest.mark.parametrize(("kind", "option"), [("AS", "-v"), ("DATA", "-d")])
def test_limits_are_read_and_measured(kind: str, option: str) -> None:
    for size, near in ((1, False), (2**30, True)):
        program = SET.format(kind=kind, size=size)
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        assert told == f"this process may take 2,048 MB (ulimit {option}) {near}\n"


SPIN = """
import importlib.machinery, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**32, resource.RLIM_INFINITY))
from dlrun.base import limits

def spin(self, spec):
    while True:
        pass

if sys.argv[1] == "spin":
    importlib.machinery.ExtensionFileLoader.create_module = spin
limits._SECONDS_TO_LOAD = 0.5
limits.bound_loading()
import _ctypes, _json, numpy
for _ in range(10_000_000):
    pass
print("loaded")
"""


@pytest.mark.parametrize(("how", "code"), [("spin", -signal.SIGPROF), ("load", 0)])
def test_a_library_that_asks_for_memory_for_ever_is_ended(how: str, code: int) -> None:
    ended = subprocess.run([sys.executable, "-c", SPIN, how], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == ("loaded\n" if how == "load" else "")
