"""Combining: fitting any method alike, and reading back what was fitted."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from dlrun.ensembles.members.stack import Places, Stack, settled_order
from dlrun.ensembles.methods.combination import Combination, WeightedMean
from dlrun.ensembles.methods.exponential import ExponentialMean
from dlrun.ensembles.methods.geometric import GeometricMean
from dlrun.ensembles.methods.greedy import first_picks
from dlrun.ensembles.methods.median import MedianOfMembers
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.objective import Objective
from dlrun.ensembles.methods.rank import MeanRank
from dlrun.ensembles.methods.stacking import LinearStack
from dlrun.ensembles.methods.vote import Votes
from dlrun.errors import StorageError

AnyCombination = WeightedMean | GeometricMean | ExponentialMean | MeanRank | MedianOfMembers | Votes | LinearStack

_AT_ONCE = 4_000_000
"""Numbers that are combined at a time; 32 MB in double precision, several times."""


def fit(
    method: Method, stack: Stack, metric: str, *, seed: int, max_members: int | None = None
) -> tuple[Places, Combination]:
    """Fit a method, whatever the order of the members.

    Args:
        method: How to combine.
        stack: Members and true values.
        metric: Name of the metric to score best by.
        seed: Where random numbers come from.
        max_members: Most members that may count; of more, greedy selection takes its choice first.

    Returns:
        The positions of the members that count, in order, and what combines them.

    Raises:
        UsageError: These members cannot be combined in this way.
    """
    method.check(stack.task)
    order = settled_order(stack)
    if max_members is not None and max_members < len(order):
        picked = first_picks(Objective(stack.of_members(order), metric), max_members)
        order = order[picked]
    combination = method.fit(Objective(stack.of_members(order), metric), seed)
    counting = np.flatnonzero(combination.weights > 0)
    counting = counting[np.argsort(order[counting])]
    return order[counting], combination.of_members(counting)


def predict(fitted: tuple[Places, Combination], y_pred: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Combine the predictions of all members by what `fit` returned, some rows at a time.

    Args:
        fitted: From `fit`.
        y_pred: Predictions of all members, shape (members, rows, outputs).
    """
    places, combination = fitted
    num_rows = y_pred.shape[1]
    step = max(1, _AT_ONCE // max(1, len(places) * y_pred.shape[2]))
    parts = [
        combination.combine(y_pred[places, start : min(start + step, num_rows)])
        for start in range(0, max(1, num_rows), step)
    ]
    return np.concatenate(parts)


def load_combination(text: str) -> Combination:
    """Read a combination from the JSON that `Combination.model_dump_json` wrote.

    Raises:
        StorageError: The text holds no combination.
    """
    reader: TypeAdapter[Any] = TypeAdapter(Annotated[AnyCombination, Field(discriminator="kind")])
    try:
        combination: Combination = reader.validate_json(text)
    except ValidationError as error:
        raise StorageError(f"the combination of an ensemble is damaged: {error.errors()[0]['msg']}") from error
    return combination
