"""What others may hear of a search, and of a whole study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.studies.objective import Objective
from dlrun.studies.state.trial import Suggestion, Trial
from dlrun.studies.workers.job import Epoch


@dataclass(frozen=True)
class Standing:
    """How good a trial is so far, by the objective.

    Args:
        best: Best value of an epoch of the fold in progress; None before the first.
        folds: Scores of the folds that are done; one that is undefined is left out.
    """

    best: float | None = None
    folds: tuple[float, ...] = ()

    @property
    def mean(self) -> float | None:
        """Mean over the folds that are done; None in the first one."""
        return sum(self.folds) / len(self.folds) if self.folds else None


@dataclass(frozen=True)
class Settled:
    """A fit after the search is over.

    Args:
        trial: Whose settings were fitted.
        what: A score on another division of the rows, or the fit that looks at the test rows.
        score: What it scored on that division; None for a refit, and where it failed.
        seconds: How long it took.
        num_done: Re-scorings that are over.
        num_all: Re-scorings of all finalists.
        failure: Why it failed; None if it did not.
    """

    trial: int
    what: Literal["rescored", "refitted"]
    score: float | None
    seconds: float
    num_done: int
    num_all: int
    failure: str | None = None


class SearchListener:
    """Hears of a search; every method does nothing unless overridden."""

    def started(self, suggestion: Suggestion) -> None:
        """A trial begins."""

    def reported(self, trial: int, epoch: Epoch, standing: Standing) -> None:
        """A trial has finished an epoch; `standing` is how good it is so far."""

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

    def concluding(self, num_rescorings: int) -> None:
        """The search is over, and something is left to fit: `num_rescorings` of the finalists, then the refits."""

    def settled(self, settled: Settled) -> None:
        """One of the fits after the search is over."""

    def concluded(self, metrics: Metrics, stopped: str | None) -> None:
        """The report is written.

        `metrics` is what the study's `metrics.json` holds; `stopped` tells why the search ended early, if it did.
        """

    def interrupted(self) -> None:
        """A signal came; the trials are being stopped."""


class SearchListeners(SearchListener):
    """Passes everything of a search on to several listeners, in their order."""

    def __init__(self, listeners: Sequence[SearchListener]) -> None:
        self._listeners = tuple(listeners)

    def started(self, suggestion: Suggestion) -> None:
        for listener in self._listeners:
            listener.started(suggestion)

    def reported(self, trial: int, epoch: Epoch, standing: Standing) -> None:
        for listener in self._listeners:
            listener.reported(trial, epoch, standing)

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

    def concluding(self, num_rescorings: int) -> None:
        for listener in self._of_study:
            listener.concluding(num_rescorings)

    def settled(self, settled: Settled) -> None:
        for listener in self._of_study:
            listener.settled(settled)

    def concluded(self, metrics: Metrics, stopped: str | None) -> None:
        for listener in self._of_study:
            listener.concluded(metrics, stopped)

    def interrupted(self) -> None:
        for listener in self._of_study:
            listener.interrupted()
