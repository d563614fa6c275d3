"""Progress as lines of text: for output.log, and for screens that are no terminal."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from dlrun.base import files
from dlrun.base.inside import Inside
from dlrun.base.text import printable
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.learners.listener import REFIT, EpochReport, Listener

STAGES = {
    "load": "loading the data",
    "build": "building the model",
    "fit": "training",
    "refit": "training again on training and validation rows",
    "evaluate": "computing scores and intervals",
    "write": "writing the record",
}
"""What each stage of a run is called on screen."""


def number(value: float) -> str:
    """Write a number for people: four decimals, or four digits where it is very small or large."""
    size = abs(value)
    fixed = math.isfinite(value) and (value == 0 or 1e-3 <= size < 1e4)
    return f"{value:.4f}" if fixed else f"{value:.4g}"


def fold_name(fold: int, num_folds: int) -> str:
    """Name a fit for people; empty where there is only one."""
    if fold == REFIT:
        return "refit"
    return f"fold {fold + 1}/{num_folds}" if num_folds > 1 else ""


def epoch_line(report: EpochReport, num_folds: int) -> str:
    """Put one finished epoch into a line.

    Args:
        report: The epoch.
        num_folds: Folds of the whole run.
    """
    width = len(str(report.num_epochs))
    parts = [fold_name(report.fold, num_folds), f"epoch {report.epoch:>{width}}/{report.num_epochs}"]
    parts += [f"{name} {number(value)}" for name, value in report.values.items() if name != "learning_rate"]
    if "learning_rate" in report.values:
        parts.append(f"learning_rate {report.values['learning_rate']:.3g}")
    if report.monitor is not None and report.best is not None:
        parts.append(f"best {report.monitor} {number(report.best)} at {report.best_epoch}")
    parts.append(f"{report.seconds:.2f} s")
    return "  ".join(part for part in parts if part)


class Lines(Listener):
    """Tells a run's progress in lines.

    Args:
        say: Takes every line, without its end.
        seconds_between: Least seconds between two lines about epochs; the first and last of a fit are always told.
        clock: Seconds since some moment.
    """

    def __init__(
        self, say: Callable[[str], None], *, seconds_between: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._between = seconds_between
        self._clock = clock
        self._told_at = -math.inf
        self._untold: EpochReport | None = None
        self._num_folds = 1

    def stage(self, name: str) -> None:
        self._tell_last()
        self._say(STAGES.get(name, name))

    def claimed(self, path: Path) -> None:
        self._say(f"run folder {printable(str(path))}")

    def note(self, text: str) -> None:
        self._tell_last()
        self._say(printable(text))

    def fit_started(self, fold: int, num_folds: int, num_epochs: int) -> None:
        self._tell_last()
        self._num_folds = num_folds
        if num_epochs == 1 and fold_name(fold, num_folds):
            self._say(fold_name(fold, num_folds))

    def epoch_finished(self, report: EpochReport) -> None:
        due = self._clock() - self._told_at >= self._between
        if due or report.epoch in {1, report.num_epochs}:
            self._tell(report)
        else:
            self._untold = report

    def finished(self, metrics: Metrics) -> None:  # noqa: ARG002 - the summary tells them
        self._tell_last()

    def _tell(self, report: EpochReport) -> None:
        self._untold = None
        self._told_at = self._clock()
        self._say(epoch_line(report, self._num_folds))

    def _tell_last(self) -> None:
        """Tell the last epoch of a fit, which early stopping may have ended before its number was reached."""
        if self._untold is not None:
            self._tell(self._untold)


class LogWriter(Lines):
    """Writes a run's progress to output.log, a line at a time; the file only grows.

    Args:
        file: Continued if it exists.

    Raises:
        StorageError: The file cannot be opened, or later: a line cannot be written.
    """

    def __init__(self, file: Inside) -> None:
        super().__init__(self.write)
        self._path = file.path
        self._file = file.open_to_append()

    def write(self, text: str) -> None:
        """Append text as one or more lines, such as a summary or a traceback.

        Raises:
            StorageError: The text could not be written.
        """
        try:
            files.write_all(self._file, (text + "\n").encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise files.storage_error("write", self._path, error) from error

    def close(self) -> None:
        """Wait until all lines are on the disk, and close the file; raises StorageError."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise files.storage_error("write", self._path, error) from error
        finally:
            os.close(self._file)

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
