"""A zygote whose workers only sleep, for `tune_workers.py`: what remains is the cost of handing out trials."""

from __future__ import annotations

import os
import time

from dlrun.studies.workers import zygote
from dlrun.studies.workers.channel import Channel
from dlrun.studies.workers.job import Job
from dlrun.studies.workers.worker import Shared


def sleep(job: Job, shared: Shared, channel: Channel) -> None:
    """Sleep as long as the environment says, and report a score."""
    time.sleep(float(os.environ["SLEEP_SECONDS"]))
    metrics = {"validation": {"loss": 1.0}, "folds": [], "num_parameters": None, "seconds": {"total": 0.0}}
    channel.send({"event": "ended", "run": None, "seconds": 0.0, "state": "finished", "metrics": metrics})


if __name__ == "__main__":
    zygote.work = sleep
    zygote.main()
