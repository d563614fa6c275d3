"""Listener: what others may hear of a run while it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlrun.experiment.evaluation.run_metrics import Metrics


@dataclass(frozen=True)
class EpochReport:
    """One finished epoch of one fold.

    Args:
        fold: Position among the folds, from 0; `REFIT` for the refit on training + validation.
        epoch: Number of the epoch, from 1.
        num_epochs: Most epochs that this fit may take.
        values: Training and `val_` metrics and `learning_rate`, as in a row of `history.csv`.
        monitor: Name of the value that early stopping watches; None if there is no validation part.
        best_epoch: Best epoch of this fit so far, from 1.
        best: Value of the monitor at the best epoch; None if there is no monitor.
        seconds: Wall time of the epoch, validation included.
        is_last: Whether the fit ends with it, by the number of epochs or because nothing improves any more.
    """

    fold: int
    epoch: int
    num_epochs: int
    values: Mapping[str, float]
    monitor: str | None
    best_epoch: int
    best: float | None
    seconds: float
    is_last: bool = False


REFIT = -1
"""Number that stands for the refit in reports and in the `fold` column of `history.csv`."""


class Pruned(Exception):
    """Raised by a listener to end a run that is not worth its time; no error, the run's state becomes `pruned`.

    Args:
        resumable: Whether the run may go on later; a learner that has epochs then stores its state.
    """

    def __init__(self, *, resumable: bool = False) -> None:
        super().__init__("stopped early")
        self.resumable = resumable


class Listener:
    """Hears of a run's progress; every method does nothing unless overridden."""

    def stage(self, name: str) -> None:
        """A part of the story begins: `load`, `split`, `build`, `fit`, `refit`, `test`, `evaluate`, `write`."""

    def claimed(self, path: Path) -> None:
        """The run folder exists now."""

    def note(self, text: str) -> None:
        """Something the user should know, such as where the test rows come from."""

    def fit_started(self, fold: int, num_folds: int, num_epochs: int) -> None:
        """A learner is about to be fitted; `num_epochs` is 1 for learners that have no epochs."""

    def slice_finished(self, fold: int, epoch: int, share: float, values: Mapping[str, float]) -> None:
        """Part of a long epoch is done; `share` of it lies in (0, 1]."""

    def epoch_finished(self, report: EpochReport) -> None:
        """An epoch is done and validated."""

    def fold_finished(self, fold: int, scores: Mapping[str, float | None]) -> None:
        """A fold is fitted and its validation rows are scored; None is an undefined score."""

    def finished(self, metrics: Metrics) -> None:
        """The run is complete; `metrics` is what `metrics.json` holds."""


class Listeners(Listener):
    """Passes everything on to several listeners, in their order."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def stage(self, name: str) -> None:
        for listener in self._listeners:
            listener.stage(name)

    def claimed(self, path: Path) -> None:
        for listener in self._listeners:
            listener.claimed(path)

    def note(self, text: str) -> None:
        for listener in self._listeners:
            listener.note(text)

    def fit_started(self, fold: int, num_folds: int, num_epochs: int) -> None:
        for listener in self._listeners:
            listener.fit_started(fold, num_folds, num_epochs)

    def slice_finished(self, fold: int, epoch: int, share: float, values: Mapping[str, float]) -> None:
        for listener in self._listeners:
            listener.slice_finished(fold, epoch, share, values)

    def epoch_finished(self, report: EpochReport) -> None:
        for listener in self._listeners:
            listener.epoch_finished(report)

    def fold_finished(self, fold: int, scores: Mapping[str, float | None]) -> None:
        for listener in self._listeners:
            listener.fold_finished(fold, scores)

    def finished(self, metrics: Metrics) -> None:
        for listener in self._listeners:
            listener.finished(metrics)
