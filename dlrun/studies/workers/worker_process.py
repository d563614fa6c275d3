"""WorkerProcess: what the driver knows of a process that carries out jobs."""

from __future__ import annotations

import time

from dlrun.studies.workers.channel import Channel
from dlrun.studies.workers.job import Ended, Job


class WorkerProcess:
    """A process that carries out one job, or one after the other.

    Args:
        name: What the zygote calls it.
        channel: Leads to it.
        slot: Its place among those that work at a time.
        setting: What its first job has set it to.
    """

    def __init__(self, name: str, channel: Channel, slot: int, setting: object) -> None:
        self.name = name
        self.channel = channel
        self.slot = slot
        self.setting = setting
        self.pid = 0
        self.key = ""
        self.run: str | None = None
        self.ended: Ended | None = None
        self.began = 0.0

    def take(self, job: Job) -> None:
        """Take note of the job that it was given."""
        self.key, self.run, self.ended, self.began = job.key, None, None, time.monotonic()
