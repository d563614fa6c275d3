"""Hyperband: successive halving at several strengths side by side."""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import Auto
from dlrun.experiment.tuner.pruners.asha import falls_behind, is_rung
from dlrun.experiment.tuner.pruners.pruner import Rule
from dlrun.experiment.tuner.pruners.race import Race


class Hyperband(Rule):
    """Trials are dealt to brackets, which stop them by successive halving early and often, or late and seldom.

    Li et al., 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization"; the brackets run
    asynchronously, as in Li et al., 2020, and get trials in the proportions of the paper.
    """

    kind: Literal["hyperband"] = "hyperband"

    min_epochs: int = Field(3, ge=1)
    """Epochs that every trial is given."""

    max_epochs: int | Auto = "auto"
    """Most epochs of a trial; `auto` is `training.epochs`."""

    reduction: int = Field(3, ge=2)
    """One of how many trials goes on."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """Refuse fewer epochs at most than at least."""
        if self.max_epochs != "auto" and self.max_epochs < self.min_epochs:
            found = {"most": self.max_epochs, "least": self.min_epochs, "setting": "max_epochs"}
            raise PydanticCustomError("order", "expected an integer >= min_epochs ({least}), found {most}", found)
        return self

    @property
    def first_step(self) -> int:
        return self.min_epochs

    def stops(self, trial: int, step: int, race: Race) -> bool:
        order = self._order(race)
        bracket = order[trial % len(order)]
        if not is_rung(step, self.min_epochs * self.reduction**bracket, self.reduction):
            return False
        losses = {other: loss for other, loss in race.at(step).items() if order[other % len(order)] == bracket}
        return falls_behind(losses[trial], losses.values(), self.reduction)

    def _order(self, race: Race) -> list[int]:
        """Return the brackets in the order in which trials are dealt to them; bracket b starts at the b-th rung."""
        most = race.max_epochs if self.max_epochs == "auto" else self.max_epochs
        last = num_rungs(self.min_epochs, most or self.min_epochs, self.reduction) - 1
        sizes = {bracket: bracket_size(last - bracket, last, self.reduction) for bracket in range(last + 1)}
        dealt = dict.fromkeys(sizes, 0)
        order: list[int] = []
        for _ in range(sum(sizes.values())):
            bracket = min(sizes, key=lambda bracket: (dealt[bracket] / sizes[bracket], bracket))
            dealt[bracket] += 1
            order.append(bracket)
        return order


def num_rungs(first: int, most: int, reduction: int) -> int:
    """Return how many of the epochs `first`, `first` times `reduction`, ... are at most `most`; at least 1."""
    number = 1
    while first * reduction**number <= most:
        number += 1
    return number


def bracket_size(halvings: int, most: int, reduction: int) -> int:
    """Return with how many trials a bracket starts: n of algorithm 1 in the paper, its s being `halvings`."""
    share: int = (most + 1) * reduction**halvings
    return -(-share // (halvings + 1))
