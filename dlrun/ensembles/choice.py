"""Choosing: what every method comes to on rows that its weights have not seen, and which one is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlrun.ensembles.cross_fit import CrossFit, divide
from dlrun.ensembles.members.admission import Admission
from dlrun.ensembles.members.stack import Places, Stack
from dlrun.ensembles.methods import combine as combining
from dlrun.ensembles.methods.best import Best
from dlrun.ensembles.methods.combination import Combination
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.methods import Automatic, tried
from dlrun.ensembles.methods.objective import Objective
from dlrun.ensembles.methods.uniform import Uniform
from dlrun.ensembles.settings import Ensemble
from dlrun.errors import UsageError

_CLEARLY = 1e-9
"""Share by which a cost must be lower to count as lower."""


@dataclass(frozen=True)
class Trial:
    """A method that was tried.

    Args:
        method: How members are combined.
        cost: Cross-fitted score, turned so that less is better.
        predictions: Cross-fitted predictions for the rows that it is judged by, shape (rows, outputs).
    """

    method: Method
    cost: float
    predictions: NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """The method that is taken, fitted to all validation rows.

    Args:
        method: The method.
        why: Why it was taken, in words; empty if it was asked for.
        places: Positions of the members that count.
        combination: What combines them.
        scores: Cross-fitted score of every method that was tried, best first; those that could not be used have none.
        predictions: For the validation rows, shape (rows, outputs): each part by members, method and weights that were
            chosen by the others.
        uniform: The same for the uniform average of the members that the others admit.
        best: The same for the member that is best on the others.
    """

    method: Method
    why: str
    places: Places
    combination: Combination
    scores: dict[str, float | None]
    predictions: NDArray[np.float64]
    uniform: NDArray[np.float64]
    best: NDArray[np.float64]

    @property
    def fitted(self) -> tuple[Places, Combination]:
        return self.places, self.combination


def choose(
    settings: Ensemble, stack: Stack, metric: str, admission: Admission, members: Places, tell: Callable[[str], None]
) -> Choice:
    """Fit the method that is asked for, or choose among all of them.

    Args:
        settings: The method, and how scores are cross-fitted.
        stack: All members and the true values.
        metric: Name of the metric that weights are fitted to.
        admission: Who may count; decided anew wherever rows are left out.
        members: Positions of those that may count by all rows together.
        tell: Hears what is being tried.

    Returns:
        The choice; its `places` are among `members`.

    Raises:
        UsageError: The members cannot be combined as asked.
    """
    parts = divide(stack, settings.cross_fit, settings.seed)
    if parts.max() < 1:
        raise UsageError("one validation row is not enough to fit weights and score them")
    crossed = CrossFit(stack, metric, parts, admission, settings.seed, settings.max_members)
    automatic = isinstance(settings.method, Automatic)
    methods = tried(stack.task, len(members)) if isinstance(settings.method, Automatic) else (settings.method,)
    named = f"{len(methods)} methods" if automatic else methods[0].title
    tell(f"fitting {named} to {len(members):,} members, cross-fitted in {crossed.num_parts} parts")

    objective = Objective(stack.of_members([0]), metric)
    trials, unusable = _tried(methods, objective, crossed.predictions, automatic=automatic)
    taken, why = select(trials, objective, settings.seed)
    places, combination = combining.fit(
        taken.method, stack.of_members(members), metric, seed=settings.seed, max_members=settings.max_members
    )
    ranked = sorted(trials, key=lambda trial: trial.cost)
    scores: dict[str, float | None] = {trial.method.title: objective.score(trial.cost) for trial in ranked}
    return Choice(
        taken.method,
        why if automatic else "",
        places,
        combination,
        scores | dict.fromkeys(unusable),
        _chosen_elsewhere(trials, crossed, settings.seed),
        crossed.predictions(Uniform()),
        crossed.predictions(Best()),
    )


def _tried(
    methods: Sequence[Method],
    objective: Objective,
    predict: Callable[[Method], NDArray[np.float64]],
    *,
    automatic: bool,
) -> tuple[list[Trial], list[str]]:
    """Try methods, and list the names of those that cannot combine these members; one that is asked for must."""
    trials, unusable = [], []
    for method in methods:
        try:
            predictions = predict(method)
        except UsageError:
            if not automatic:
                raise
            unusable.append(method.title)
        else:
            trials.append(Trial(method, objective.cost(predictions), predictions))
    return trials, unusable


def select(trials: Sequence[Trial], objective: Objective, seed: int) -> tuple[Trial, str]:
    """Take the standard method unless another one is better by its margin.

    The lowest of a dozen cross-fitted costs is often the luck of a few rows, above all where a few errors are large.
    So each method has a margin, mostly of one standard error of its paired difference from the standard one (Breiman,
    Friedman, Olshen and Stone, "Classification and Regression Trees", 1984, chapter 3, choose among trees so).
    `tests/benchmarks/selection_study.py` compares the rule with others.

    Args:
        trials: At least one.
        objective: Scores their predictions; its members do not matter.
        seed: Where the bootstrap draws come from.

    Returns:
        The trial that is taken, and why, in words.
    """
    standard = next((trial for trial in trials if trial.method.margin == 0), None)
    if standard is None:
        return _cheapest(trials), "no other could combine them" if len(trials) == 1 else "its score is the best"
    ahead = {}
    for trial in trials:
        gain = standard.cost - trial.cost
        if gain > _CLEARLY * abs(standard.cost):
            spread = objective.spread_of_difference(standard.predictions, trial.predictions, seed)
            if gain > trial.method.margin * spread:
                ahead[trial.method.title] = (trial, gain / spread if spread > 0 else np.inf)
    if not ahead:
        return standard, "it is the standard, and no other is better by its margin, mostly one standard error"
    best = _cheapest([trial for trial, _ in ahead.values()])
    return best, f"it is better than {standard.method.title} by {ahead[best.method.title][1]:.1f} standard errors"


def _cheapest(trials: Sequence[Trial]) -> Trial:
    """Return the trial that costs least, the first of those that hardly differ."""
    best = trials[0]
    for trial in trials:
        if trial.cost < best.cost - _CLEARLY * abs(best.cost):
            best = trial
    return best


def _chosen_elsewhere(trials: Sequence[Trial], crossed: CrossFit, seed: int) -> NDArray[np.float64]:
    """Predict every part by what is chosen without it, the method included (nested choice; Varma and Simon 2006)."""
    predictions = trials[0].predictions.copy()
    for part in range(crossed.num_parts) if len(trials) > 1 else ():
        others = np.flatnonzero(crossed.parts != part)
        objective = Objective(crossed.stack.of_members([0]).of_rows(others), crossed.metric)
        inner = []
        for trial in trials:
            outside = _without(crossed, trial.method, part)
            if outside is not None:
                inner.append(Trial(trial.method, objective.cost(outside), outside))
        method = select(inner, objective, seed)[0].method if inner else _standard(trials)
        predictions[crossed.parts == part] = crossed.predict_part(method, part)
    return predictions


def _without(crossed: CrossFit, method: Method, part: int) -> NDArray[np.float64] | None:
    """Predict the rows outside a part; None if they are too few, or this method cannot combine them there."""
    try:
        return crossed.predictions_without(method, part)
    except UsageError:
        return None


def _standard(trials: Sequence[Trial]) -> Method:
    return next((trial.method for trial in trials if trial.method.margin == 0), trials[0].method)
