"""Batch: a list of jobs carried out by free workers, each tried once more if its worker dies or is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from dlrun.studies.workers.job import Ended, Job
from dlrun.studies.workers.workers import Workers


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
