"""Carries out commands on folders of strangers, each in a forked process with limits of time, memory and addresses.

As a program it imports all that dlrun can need, and forks a child for every request that it reads: a JSON object a
line, with the answer as another line. `Trier` is the other end. TensorFlow is imported and not used before the fork,
which it survives.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pkgutil
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

MOST_SECONDS = 10
"""Longest that a command may compute."""

MOST_WAITING = 25
"""Longest that a command may take, with what it waits for; others use the machine as well."""

MOST_MORE_ADDRESSES = 6 * 2**30
"""Most further addresses of a process, so that what asks for far too much memory ends at once; threads reserve some."""

MOST_WRITTEN = 2**30
_MOST_TOLD = 4_000_000


@dataclass(frozen=True)
class Ended:
    """What became of a command: exit code (negative: the signal that ended it), texts, and what it took."""

    code: int
    out: str
    err: str
    seconds: float
    cpu_seconds: float
    more_bytes: int
    timed_out: bool


class Trier:
    """Asks a process that has imported everything to carry out commands.

    Args:
        debug: Whether errors are to come with their tracebacks.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_surroundings() | ({"DLRUN_DEBUG": "1"} if debug else {}),
            text=True,
            encoding="utf-8",
        )
        assert self._ask(None) == {"ready": True}

    def __call__(self, *arguments: str, folder: Path, limited: bool = True) -> Ended:
        """Carry out a command.

        Args:
            arguments: What stands behind `dlrun`; or the name of one of `FUNCTIONS`, and its arguments.
            folder: Folder to do it in.
            limited: Whether to hold it to the limits.
        """
        return Ended(**self._ask({"arguments": arguments, "folder": str(folder), "limited": limited}))

    def _ask(self, request: dict[str, Any] | None) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if request is not None:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process that tries commands is gone"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextlib.contextmanager
def trier(*, debug: bool = False) -> Iterator[Trier]:
    """Start a process that tries commands, and end it with the block."""
    started = Trier(debug=debug)
    try:
        yield started
    finally:
        started.close()


def _surroundings() -> dict[str, str]:
    dropped = {"DLRUN_RUNS", "DLRUN_DEBUG", "CI", "FORCE_COLOR"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
    threads += ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    told = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100", "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return kept | dict.fromkeys(threads, "1") | told


def _load(path: str, data: str) -> int:
    """Load and predict as a program of a user's does."""
    import numpy as np

    import dlrun

    predictor = dlrun.load(path)
    if data.endswith(".npz"):
        with np.load(data) as arrays:
            predictor.predict(arrays["x"])
    else:
        predictor.predict(data)
    return 0


def _run(code: str) -> int:
    """Run any code, to see whether what it does is noticed."""
    exec(code)
    return 0


def _train_until(config: str, epoch: str) -> int:
    """Train a network, and stop after so many epochs as Ctrl-C would."""
    import dlrun
    from dlrun.errors import Interrupted
    from dlrun.learners.listener import EpochReport, Listener

    class Stop(Listener):
        def epoch_finished(self, report: EpochReport) -> None:
            if report.epoch == int(epoch):
                raise Interrupted(signal.SIGINT)

    with contextlib.suppress(Interrupted):
        dlrun.train(config, listener=Stop(), verbose=False)
    return 0


FUNCTIONS: dict[str, Callable[..., int]] = {
    "python:load": _load,
    "python:run": _run,
    "python:train_until": _train_until,
}
"""What is done in Python, in place of a command; errors end as those of commands do."""


def _carry_out(request: dict[str, Any], base: Path) -> int:
    os.chdir(request["folder"])
    addresses, resident = (int(number) * resource.getpagesize() for number in _statm()[:2])
    base.write_text(str(resident))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if request["limited"]:
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS + 5))
        resource.setrlimit(resource.RLIMIT_AS, (addresses + MOST_MORE_ADDRESSES,) * 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN))
    from dlrun.cli.app import run
    from dlrun.cli.failure import failure_of, report

    function = FUNCTIONS.get(request["arguments"][0])
    if function is None:
        return run(request["arguments"])
    try:
        return function(*request["arguments"][1:])
    except BaseException as error:  # noqa: BLE001 - told in the same words
        if os.environ.get("DLRUN_DEBUG") == "1":
            traceback.print_exc()
        return report(failure_of(error), json=False, run=None)


def _statm() -> list[str]:
    return Path("/proc/self/statm").read_text().split()


def _fork(request: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Carry out a request in a forked child and report what became of it."""
    out, err, base = scratch / "out", scratch / "err", scratch / "base"
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for number, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
            code = _carry_out(request, base)
        except BaseException:  # noqa: BLE001 - the outermost place of the child
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
    handle = os.pidfd_open(child)
    timed_out = not select.select([handle], [], [], MOST_WAITING if request["limited"] else 300)[0]
    os.close(handle)
    if timed_out:
        _kill(child)
    _, status, usage = os.wait4(child, 0)
    _kill(child)  # workers that outlive their driver
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": _told(out),
        "err": _told(err),
        "seconds": time.perf_counter() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "more_bytes": usage.ru_maxrss * 1024 - int(base.read_text()),
        "timed_out": timed_out,
    }


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _told(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_MOST_TOLD)


def _import_everything() -> None:
    import dlrun

    for module in pkgutil.walk_packages(dlrun.__path__, "dlrun."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("keras", "sklearn.ensemble", "sklearn.linear_model", "sklearn.multioutput", "matplotlib.pyplot"):
        importlib.import_module(name)


def _warm_up(folder: Path) -> bool:
    """Carry out what needs no TensorFlow, since modules load further ones at their first use."""
    from dlrun.cli.app import run

    (folder / "config.yaml").write_text("dataset: iris\nmodel: linear\nevaluation: {bootstrap: 10}\n")
    os.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()):
        for _ in range(2):
            code = run(["train", "config.yaml"])
        for command in (["show", "latest"], ["ls", "--json"], ["logs", "latest"], ["ensemble", "runs"]):
            run(command)
        run(["export", "latest", "-o", "bundle.zip"])
        run(["predict", "bundle.zip", "missing.npz"])
    return code == 0


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    _import_everything()
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps({"ready": _warm_up(Path(scratch))}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(_fork(json.loads(line), Path(scratch))), file=answers, flush=True)
        os.chdir("/")


if __name__ == "__main__":
    _serve()
