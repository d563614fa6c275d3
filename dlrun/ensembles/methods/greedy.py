"""Greedy: members are taken in one at a time, each time the one that helps most."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dlrun.base.settings import Auto
from dlrun.ensembles.methods.combination import Array, WeightedMean, floats, normalized
from dlrun.ensembles.methods.method import SHRINKAGE, Method
from dlrun.ensembles.methods.objective import Objective

Ties = Literal["used", "better", "random"]
"""Of members that help equally: one that is in already, the best by itself, or any."""

_MANY = 20
"""Members from which on it pays to choose from several random bags of them."""

_NUM_BAGS = 10

_EXACT_DECIMALS = 12
"""Decimals that equal scores surely agree in, in whatever order rows were summed."""


class Greedy(Method):
    """Take members in one at a time, each time the one whose addition helps most; a member may come again.

    Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models", ICML 2004: selection with
    replacement, a start from the best members, and bags of members against overfitting.
    """

    kind: Literal["greedy"] = "greedy"
    size: int = Field(default=25, ge=1, le=10_000)
    """Most members taken in, counted as often as they come; the best size on the way is kept."""
    start: int = Field(default=5, ge=0)
    """Of so many best members, as many as score best together are the start; 0 starts with nothing."""
    bags: Annotated[int, Field(ge=1, le=1000)] | Auto = "auto"
    """Random bags of members to choose from, whose weights are averaged. `auto`: 10 for 20 members or more, else 1."""
    bag_fraction: float = Field(default=0.5, gt=0, le=1)
    """Share of the members in each bag, if there are several bags."""
    ties: Ties = "used"
    """Of members that help equally: one that is in already (used), the best by itself (better), or any (random)."""
    round_decimals: int | None = Field(default=None, ge=0, le=12)
    """Decimals that scores are rounded to before they are compared, so that tiny gains count as ties; null for all."""
    shrinkage: float = Field(default=SHRINKAGE, ge=0, allow_inf_nan=False)
    """How hard weights are pulled towards equal ones: as hard as so many validation rows could pull; 0 for not."""

    @property
    def margin(self) -> float:
        """It is the standard: no other method did better on more tables of `tests/benchmarks/selection_study.py`."""
        return 0.0

    def fit(self, objective: Objective, seed: int) -> WeightedMean:
        generator = np.random.default_rng([seed, 0x6EED])
        alone, pull = objective.costs_of_members(), objective.pull(self.shrinkage)
        counts = [self._select(objective, alone, pull, bag, generator) for bag in self._bags(len(alone), generator)]
        mean = np.mean([normalized(count) for count in counts], axis=0)
        return WeightedMean(factors=floats(normalized(mean)))

    def _bags(self, num_members: int, generator: np.random.Generator) -> list[NDArray[np.int64]]:
        bags = (_NUM_BAGS if num_members >= _MANY else 1) if self.bags == "auto" else self.bags
        if bags == 1:
            return [np.arange(num_members)]
        size = max(1, round(self.bag_fraction * num_members))
        return [np.sort(generator.choice(num_members, size, replace=False)) for _ in range(bags)]

    def _select(
        self, objective: Objective, alone: Array, pull: float, bag: NDArray[np.int64], generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return how often each member was taken in, shape (all members,)."""
        taken = start_with_best(objective, alone, pull, bag, min(self.start, self.size))
        counts = np.bincount(taken, minlength=len(alone))
        total = objective.material[taken].sum(axis=0, dtype=np.float64)
        best, best_cost = counts.copy(), np.inf
        if taken:
            cost = objective.costs_of_means((total / len(taken))[None].astype(total.dtype))
            best_cost = self._rounded(cost + pull / len(taken))[0]
        for count in range(len(taken), self.size):
            squares = (np.square(counts).sum() + 2 * counts[bag] + 1) / (count + 1) ** 2
            costs = self._rounded(objective.costs_after(total, count, bag) + pull * squares)
            member = bag[self._pick(costs, counts[bag], alone[bag], generator)]
            counts[member] += 1
            total += objective.material[member]
            if costs.min() < best_cost:
                best, best_cost = counts.copy(), costs.min()
        return best

    def _rounded(self, costs: Array) -> Array:
        return np.round(costs, _EXACT_DECIMALS if self.round_decimals is None else self.round_decimals)

    def _pick(self, costs: Array, counts: NDArray[np.int64], alone: Array, generator: np.random.Generator) -> int:
        """Return the position of the lowest cost; of equal ones that which `ties` prefers."""
        equal = np.flatnonzero(costs == costs.min())
        if len(equal) > 1 and self.ties == "random":
            return int(generator.choice(equal))
        if len(equal) > 1 and self.ties == "used" and (counts[equal] > 0).any():
            equal = equal[counts[equal] > 0]
        return int(equal[np.argmin(alone[equal])])


def start_with_best(objective: Objective, alone: Array, pull: float, bag: NDArray[np.int64], most: int) -> list[int]:
    """Return the members of the best start: the first few in order of their own scores.

    Args:
        objective: The members.
        alone: Cost of every member by itself.
        pull: Cost of a unit of squared weights.
        bag: Members to choose from.
        most: Most members of the start.
    """
    order = bag[np.argsort(alone[bag], kind="stable")][:most]
    if not len(order):
        return []
    sums = np.cumsum(objective.material[order], axis=0, dtype=np.float64)
    costs = [
        float(objective.costs_of_means((total / number)[None])[0]) + pull / number
        for number, total in enumerate(sums, 1)
    ]
    return [int(member) for member in order[: int(np.argmin(costs)) + 1]]


def first_picks(objective: Objective, num_members: int) -> NDArray[np.int64]:
    """Return so many different members, in the order in which each helps those before it most.

    Args:
        objective: The members.
        num_members: Members wanted.

    Returns:
        Their positions, in the order of the members.
    """
    total = np.zeros(objective.material.shape[1:])
    picked: list[int] = []
    while len(picked) < min(num_members, objective.num_members):
        costs = objective.costs_after(total, len(picked))
        costs[picked] = np.inf
        picked.append(int(np.argmin(costs)))
        total += objective.material[picked[-1]]
    return np.sort(np.array(picked, dtype=np.int64))
