"""Workers: who carries out jobs. The driver knows this interface alone, so that a cluster is one more file."""

from __future__ import annotations

from typing import Protocol

from dlrun.studies.workers.job import Job, News


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
