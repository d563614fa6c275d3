"""Choosing: what every method comes to on rows that its weights have not seen, and which one is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlrun.ensembling import combining
from dlrun.ensembling.combination import Combination
from dlrun.ensembling.cross_fitting import cross_fitted, divide
from dlrun.ensembling.methods.method import Method
from dlrun.ensembling.methods.union import Automatic, tried
from dlrun.ensembling.objective import Objective
from dlrun.ensembling.settings import Ensemble
from dlrun.ensembling.stack import Places, Stack
from dlrun.errors import UsageError

_CLEARLY = 1e-9
"""Share by which a cost must be lower to count as lower."""


@dataclass(frozen=True)
class Trial:
    """A method that was tried.

    Args:
        method: How members are combined.
        cost: Cross-fitted score, turned so that less is better.
        predictions: Cross-fitted predictions for the validation rows, shape (rows, outputs).
    """

    method: Method
    cost: float
    predictions: NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """The method that is taken, fitted to all validation rows.

    Args:
        trial: How it did.
        places: Positions of the members that count.
        combination: What combines them.
        scores: Cross-fitted score of every method that was tried, best first; those that could not be used have none.
        predictions: For the validation rows, shape (rows, outputs): each part by the method that does best on the
            others, so that neither the weights nor the choice of the method have seen what they are scored on.
    """

    trial: Trial
    places: Places
    combination: Combination
    scores: dict[str, float | None]
    predictions: NDArray[np.float64]

    @property
    def fitted(self) -> tuple[Places, Combination]:
        return self.places, self.combination


def choose(settings: Ensemble, stack: Stack, metric: str, tell: Callable[[str], None]) -> Choice:
    """Fit the method that is asked for, or all of them and take the best.

    Args:
        settings: The method, and how scores are cross-fitted.
        stack: Members and true values.
        metric: Name of the metric that weights are fitted to.
        tell: Hears what is being tried.

    Raises:
        UsageError: The members cannot be combined as asked.
    """
    parts = divide(stack, settings.cross_fit, settings.seed)
    if parts.max() < 1:
        raise UsageError("one validation row is not enough to fit weights and score them")
    objective = Objective(stack, metric)
    methods = tried(stack.task, stack.num_members) if isinstance(settings.method, Automatic) else (settings.method,)
    automatic = len(methods) > 1
    named = f"{len(methods)} methods" if automatic else methods[0].title
    tell(f"fitting {named} to {stack.num_members:,} members, cross-fitted in {parts.max() + 1} parts")
    trials: list[Trial] = []
    scores: dict[str, float | None] = {}
    for method in methods:
        try:
            trial = _tried(settings, method, objective, parts)
        except UsageError:
            if not automatic:
                raise
            scores[method.title] = None
        else:
            trials.append(trial)
            scores[method.title] = objective.score(trial.cost)
    best = _best(trials, [trial.cost for trial in trials])
    places, combination = combining.fit(
        best.method, stack, metric, seed=settings.seed, max_members=settings.max_members
    )
    order = sorted(trials, key=lambda trial: trial.cost)
    ranked = {trial.method.title: scores.pop(trial.method.title) for trial in order}
    return Choice(best, places, combination, ranked | scores, _chosen_elsewhere(trials, stack, metric, parts))


def _best(trials: Sequence[Trial], costs: Sequence[float]) -> Trial:
    """Return the trial that costs least, the first of those that hardly differ."""
    best = 0
    for place, cost in enumerate(costs):
        if cost < costs[best] - _CLEARLY * abs(costs[best]):
            best = place
    return trials[best]


def _chosen_elsewhere(
    trials: Sequence[Trial], stack: Stack, metric: str, parts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Predict every part by the method that does best on the others (nested choice; Varma and Simon 2006)."""
    predictions = trials[0].predictions.copy()
    for part in range(parts.max() + 1) if len(trials) > 1 else ():
        others = np.flatnonzero(parts != part)
        objective = Objective(stack.of_members([0]).of_rows(others), metric)
        chosen = _best(trials, [objective.cost(trial.predictions[others]) for trial in trials])
        predictions[parts == part] = chosen.predictions[parts == part]
    return predictions


def _tried(settings: Ensemble, method: Method, objective: Objective, parts: NDArray[np.int64]) -> Trial:
    predictions = cross_fitted(
        method,
        objective.stack,
        objective.metric.name,
        parts,
        seed=settings.seed,
        max_members=settings.max_members,
    )
    return Trial(method, objective.cost(predictions), predictions)
