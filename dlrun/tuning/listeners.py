"""What others may hear of a search, and of a whole study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlrun.tuning.job import Epoch
from dlrun.tuning.objective import Objective
from dlrun.tuning.trial import Suggestion, Trial


class SearchListener:
    """Hears of a search; every method does nothing unless overridden."""

    def started(self, suggestion: Suggestion) -> None:
        """A trial begins."""

    def reported(self, trial: int, epoch: Epoch, best: float | None) -> None:
        """A trial has finished an epoch; `best` is the best value it has reached."""

    def ended(self, trial: Trial) -> None:
        """A trial is over, and `trial` is how it stands now; `pending` if it will be tried again."""

    def tick(self) -> None:
        """Time has passed."""


class StudyListener(SearchListener):
    """Hears of a whole study; every method does nothing unless overridden."""

    def opened(self, path: Path, trials: Sequence[Trial], num_trials: int | None, objective: Objective) -> None:
        """The study's folder is claimed and locked; `trials` are those of earlier sessions."""

    def note(self, text: str) -> None:
        """Something that the user should know."""

    def concluding(self) -> None:
        """The search is over; finalists are re-scored, the winner is refitted."""

    def concluded(self, metrics: Mapping[str, Any]) -> None:
        """The report is written; `metrics` is what the study's `metrics.json` holds."""

    def interrupted(self) -> None:
        """A signal came; the trials are being stopped."""


class SearchListeners(SearchListener):
    """Passes everything of a search on to several listeners, in their order."""

    def __init__(self, listeners: Sequence[SearchListener]) -> None:
        self._listeners = tuple(listeners)

    def started(self, suggestion: Suggestion) -> None:
        for listener in self._listeners:
            listener.started(suggestion)

    def reported(self, trial: int, epoch: Epoch, best: float | None) -> None:
        for listener in self._listeners:
            listener.reported(trial, epoch, best)

    def ended(self, trial: Trial) -> None:
        for listener in self._listeners:
            listener.ended(trial)

    def tick(self) -> None:
        for listener in self._listeners:
            listener.tick()


class StudyListeners(SearchListeners, StudyListener):
    """Passes everything of a study on to several listeners, in their order."""

    def __init__(self, listeners: Sequence[StudyListener]) -> None:
        super().__init__(listeners)
        self._of_study = tuple(listeners)

    def opened(self, path: Path, trials: Sequence[Trial], num_trials: int | None, objective: Objective) -> None:
        for listener in self._of_study:
            listener.opened(path, trials, num_trials, objective)

    def note(self, text: str) -> None:
        for listener in self._of_study:
            listener.note(text)

    def concluding(self) -> None:
        for listener in self._of_study:
            listener.concluding()

    def concluded(self, metrics: Mapping[str, Any]) -> None:
        for listener in self._of_study:
            listener.concluded(metrics)

    def interrupted(self) -> None:
        for listener in self._of_study:
            listener.interrupted()
