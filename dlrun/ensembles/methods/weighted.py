"""Weighted: weights on the simplex, by Nelder-Mead or by random search."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dlrun.ensembles.methods.combination import Array, WeightedMean, floats, normalized
from dlrun.ensembles.methods.greedy import first_picks
from dlrun.ensembles.methods.method import SHRINKAGE, Method
from dlrun.ensembles.methods.objective import Objective

Search = Literal["nelder_mead", "random"]
"""How weights are searched for."""

_NEGLIGIBLE = 1e-3
"""Weights below this are set to 0, unless that costs anything."""

_CONCENTRATIONS = (1.0, 0.3, 3.0)
"""Random weights are drawn from Dirichlet distributions: even over the simplex, near its corners, near its middle."""


class Weighted(Method):
    """Weigh members so that their mean scores best; weights are not negative and sum to 1.

    Nelder and Mead, "A simplex method for function minimization", The Computer Journal 7, 1965, from several starts; or
    random search. Both need no gradients and so take any metric.
    """

    kind: Literal["weighted"] = "weighted"
    search: Search = "nelder_mead"
    """How weights are searched for: nelder_mead, or random."""
    starts: int = Field(default=4, ge=1, le=100)
    """Starts of Nelder-Mead: equal weights first, then mostly the best member, then random ones."""
    evaluations: int = Field(default=2000, ge=1, le=1_000_000)
    """Most weights that are tried, in all starts together."""
    most: int = Field(default=20, ge=1)
    """Most members that are weighed; of more, those that greedy selection takes first."""
    shrinkage: float = Field(default=SHRINKAGE, ge=0, allow_inf_nan=False)
    """How hard weights are pulled towards equal ones: as hard as so many validation rows could pull; 0 for not."""

    @property
    def title(self) -> str:
        return f"weighted ({self.search.replace('_', '-')})"

    def fit(self, objective: Objective, seed: int) -> WeightedMean:
        places = first_picks(objective, self.most)
        searched = _Pulled(Objective(objective.stack.of_members(places), objective.metric.name), self.shrinkage)
        generator = np.random.default_rng([seed, 0x3E16])
        search = self._nelder_mead if self.search == "nelder_mead" else self._random
        factors = np.zeros(objective.num_members)
        factors[places] = _without_negligible(searched, search(searched, generator))
        return WeightedMean(factors=floats(factors))

    def _random(self, objective: "_Pulled", generator: np.random.Generator) -> Array:
        tried = _draws(generator, objective.num_members, self.evaluations)
        fixed = np.concatenate([_equal(objective.num_members)[None], np.eye(objective.num_members)])
        candidates = np.concatenate([fixed, tried])[: max(self.evaluations, 1)]
        best: Array = candidates[int(np.argmin(objective.costs_of_weights(candidates)))]
        return best

    def _nelder_mead(self, objective: "_Pulled", generator: np.random.Generator) -> Array:
        num_members = objective.num_members
        if num_members == 1:
            return np.ones(1)
        found: list[Array] = [_equal(num_members)]
        for start in self._starts(objective, generator):
            found.append(_minimized(objective.cost_of_weights, start, max(1, self.evaluations // self.starts)))
        costs = objective.costs_of_weights(np.array(found))
        return found[int(np.argmin(costs))]

    def _starts(self, objective: "_Pulled", generator: np.random.Generator) -> list[Array]:
        num_members = objective.num_members
        best = np.eye(num_members)[int(np.argmin(objective.costs_of_weights(np.eye(num_members))))]
        equal = _equal(num_members)
        random = _draws(generator, num_members, max(0, self.starts - 2))
        return [equal, 0.7 * best + 0.3 * equal, *random][: self.starts]


class _Pulled:
    """The cost of weights, and what their distance from equal ones costs.

    Args:
        objective: The members.
        rows: As in `Objective.pull`.
    """

    def __init__(self, objective: Objective, rows: float) -> None:
        self._objective = objective
        self._pull = objective.pull(rows)
        self.num_members = objective.num_members

    def cost_of_weights(self, weights: Array) -> float:
        return float(self.costs_of_weights(weights[None])[0])

    def costs_of_weights(self, weights: Array) -> Array:
        apart = np.square(weights - 1 / self.num_members).sum(axis=1)
        costs: Array = self._objective.costs_of_weights(weights) + self._pull * apart
        return costs


def _minimized(cost: Callable[[Array], float], start: Array, evaluations: int) -> Array:
    """Search from one start; any numbers stand for the weights that their sizes are in proportion to."""
    from scipy.optimize import minimize

    def cost_of(values: Array) -> float:
        return cost(_on_simplex(values))

    scaled = start * len(start)
    corners = np.concatenate([scaled[None], scaled + 0.5 * np.eye(len(start))])
    options = {"maxfev": evaluations, "initial_simplex": corners, "adaptive": True, "xatol": 1e-4, "fatol": 1e-9}
    return _on_simplex(minimize(cost_of, scaled, method="Nelder-Mead", options=options).x)


def _on_simplex(values: Array) -> Array:
    return normalized(np.abs(values))


def _equal(num_members: int) -> NDArray[np.float64]:
    return np.full(num_members, 1 / num_members)


def _draws(generator: np.random.Generator, num_members: int, num_draws: int) -> Array:
    drawn = np.empty((num_draws, num_members))
    for place, concentration in enumerate(_CONCENTRATIONS):
        part = drawn[place :: len(_CONCENTRATIONS)]
        part[:] = generator.dirichlet(np.full(num_members, concentration), size=len(part))
    return drawn


def _without_negligible(objective: _Pulled, weights: Array) -> Array:
    pruned = normalized(np.where(weights < _NEGLIGIBLE, 0, weights))
    costs = objective.costs_of_weights(np.stack([weights, pruned]))
    return pruned if costs[1] <= costs[0] + 1e-7 * abs(costs[0]) else weights
