"""Median: a trial stops where it is worse than the half of the finished ones."""

from typing import Literal

from pydantic import Field

from dlrun.experiment.tuner.pruners.pruner import Rule
from dlrun.experiment.tuner.pruners.race import Race


class Median(Rule):
    """A trial stops if its best value so far is worse than the median of what finished trials had by that epoch.

    The median stopping rule of Golovin et al., 2017, "Google Vizier: A Service for Black-Box Optimization". A trial
    that ended earlier counts with the best value that it had.
    """

    kind: Literal["median"] = "median"

    min_trials: int = Field(5, ge=1)
    """Number of finished trials from which on trials are stopped."""

    min_epochs: int = Field(3, ge=1)
    """Epochs that every trial is given."""

    @property
    def first_step(self) -> int:
        return self.min_epochs

    def stops(self, trial: int, step: int, race: Race) -> bool:
        if step < self.min_epochs:
            return False
        others = race.standings.at(step)
        if len(others) < self.min_trials:
            return False
        middle = (others[(len(others) - 1) // 2] + others[len(others) // 2]) / 2
        return race.curves[trial].best(step) > middle
