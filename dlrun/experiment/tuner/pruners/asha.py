"""ASHA: at epochs that lie ever further apart, only the best part of the trials goes on."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from dlrun.experiment.tuner.pruners.pruner import Rule
from dlrun.experiment.tuner.pruners.race import Race


class ASHA(Rule):
    """At `min_epochs`, and whenever `reduction` times as many have passed, the best of `reduction` trials go on.

    Asynchronous successive halving in its stopping form: Li et al., 2020, "A System for Massively Parallel
    Hyperparameter Tuning", section 3; a decision waits for no other trial, and goes by all that got as far.
    """

    kind: Literal["asha"] = "asha"

    min_epochs: int = Field(3, ge=1)
    """Epochs that every trial is given."""

    reduction: int = Field(3, ge=2)
    """One of how many trials goes on."""

    @property
    def first_step(self) -> int:
        return self.min_epochs

    def stops(self, trial: int, step: int, race: Race) -> bool:
        if not is_rung(step, self.min_epochs, self.reduction):
            return False
        losses = race.at(step)
        return falls_behind(losses[trial], losses.values(), self.reduction)


def is_rung(step: int, first: int, reduction: int) -> bool:
    """Tell whether a step is `first`, or `first` times a power of `reduction`."""
    rung = first
    while rung < step:
        rung *= reduction
    return rung == step


def falls_behind(loss: float, losses: Iterable[float], reduction: int) -> bool:
    """Tell whether a loss is not among the best of every `reduction`; of fewer losses than that, all are.

    Args:
        loss: Loss of the trial.
        losses: Losses of all trials that got as far, its own included.
        reduction: One of how many goes on.
    """
    known = list(losses)
    num_better = sum(other < loss for other in known)
    return len(known) >= reduction and num_better >= len(known) // reduction
