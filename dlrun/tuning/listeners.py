"""What others may hear of a search, and of a whole study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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

    def interrupted(self) -> None:
        """A signal came; the trials are being stopped."""
