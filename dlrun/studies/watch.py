"""Watching: what a study that goes on leaves for those who look at its folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dlrun.base.text import printable
from dlrun.errors import DlrunError
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.records.folder import RunFolder
from dlrun.records.index import RUNNING
from dlrun.records.log import LogWriter
from dlrun.reports.study_summary import study_lines
from dlrun.studies.folder import BEST, amend_facts
from dlrun.studies.lines import StudyLines
from dlrun.studies.listener import Settled, Standing, StudyListener, StudyListeners
from dlrun.studies.objective import Objective
from dlrun.studies.report import write_table
from dlrun.studies.state.ask_tell import Study
from dlrun.studies.state.trial import Suggestion, Trial
from dlrun.studies.workers.job import Epoch

LOG = "output.log"
"""What the screen showed, and how far trials were that took their time."""

_SECONDS_BETWEEN_LINES = 5.0
"""Least seconds between two lines of the log about the epochs of a trial."""

_SECONDS_BETWEEN_WRITES = 1.0
_SHARE = 0.02
"""Share of the time that may go into writing the files anew: a table of ten thousand trials takes its time."""


@contextmanager
def logged(folder: RunFolder, listener: StudyListener) -> Iterator[StudyListener]:
    """Yield a listener that passes everything on and writes the study's log, which only grows.

    Args:
        folder: The study, locked.
        listener: Hears of everything.

    Raises:
        StorageError: The log cannot be written.
    """
    with LogWriter(folder.file(LOG)) as log:
        try:
            yield StudyListeners([_Log(log, folder), listener])
        except DlrunError as error:
            log.write(printable(f"error: {error.message}"))
            raise


class _Log(StudyLines):
    """Writes lines into a log, and at its end what the screen shows there."""

    def __init__(self, log: LogWriter, folder: RunFolder) -> None:
        super().__init__(self._write, seconds_between=_SECONDS_BETWEEN_LINES)
        self._log = log
        self._folder = folder

    def concluded(self, metrics: Metrics, stopped: str | None) -> None:
        early = [f"stopped early: {stopped}", ""] if stopped else []
        where = [f"winner's config {self._folder.file(BEST)}", f"study folder {self._folder.path}"]
        for line in ["", *early, *study_lines(metrics), "", *where]:
            self._write(line)

    def _write(self, line: str) -> None:
        self._log.write(printable(line))


class Watchable(StudyListener):
    """Keeps `trials.csv` and `running.json` up to date while a study goes on.

    Args:
        folder: The study's.
        study: The search.
        objective: What it looks at.
        clock: Seconds since some moment.
    """

    def __init__(
        self, folder: RunFolder, study: Study, objective: Objective, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._study = study
        self._objective = objective
        self._table = _Paced(self._write_table, clock, least=0.0)
        self._progress = _Paced(self._write_progress, clock, least=_SECONDS_BETWEEN_WRITES)
        self._running: dict[int, dict[str, Any]] = {}
        self._done = {trial.id for trial in study.trials if _is_over(trial)}
        self._concluding: dict[str, Any] | None = None

    def started(self, suggestion: Suggestion) -> None:
        self._running[suggestion.trial] = {"trial": suggestion.trial}
        self._done.discard(suggestion.trial)
        self._table.is_due = self._progress.is_due = True

    def reported(self, trial: int, epoch: Epoch, standing: Standing) -> None:
        self._running[trial] = {
            "trial": trial,
            "fold": epoch.fold + 1,
            "num_folds": epoch.num_folds,
            "epoch": epoch.epoch,
            "num_epochs": epoch.num_epochs,
            "value": epoch.values.get(self._objective.metric),
            "best": standing.best,
            "folds": list(standing.folds),
        }
        self._progress.is_due = True

    def ended(self, trial: Trial) -> None:
        self._running.pop(trial.id, None)
        if _is_over(trial):
            self._done.add(trial.id)
        self._table.is_due = self._progress.is_due = True
        self._table.write_in_time()

    def tick(self) -> None:
        self._table.write_in_time()
        self._progress.write_in_time()

    def searched(self) -> None:
        """Leave the table as the search left it; raises StorageError."""
        self._write_table()
        amend_facts(self._folder, done=len(self._done))

    def concluding(self, num_rescorings: int) -> None:
        self._concluding = {"rescored": 0, "rescorings": num_rescorings, "refitted": []}
        self._write_progress()

    def settled(self, settled: Settled) -> None:
        if self._concluding is None:
            return
        self._concluding |= {"rescored": settled.num_done, "rescorings": settled.num_all}
        if settled.what == "refitted" and settled.failure is None:
            self._concluding["refitted"].append(settled.trial)
        self._write_progress()

    def close(self) -> None:
        """Say that nothing is running; raises StorageError."""
        self._folder.remove(RUNNING)

    def _write_table(self) -> None:
        write_table(self._folder, self._study.trials)

    def _write_progress(self) -> None:
        running = [self._running[trial] for trial in sorted(self._running)]
        told = {"format": 1, "done": len(self._done), "running": running}
        self._folder.write_json(RUNNING, told if self._concluding is None else {**told, "concluding": self._concluding})


def _is_over(trial: Trial) -> bool:
    return trial.state not in ("pending", "interrupted")


class _Paced:
    """Writes a file when it is due, but never takes much of the time for it.

    Args:
        write: Writes it.
        clock: Seconds since some moment.
        least: Least seconds from one time to the next.
    """

    def __init__(self, write: Callable[[], None], clock: Callable[[], float], *, least: float) -> None:
        self._write = write
        self._clock = clock
        self._least = least
        self._next = clock()
        self.is_due = False

    def write_in_time(self) -> None:
        """Write if it is due and time has come."""
        began = self._clock()
        if not self.is_due or began < self._next:
            return
        self._write()
        self.is_due = False
        ended = self._clock()
        self._next = ended + max(self._least, (ended - began) / _SHARE)
