"""Workers: who carries out jobs. The driver knows this interface alone, so that a cluster is one more file."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from dlrun.errors import DataError, Interrupted, StorageError
from dlrun.tuning.channel import Channel, pair
from dlrun.tuning.job import Claimed, Ended, Epoch, FoldEnded, Job, News

_SECONDS_TO_STOP = 5.0
"""How long an interrupted worker may take to save its best weights before it is killed."""

_SECONDS_FOR_EXIT = 2.0

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


class Workers(Protocol):
    """Who carries out jobs: each is a folder and a config, and comes to a status."""

    @property
    def num_free(self) -> int:
        """Jobs that could be started now."""

    def start(self, job: Job) -> None:
        """Begin a job; news of it comes from `wait`."""

    def answer(self, key: str, *, stop: bool) -> None:
        """Tell a worker that waits after an epoch whether its job is to stop."""

    def wait(self, seconds: float | None) -> list[News]:
        """Return what has happened; wait for the first news, at most so long."""

    def stop(self) -> None:
        """Interrupt all jobs, and give them a little time to keep what they have."""


class LocalWorkers:
    """Workers on this machine: processes forked from one zygote.

    Args:
        num_jobs: Jobs at a time.
        network: Whether the jobs train networks, so that TensorFlow is imported in advance.
        config: Plain config of the study.
        share: An empty folder for the dataset that all jobs share; None if each is to load its own.
        log: File that takes what the processes write to their standard outputs.
        gpus: Names of the GPUs that jobs take in turn; empty for none.
        one_thread: Whether numerical libraries are to use one thread a process.
        on_data: Hears the fingerprint of the dataset that all jobs share before the first one is begun; None if there
            is none.
        program: Arguments that make the interpreter run the zygote.
    """

    def __init__(
        self,
        num_jobs: int,
        *,
        network: bool,
        config: Mapping[str, Any],
        share: Path | None,
        log: Path,
        gpus: Sequence[str] = (),
        one_thread: bool = True,
        on_data: Callable[[str | None], None] = lambda _: None,
        program: Sequence[str] = ("-m", "dlrun.tuning.zygote"),
    ) -> None:
        self._num_jobs = num_jobs
        self._order = {"network": network, "config": dict(config), "share": None if share is None else str(share)}
        self._log = log
        self._gpus = tuple(gpus)
        self._one_thread = one_thread
        self._on_data = on_data
        self._program = tuple(program)
        self._selector = selectors.DefaultSelector()
        self._jobs: dict[str, _Running] = {}
        self._exits: dict[str, int] = {}
        self._control: Channel | None = None
        self._zygote: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._slots = list(range(num_jobs - 1, -1, -1))

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def num_free(self) -> int:
        return self._num_jobs - len(self._jobs)

    @property
    def pids(self) -> dict[str, int]:
        """Process numbers of the running jobs that have told theirs, by key."""
        return {key: running.pid for key, running in self._jobs.items() if running.pid}

    def _begin(self) -> None:
        """Start the zygote; it works while the driver goes on, and is waited for when the first job is due."""
        control, theirs = pair()
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
        if self._one_thread:
            environment |= dict.fromkeys(_ONE_THREAD, "1")
        try:
            with self._log.open("ab") as log:
                self._zygote = subprocess.Popen(  # noqa: S603 - this very program
                    [sys.executable, *self._program, str(theirs.fileno()), str(os.getpid())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment,
                    start_new_session=True,  # Ctrl-C is for the driver, which then stops the workers in order
                )
        except OSError as error:
            raise StorageError(f"cannot start the workers: {error}") from error
        finally:
            theirs.close()
        self._control = control
        control.send(self._order)
        self._selector.register(control, selectors.EVENT_READ, None)

    def await_ready(self) -> Channel:
        """Wait until the zygote has loaded everything.

        Raises:
            DataError: The data that all share cannot be loaded.
            StorageError: The workers cannot be started.
            DlrunError: `on_data` refuses the data.
        """
        control = self._control
        if control is None:
            raise RuntimeError("the workers were not begun")
        if not self._ready:
            messages = control.wait()
            first = messages[0] if messages else {"event": "lost"}
            if first["event"] == "refused":
                raise DataError(first["message"], remedy=first["remedy"])
            if first["event"] != "ready":
                raise _no_workers(self._log)
            self._on_data(first.get("data"))
            self._ready = True
        return control

    def start(self, job: Job) -> None:
        """Fork a worker for a job.

        Raises:
            DlrunError: As `await_ready`.
        """
        control = self.await_ready()
        channel, theirs = pair()
        slot = self._slots.pop()
        message = {"job": job.to_message(), "environment": self._environment(slot)}
        heard = control.send(message, descriptors=(theirs.fileno(),))
        theirs.close()
        if not heard:
            raise _no_workers(self._log)
        self._jobs[job.key] = _Running(job, channel, slot)
        self._selector.register(channel, selectors.EVENT_READ, job.key)

    def _environment(self, slot: int) -> dict[str, str]:
        return {"CUDA_VISIBLE_DEVICES": self._gpus[slot % len(self._gpus)]} if self._gpus else {}

    def answer(self, key: str, *, stop: bool) -> None:
        if key in self._jobs:
            self._jobs[key].channel.send({"stop": stop})

    def wait(self, seconds: float | None) -> list[News]:
        news: list[News] = []
        for ready, _ in self._selector.select(seconds):
            if ready.data is None:
                self._take_control()
            else:
                news += self._take(self._jobs[ready.data])
        return news

    def _take_control(self) -> None:
        control = self.await_ready()
        for message in control.wait(0):  # another one's death may have been looked up here meanwhile
            if message["event"] == "forked" and message["key"] in self._jobs:
                self._jobs[message["key"]].pid = message["pid"]
            elif message["event"] == "exit":
                self._exits[message["key"]] = message["code"]
        if control.over:
            raise _no_workers(self._log)

    def _take(self, running: _Running) -> list[News]:
        key, channel = running.job.key, running.channel
        news: list[News] = []
        for message in channel.receive():
            event = message.pop("event")
            if event == "claimed":
                running.run = message["run"]
                news.append(Claimed(key, message["run"]))
            elif event == "epoch":
                news.append(Epoch(key, **message))
            elif event == "fold":
                news.append(FoldEnded(key, tuple(message["values"])))
            elif event == "ended":
                running.ended = Ended(key, **message)
        if channel.over:
            news.append(self._close_job(running))
        return news

    def _close_job(self, running: _Running) -> Ended:
        """A worker is gone: with a last word, or without."""
        key = running.job.key
        self._selector.unregister(running.channel)
        running.channel.close()
        del self._jobs[key]
        self._slots.append(running.slot)
        if running.ended is not None:
            return running.ended
        reason = f"its worker died: {self._manner_of_death(key)}"
        return Ended(key, "lost", None, reason, running.run, time.monotonic() - running.began)

    def _manner_of_death(self, key: str) -> str:
        deadline = time.monotonic() + _SECONDS_FOR_EXIT
        control = self._control
        while key not in self._exits and control is not None and not control.over and time.monotonic() < deadline:
            for message in control.wait(deadline - time.monotonic()):
                if message["event"] == "exit":
                    self._exits[message["key"]] = message["code"]
        code = self._exits.get(key)
        if code is None:
            return "nobody knows how"
        if code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name
        return f"{name}, which the system sends when memory runs out" if -code == signal.SIGKILL else name

    def stop(self) -> None:
        """Interrupt all jobs; those that do not end in time are killed with the zygote."""
        for running in self._jobs.values():
            if running.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(running.pid, signal.SIGTERM)
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while self._jobs and time.monotonic() < deadline:
            with contextlib.suppress(StorageError):
                self.wait(max(deadline - time.monotonic(), 0.01))

    def close(self) -> None:
        """End all processes."""
        for running in self._jobs.values():
            running.channel.close()
        if self._control is not None:
            self._control.close()
        if self._zygote is not None:
            self._zygote.kill()  # the kernel kills its children with it
            with contextlib.suppress(Interrupted):
                self._zygote.wait()
        self._jobs.clear()
        self._selector.close()


class _Running:
    """A job that is being carried out."""

    def __init__(self, job: Job, channel: Channel, slot: int) -> None:
        self.job = job
        self.channel = channel
        self.slot = slot
        self.pid = 0
        self.run: str | None = None
        self.ended: Ended | None = None
        self.began = time.monotonic()


def _no_workers(log: Path) -> StorageError:
    return StorageError(
        "the process that starts the workers has died", remedy=f"{log} holds what it said. Run the command again."
    )
