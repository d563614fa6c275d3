"""Workers: who carries out jobs. The driver knows this interface alone, so that a cluster is one more file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from dlrun.studies.workers.job import Ended, Job, News


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


def carry_out_all(workers: Workers, jobs: Iterable[Job], on_end: Callable[[Ended], None]) -> None:
    """Carry out jobs.

    Args:
        workers: All of them are free.
        jobs: With keys of their own.
        on_end: Hears how each ended; not of a first death.
    """
    waiting = {job.key: job for job in jobs}
    active: dict[str, Job] = {}
    while waiting or active:
        while waiting and workers.num_free:
            key, job = next(iter(waiting.items()))
            active[key] = waiting.pop(key)
            workers.start(job)
        for news in workers.wait(None):
            if not isinstance(news, Ended):
                continue
            job = active.pop(news.key)
            if news.state in ("lost", "interrupted") and not news.key.endswith("-again"):
                again = replace(job, key=f"{job.key}-again", run=news.run)
                waiting[again.key] = again
            else:
                on_end(replace(news, key=news.key.removesuffix("-again")))
