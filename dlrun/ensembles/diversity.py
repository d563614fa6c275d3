"""Diversity: how differently members err, and what each of them adds.

Kuncheva and Whitaker, "Measures of diversity in classifier ensembles", Machine Learning 51, 2003, for the pairwise
measures; Krogh and Vedelsby, "Neural network ensembles, cross validation, and active learning", NIPS 1995, for the
decomposition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.ensembles.members.stack import Stack
from dlrun.ensembles.methods.combination import Combination, WeightedMean
from dlrun.ensembles.methods.objective import Objective
from dlrun.experiment.evaluation.decisions import decide, decide_labels

Matrix = NDArray[np.float64]
"""One number for each pair of members, shape (members, members); NaN where it is undefined."""


@dataclass(frozen=True)
class Decomposition:
    """The squared error of a weighted mean: that of its members less what they differ among themselves.

    Args:
        error: Mean squared error of the weighted mean.
        mean_error: Weighted mean of the members' mean squared errors.
        ambiguity: Weighted mean of the members' mean squared distances from the weighted mean.
    """

    error: float
    mean_error: float
    ambiguity: float


@dataclass(frozen=True)
class Copies:
    """Members that say nearly the same.

    Args:
        members: Positions of two members or more.
        reason: Why they count as copies.
    """

    members: tuple[int, ...]
    reason: str


def disagreement(stack: Stack) -> Matrix:
    """Return how often each pair of members decides differently, 0 to 1.

    For a regression: the root mean square of their difference, in standard deviations of the target.
    """
    decided = _decisions(stack)
    if decided is not None:
        return np.array([(decided != own).mean(axis=1) for own in decided])
    spreads = stack.targets().std(axis=0)
    scaled = np.asarray(stack.y_pred, dtype=np.float64) / np.where(spreads > 0, spreads, 1.0)
    return np.array([np.sqrt(np.square(scaled - own).mean(axis=(1, 2))) for own in scaled])


def error_correlation(stack: Stack) -> Matrix:
    """Return how the errors of each pair of members correlate: predictions less true values, all outputs together."""
    return _correlation(_scaled(stack, stack.y_pred - stack.targets()))


def prediction_correlation(stack: Stack) -> Matrix:
    """Return how the predictions of each pair of members correlate, all outputs together."""
    return _correlation(_scaled(stack, np.asarray(stack.y_pred, dtype=np.float64)))


def q_statistic(stack: Stack) -> Matrix | None:
    """Return Yule's Q of each pair: 1 if two members are right on the same rows, 0 if independently, below if not.

    None for a regression, where there is no right or wrong; NaN where two members leave nothing to compare.
    """
    decided = _decisions(stack)
    if decided is None:
        return None
    truth = stack.targets().reshape(-1) > 0 if stack.task == "multilabel" else stack.y_true
    right = (decided == truth).astype(np.float64)
    wrong = 1 - right
    agree, differ = (right @ right.T) * (wrong @ wrong.T), (right @ wrong.T) * (wrong @ right.T)
    undefined = np.full(agree.shape, np.nan)
    found: Matrix = np.divide(agree - differ, agree + differ, out=undefined, where=agree + differ > 0)
    return found


def decompose(stack: Stack, weights: NDArray[np.float64]) -> Decomposition:
    """Decompose the squared error of the weighted mean; `error` is `mean_error` less `ambiguity`, exactly.

    Args:
        stack: Members and true values; probabilities are compared with 0 and 1.
        weights: One for each member, sum 1.
    """
    mean = np.tensordot(weights, np.asarray(stack.y_pred, dtype=np.float64), axes=1)
    targets = stack.targets()
    errors = [np.square(member - targets).mean() for member in stack.y_pred.astype(np.float64, copy=False)]
    distances = [np.square(member - mean).mean() for member in stack.y_pred.astype(np.float64, copy=False)]
    return Decomposition(
        float(np.square(mean - targets).mean()), float(weights @ np.array(errors)), float(weights @ np.array(distances))
    )


def gains(objective: Objective, combination: Combination) -> NDArray[np.float64]:
    """Return by how much the score is worse without each member, in the direction of the metric; above 0 it helps.

    Without a member means that the weighted mean of the others speaks in its place; nothing is fitted anew.

    Args:
        objective: The members that the combination is for.
        combination: What was fitted.
    """
    y_pred = np.asarray(objective.stack.y_pred, dtype=np.float64)
    weights = combination.weights
    mean, combined = np.tensordot(weights, y_pred, axes=1), combination.combine(y_pred)
    cost = objective.cost(combined)
    found = np.zeros(len(y_pred))
    for place, own in enumerate(y_pred):
        if len(y_pred) == 1:
            found[place] = np.nan
            continue
        rest = 1 - weights[place]
        others = (mean - weights[place] * own) / rest if rest > 1e-12 else np.delete(y_pred, place, 0).mean(axis=0)
        if isinstance(combination, WeightedMean):
            without = combined + combination.factors[place] * (others - own)
        else:
            replaced = y_pred.copy()
            replaced[place] = others
            without = combination.combine(replaced)
        found[place] = objective.cost(without) - cost
    return found


def near_copies(
    predictions: Matrix, errors: Matrix, hashes: Sequence[str], bound: float
) -> tuple[tuple[Copies, ...], NDArray[np.int64]]:
    """Find members that say nearly the same as others.

    Two are near copies if their configs differ in name and seed alone, or if both their predictions and their errors
    correlate above a bound: predictions of any two good models correlate where the task is easy, errors where it is
    noisy.

    Args:
        predictions: From `prediction_correlation`.
        errors: From `error_correlation`.
        hashes: Equal for configs that differ in name and seed alone.
        bound: Correlation above which two members are near copies.

    Returns:
        Groups of near copies, and the group of every member, shape (members,); a member alone has its own.
    """
    same_config = np.array([[ours == theirs for theirs in hashes] for ours in hashes])
    closeness = np.fmin(predictions, errors)
    alike = same_config | (np.nan_to_num(closeness, nan=0.0) > bound)
    groups = np.arange(len(hashes))
    for one, other in np.argwhere(np.triu(alike, 1)):
        groups[groups == groups[other]] = groups[one]
    found = []
    for group in np.unique(groups):
        inside = np.flatnonzero(groups == group)
        if len(inside) > 1:
            pairs = np.ix_(inside, inside)
            lowest = float(np.nanmin(closeness[pairs]))
            reason = (
                "configs that differ in name or seed alone"
                if same_config[pairs].all()
                else "nearly the same predictions"
            )
            found.append(Copies(tuple(int(place) for place in inside), f"{reason}; they correlate {lowest:.3f}"))
    return tuple(found), groups


def effective_number(errors: Matrix) -> float:
    """Return how many members with unrelated errors would differ as much as these.

    It is the participation ratio of the eigenvalues of the correlations: 1 if all err alike, their number if none do.
    """
    values = np.linalg.eigvalsh(np.nan_to_num(errors, nan=1.0))
    return float(np.square(values.sum()) / np.square(values).sum())


def mean_of_pairs(matrix: Matrix | None) -> float | None:
    """Return the mean over all pairs of different members where it is defined; None if there are none."""
    if matrix is None:
        return None
    values = matrix[np.triu_indices(len(matrix), 1)]
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else None


def _decisions(stack: Stack) -> NDArray[Any] | None:
    """Return what members decide, shape (members, decisions)."""
    if stack.task == "regression":
        return None
    if stack.task == "multilabel":
        return np.array([decide_labels(member).reshape(-1) for member in stack.y_pred])
    return np.array([decide(member) for member in stack.y_pred])


def _scaled(stack: Stack, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Center every output, give targets of a regression the same weight, and flatten: shape (members, numbers)."""
    if stack.task == "regression":
        spreads = stack.targets().std(axis=0)
        values = values / np.where(spreads > 0, spreads, 1.0)
    centered: NDArray[np.float64] = values - values.mean(axis=1, keepdims=True)
    return centered.reshape(len(values), -1)


def _correlation(values: NDArray[np.float64]) -> Matrix:
    products = values @ values.T
    lengths = np.sqrt(np.diag(products))
    scales = np.outer(lengths, lengths)
    undefined = np.full(products.shape, np.nan)
    correlation = np.divide(products, scales, out=undefined, where=scales > 0)
    clipped: Matrix = np.clip(correlation, -1, 1)
    return clipped
