"""How well the driver keeps workers busy: trials that only sleep, with one worker and with eight.

Everything else is as in `dlrun tune`: a study with TPE and its journal, a fork and a connection for every trial. Eight
workers are to be at least 7.5 times as fast as one.

Usage: python tests/benchmarks/tune_workers.py [--trials 64] [--sleep 1.0] [--workers 8]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

from dlrun.base.inside import inside
from dlrun.experiment.load import load_text
from dlrun.studies.listener import SearchListener
from dlrun.studies.loop import SearchLoop
from dlrun.studies.objective import Objective
from dlrun.studies.state.ask_tell import Study
from dlrun.studies.state.trial import Suggestion
from dlrun.studies.trials import Limit, TrialRuns, config_at
from dlrun.studies.workers.job import Job
from dlrun.studies.workers.local import LocalWorkers

BAR = 7.5
CONFIG = """
dataset: iris
model: {kind: linear}
tuner: {kind: tpe, space: {model.l2: {loguniform: [1e-4, 1e3]}}}
"""


class Starts(SearchListener):
    """Measures how long a worker waits for its next trial."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._ended = 0.0

    def ended(self, trial: object) -> None:
        self._ended = time.perf_counter()

    def started(self, suggestion: Suggestion) -> None:
        if self._ended:
            self.gaps.append(time.perf_counter() - self._ended)


def run(num_workers: int, num_trials: int) -> tuple[float, float]:
    """Carry out a study of sleeps; return wall seconds, and the median seconds between two trials of a worker."""
    loaded = load_text(CONFIG)
    starts = Starts()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = [str(Path(__file__).with_name("sleeping_zygote.py"))]
        workers = LocalWorkers(
            num_workers,
            network=False,
            config=config_at(loaded.data),
            share=None,
            log=inside(folder) / "workers.log",
            program=program,
        )
        tuner = loaded.experiment.tuner
        assert tuner is not None
        with workers, Study.open(folder, tuner, seed=0, mode="min", num_trials=num_trials) as study:

            def job_of(suggestion: Suggestion) -> Job:
                config = config_at(loaded.data, suggestion.overrides)
                return Job(f"trial-{suggestion.trial}", "trial", str(folder / "trials"), config)

            workers.await_ready()
            runs = TrialRuns(inside(folder / "trials"), 1.0, Limit(1))
            began = time.perf_counter()
            SearchLoop(study, workers, job_of, runs, Objective("loss", "min"), starts).run()
            return time.perf_counter() - began, median(starts.gaps)


def main() -> int:
    """Compare; the exit code says whether the bar is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--sleep", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=8)
    arguments = parser.parse_args()
    os.environ["SLEEP_SECONDS"] = str(arguments.sleep)
    import hyperopt  # noqa: F401 - loading it is part of the start, as is loading TensorFlow

    alone, gap = run(1, max(arguments.trials // arguments.workers, 2))
    alone *= arguments.trials / max(arguments.trials // arguments.workers, 2)
    together, _ = run(arguments.workers, arguments.trials)
    speed = alone / together
    bar = BAR * arguments.workers / 8
    print(f"one worker {alone:.1f} s, {arguments.workers} workers {together:.1f} s: {speed:.2f} times as fast")
    print(f"from the end of a trial to the start of the next: {1000 * gap:.1f} ms (suggestion and journal included)")
    print(f"bar {bar:.2f}: {'ok' if speed >= bar else 'MISSED'}")
    return 0 if speed >= bar else 1


if __name__ == "__main__":
    raise SystemExit(main())
