"""Local workers: jobs are carried out by processes of this machine, which one zygote forks."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Self

from dlrun.base.inside import Inside
from dlrun.base.limits import death, is_death_by_memory, out_of_memory
from dlrun.errors import DataError, DlrunError, Interrupted, OutOfMemory, StorageError
from dlrun.experiment.datasets.trust import is_trusted
from dlrun.studies.workers.channel import Channel, Message, pair
from dlrun.studies.workers.job import Claimed, Ended, Job, News, news_of
from dlrun.studies.workers.worker_process import WorkerProcess
from dlrun.studies.workers.zygote_start import PROGRAM, start_zygote

_SECONDS_TO_STOP = 5.0
"""How long an interrupted worker may take to save its best weights before it is killed."""

_SECONDS_FOR_EXIT = 2.0

_LESS = "Run fewer jobs at a time (--jobs), or use fewer rows with dataset.limit."


class LocalWorkers:
    """Workers on this machine: processes forked from one zygote.

    Args:
        num_jobs: Jobs at a time.
        network: Whether the jobs train networks, so that TensorFlow is imported in advance.
        config: Plain config of the study.
        share: An empty folder for the dataset that all jobs share; None if each is to load its own.
        log: File that takes what the processes write to their standard outputs.
        objectives: What all jobs are to be scored by; data that leave it undefined are refused.
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
        log: Inside,
        objectives: Sequence[str] = (),
        gpus: Sequence[str] = (),
        one_thread: bool = True,
        on_data: Callable[[str | None], None] = lambda _: None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._num_jobs = num_jobs
        self._order = {
            "network": network,
            "config": dict(config),
            "share": None if share is None else str(share),
            "objectives": list(objectives),
            "trusted": is_trusted(),
            "path": sys.path,
        }
        self._log = log
        self._gpus = tuple(gpus)
        self._one_thread = one_thread
        self._on_data = on_data
        self._program = tuple(program)
        self._selector = selectors.DefaultSelector()
        self._jobs: dict[str, WorkerProcess] = {}
        self._idle: list[WorkerProcess] = []
        self._exits: dict[str, str] = {}
        self._control: Channel | None = None
        self._zygote: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._slots = list(range(num_jobs - 1, -1, -1))
        self._alive: dict[str, WorkerProcess] = {}
        self._numbers = count(1)

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
        return {key: worker.pid for key, worker in self._jobs.items() if worker.pid}

    def _begin(self) -> None:
        """Start the zygote; it works while the driver goes on, and is waited for when the first job is due."""
        control, theirs = pair()
        try:
            self._zygote = start_zygote(self._program, theirs.fileno(), self._log, one_thread=self._one_thread)
        finally:
            theirs.close()
        self._control = control
        control.send(self._order)
        self._selector.register(control, selectors.EVENT_READ, None)

    def await_ready(self) -> Channel:
        """Wait until the zygote has loaded everything.

        Raises:
            DataError: The data that all share cannot be loaded.
            OutOfMemory: Memory does not suffice to load them, or what the workers need.
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
            if first["event"] == "exhausted":
                raise _exhausted(first)
            if first["event"] != "ready":
                raise self._no_workers()
            self._on_data(first.get("data"))
            self._ready = True
        return control

    def start(self, job: Job) -> None:
        """Give a job to a worker that is ready for another one, or to a new one.

        Raises:
            DlrunError: As `await_ready`.
        """
        control = self.await_ready()
        worker = self._ready_for(job) or self._forked(job, control)
        worker.take(job)
        self._jobs[job.key] = worker

    def _ready_for(self, job: Job) -> WorkerProcess | None:
        """Hand the job to a worker that waits for one and was set up as the job needs it; dismiss those that do not."""
        while self._idle:
            worker = self._idle.pop()
            if worker.setting == job.setting is not None and worker.channel.send({"job": job.to_message()}):
                return worker
            self._dismiss(worker)
        return None

    def _forked(self, job: Job, control: Channel) -> WorkerProcess:
        channel, theirs = pair()
        worker = WorkerProcess(f"worker-{next(self._numbers)}", channel, self._slots.pop(), job.setting)
        message = {"worker": worker.name, "job": job.to_message(), "environment": self._environment(worker.slot)}
        heard = control.send(message, descriptors=(theirs.fileno(),))
        theirs.close()
        if not heard:
            raise self._no_workers()
        self._alive[worker.name] = worker
        self._selector.register(channel, selectors.EVENT_READ, worker)
        return worker

    def _dismiss(self, worker: WorkerProcess) -> None:
        """Close the connection, at which the worker ends if it has not yet."""
        self._selector.unregister(worker.channel)
        worker.channel.close()
        del self._alive[worker.name]
        self._slots.append(worker.slot)

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
                news += self._take(ready.data)
        return news

    def _take_control(self) -> None:
        control = self.await_ready()
        self._hear(control, 0)  # another one's death may have been looked up here meanwhile
        if control.over:
            raise self._no_workers()

    def _hear(self, control: Channel, seconds: float) -> None:
        """Take note of what the zygote has told."""
        for message in control.wait(seconds):
            if message["event"] == "exhausted":
                raise _exhausted(message)
            name = message["worker"]
            if message["event"] == "exit":
                self._exits[name] = message["manner"]
            elif name in self._alive:
                self._alive[name].pid = message["pid"]

    def _take(self, worker: WorkerProcess) -> list[News]:
        news: list[News] = []
        for message in worker.channel.receive():
            goes_on = message.pop("goes_on", False)
            told = news_of(worker.key, message)
            match told:
                case Claimed():
                    worker.run = told.run
                case Ended():
                    worker.ended = told
                    if not goes_on:  # its end is told when its process has ended too
                        continue
                    del self._jobs[told.key]
                    self._idle.append(worker)
            news.append(told)
        if worker.channel.over:
            news += self._bury(worker)
        return news

    def _bury(self, worker: WorkerProcess) -> list[News]:
        """A worker is gone: while it waited for a job, or in the middle of one, with a last word or without."""
        self._dismiss(worker)
        if worker in self._idle:
            self._idle.remove(worker)
            return []
        del self._jobs[worker.key]
        if worker.ended is not None:
            return [worker.ended]
        reason = f"its worker died: {self._manner_of_death(worker.name)}"
        return [Ended(worker.key, "lost", None, reason, worker.run, time.monotonic() - worker.began)]

    def _manner_of_death(self, name: str) -> str:
        deadline = time.monotonic() + _SECONDS_FOR_EXIT
        control = self._control
        while name not in self._exits and control is not None and not control.over and time.monotonic() < deadline:
            self._hear(control, deadline - time.monotonic())
        return self._exits.get(name, "nobody knows how")

    def _no_workers(self) -> DlrunError:
        """Say what the zygote has died of."""
        code = 0
        if self._zygote is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._zygote.wait(_SECONDS_FOR_EXIT)
        said = f"{self._log} holds what it said. Run the command again."
        if is_death_by_memory(code):
            return out_of_memory(f"the process that starts the workers has died: {death(code)}", f"{_LESS} {said}")
        return StorageError("the process that starts the workers has died", remedy=said)

    def stop(self) -> None:
        """Interrupt all jobs; those that do not end in time are killed with the zygote."""
        for pid in self.pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while self._jobs and time.monotonic() < deadline:
            with contextlib.suppress(StorageError):
                self.wait(max(deadline - time.monotonic(), 0.01))

    def close(self) -> None:
        """End all processes."""
        for worker in self._alive.values():
            worker.channel.close()
        if self._control is not None:
            self._control.close()
        if self._zygote is not None:
            self._zygote.kill()  # the kernel kills its children with it
            with contextlib.suppress(Interrupted):
                self._zygote.wait()
        self._jobs.clear()
        self._selector.close()


def _exhausted(message: Message) -> DlrunError:
    return OutOfMemory(message["message"], remedy=message["remedy"])
