"""Objective: what a method makes as small as it can, fast for thousands of candidates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.ensembles.members.stack import Stack
from dlrun.ensembles.methods.close_calls import CloseCalls
from dlrun.experiment.evaluation.decisions import THRESHOLD
from dlrun.experiment.evaluation.intervals import bootstrap
from dlrun.experiment.evaluation.losses import SMALLEST
from dlrun.experiment.evaluation.metric import Scorer, Values
from dlrun.experiment.evaluation.metrics import metrics_for

Array = NDArray[np.floating[Any]]

_EXACT_UP_TO = 8_000_000
"""Numbers up to which costs are found in double precision; beyond, in that of the predictions, at half the memory."""

_AT_ONCE = 300_000
"""Numbers that are worked on at a time, so that they stay near the processor."""

_DRAWS = 200
"""Bootstrap draws behind a standard error."""

_FACTORS = 4
"""Probabilities whose product is surely no underflow, even in single precision."""


class Objective:
    """The cost of weighted means of members: the score by a metric, turned so that less is better.

    The score is the mean of the scores of the folds, as a run's validation score is. For most metrics the cost of a
    mean follows from the mean of something smaller than the predictions, such as the probability of the true class;
    that `material` is prepared once.

    Args:
        stack: Members and true values.
        metric: Name of a metric of the task.
    """

    def __init__(self, stack: Stack, metric: str) -> None:
        self.stack = stack
        self.metric = metrics_for(stack.task)[metric]
        self._sign = -1.0 if self.metric.higher_is_better else 1.0
        found, of_row = np.unique(stack.folds, return_inverse=True)
        folds = (of_row == np.arange(len(found))[:, None]).astype(np.float64)
        folds = folds if stack.weights is None else folds * stack.weights
        self._folds = folds[folds.any(axis=1)] if folds.any() else np.ones((1, stack.num_rows))
        self._shares = self._folds / self._folds.sum(axis=1, keepdims=True)
        material, self._values = _material(stack, metric)
        self.material = material.astype(np.float64) if material.size <= _EXACT_UP_TO else material
        decides = metric == "accuracy" and stack.task == "multiclass"
        self._settles = decides and float(material.min()) >= 0 and float(material.max()) <= 1

    @property
    def num_members(self) -> int:
        return self.stack.num_members

    def cost(self, y_pred: Values) -> float:
        """Return the cost of any predictions, shape (rows, outputs); infinite where the metric is undefined."""
        scores = self.metric.scorer(self.stack.y_true, y_pred, self.stack.positive)(self._folds)
        known = scores[~np.isnan(scores)]
        return self._sign * float(known.mean()) if len(known) else np.inf

    def spread_of_difference(self, first: Values, second: Values, seed: int) -> float:
        """Return the standard error of the difference between the costs of two predictions of the same rows.

        Both are scored in the same bootstrap draws, so that rows that are hard for both do not widen it.

        Args:
            first: Shape (rows, outputs).
            second: Shape (rows, outputs).
            seed: Same seed, same draws.

        Returns:
            NaN where the metric is undefined in the draws.
        """
        scorers = {
            (side, fold): _weighted_by(self.metric.prepare(self.stack.y_true, y_pred), self._folds[fold])
            for side, y_pred in enumerate((first, second))
            for fold in range(len(self._folds))
        }
        drawn = bootstrap(scorers, self.stack.num_rows, rows=self.stack.rows, draws=_DRAWS, seed=seed)
        folds = [drawn[0, fold] - drawn[1, fold] for fold in range(len(self._folds))]
        differences = np.mean(folds, axis=0)
        known = differences[np.isfinite(differences)]
        return float(known.std()) if len(known) > 1 else float("nan")

    def score(self, cost: float) -> float:
        """Turn a cost back into the score that it stands for."""
        return self._sign * cost

    def cost_of_weights(self, weights: Array) -> float:
        """Return the cost of the weighted mean, weights of shape (members,) that sum to 1."""
        return float(self.costs_of_weights(weights[None])[0])

    def costs_of_weights(self, weights: Array) -> Array:
        """Return the costs of many weighted means, weights of shape (candidates, members)."""
        flat = self.material.reshape(self.num_members, -1)
        size = self.material[0].size
        step = max(1, _AT_ONCE // size)
        parts = [
            self.costs_of_means((weights[start : start + step].astype(flat.dtype) @ flat).reshape(-1, *self._shape))
            for start in range(0, len(weights), step)
        ]
        return np.concatenate(parts)

    def pull(self, rows: float) -> float:
        """Return how much a unit of squared distance from equal weights is to cost.

        It is as much as so many rows tell: the gap between a guess and the truth, shared among all rows, times their
        number. So it is on the scale of any metric, and fades as rows become many.

        Args:
            rows: Rows whose evidence the pull is to be worth; 0 for none.
        """
        targets = self.stack.targets()
        gap = self.cost(np.tile(self.stack.mean(targets), (len(targets), 1))) - self.cost(targets)
        return rows * gap / len(np.unique(self.stack.rows)) if rows and np.isfinite(gap) and gap > 0 else 0.0

    def costs_of_members(self) -> Array:
        """Return the cost of every member by itself."""
        return self.costs_after(np.zeros(self._shape), 0)

    def costs_after(self, total: Array, count: int, members: NDArray[np.int64] | None = None) -> Array:
        """Return the cost of the mean after each member in turn has been added to a sum.

        Args:
            total: Sum of the material of `count` members, shape (rows, columns).
            count: Members in the sum.
            members: Positions of the members to add; all unless given.
        """
        chosen = np.arange(self.num_members) if members is None else members
        if self._settles and count:
            return self._costs_of_close_calls(total, chosen)
        step = max(1, _AT_ONCE // max(1, total.size))
        scaled = total.astype(self.material.dtype)
        parts = []
        for start in range(0, len(chosen), step):
            sums = self.material[chosen[start : start + step]]
            sums += scaled
            parts.append(self.costs_of_sums(sums, count + 1))
        return np.concatenate(parts)

    def _costs_of_close_calls(self, total: Array, members: NDArray[np.int64]) -> Array:
        """Do as `costs_after` for accuracy: what one more member cannot turn is counted once for all."""
        calls, shares = CloseCalls(total, self.stack.y_true), self._shares.T
        parts = [right @ shares[calls.rows] for right in calls.after(self.material, members)]
        by_fold = np.concatenate(parts) + calls.settled @ shares
        costs: Array = self._sign * by_fold.mean(axis=1)
        return costs

    def costs_of_means(self, means: Array) -> Array:
        """Return the costs of means of the material, shape (candidates, rows, columns); may overwrite them."""
        return self.costs_of_sums(means, 1)

    def costs_of_sums(self, sums: Array, count: int) -> Array:
        """Return the costs of means, given as sums of the material of `count` members; may overwrite them."""
        if self._values is None:
            return np.array([self.cost(total / count) for total in sums])
        values, finish = self._values
        if values is _surprise and len(self._folds) == 1 and self.stack.weights is None:
            return _mean_surprise(sums, count)
        of_rows = values(sums, count)
        shares = self._shares.T.astype(of_rows.dtype)
        by_fold = np.einsum("mrc,rf->mfc", of_rows, shares) if of_rows.ndim == 3 else of_rows @ shares
        by_fold = finish(by_fold).mean(axis=2) if of_rows.ndim == 3 else finish(by_fold)
        costs: Array = self._sign * by_fold.mean(axis=1, dtype=np.float64)
        return costs

    @property
    def _shape(self) -> tuple[int, int]:
        return self.material.shape[1], self.material.shape[2]


def _weighted_by(scorer: Scorer, weights: Array) -> Scorer:
    def score(drawn: Array) -> Array:
        scores: Array = scorer(drawn * weights)
        return scores

    return score


_OfRows = Callable[[Array, int], Array]
"""Turns sums of the material of so many members into values of rows."""


def _material(stack: Stack, metric: str) -> tuple[Array, tuple[_OfRows, Callable[[Array], Array]] | None]:
    """Return what is averaged for a metric, and how means of it become values of rows and those a score."""
    if metric == "log_loss":
        return _probabilities_of_truth(stack), (_surprise, _same)
    if stack.task == "regression" and metric in {"mse", "rmse", "mae"}:
        errors = stack.y_pred - np.asarray(stack.y_true, dtype=np.float64)
        finish = np.sqrt if metric == "rmse" else _same
        return errors, (_absolute if metric == "mae" else _squared, finish)
    if metric == "accuracy" and stack.task == "multiclass":
        return _truth_first(stack), (_right_class(stack.y_true), _same)
    if metric == "accuracy":
        return stack.y_pred, (_right_of_two(stack), _same)
    return stack.y_pred, None


def _probabilities_of_truth(stack: Stack) -> Array:
    """Return the probability that each member gives to what is true, shape (members, rows, 1 or labels)."""
    if stack.task == "multiclass":
        return np.take_along_axis(stack.y_pred, stack.y_true[None, :, None], axis=2)
    is_true = stack.y_true.reshape(stack.num_rows, stack.num_outputs) > 0
    return np.where(is_true, stack.y_pred, 1 - stack.y_pred)


def _surprise(sums: Array, count: int) -> Array:
    values = _clipped(sums, count)
    np.log(values, out=values)
    np.subtract(np.log(values.dtype.type(count)), values, out=values)
    return values[:, :, 0] if values.shape[2] == 1 else values.mean(axis=2)


def _mean_surprise(sums: Array, count: int) -> Array:
    """Return the mean surprise of all rows; one logarithm serves the product of several probabilities."""
    values = _clipped(sums, count).reshape(len(sums), -1)
    num_values = values.shape[1]
    width = num_values // _FACTORS
    products = values[:, :width].copy() if width else np.ones((len(values), 0), values.dtype)
    for factor in range(1, _FACTORS):
        products *= values[:, factor * width : (factor + 1) * width]
    logs = np.log(products).sum(axis=1, dtype=np.float64)
    logs += np.log(values[:, _FACTORS * width :]).sum(axis=1, dtype=np.float64)
    costs: Array = np.log(count) - logs / num_values
    return costs


def _clipped(sums: Array, count: int) -> Array:
    return np.clip(sums, SMALLEST * count, (1 - SMALLEST) * count, out=sums)


def _squared(sums: Array, count: int) -> Array:
    np.divide(sums, count, out=sums)
    return np.square(sums, out=sums)


def _absolute(sums: Array, count: int) -> Array:
    np.divide(sums, count, out=sums)
    return np.abs(sums, out=sums)


def _same(values: Array) -> Array:
    return values


def _right_of_two(stack: Stack) -> _OfRows:
    def right(sums: Array, count: int) -> Array:
        rightly: Array = ((sums[:, :, 0] > THRESHOLD * count) == stack.y_true).astype(np.float64)
        return rightly

    return right


def _truth_first(stack: Stack) -> Array:
    """Return the probabilities of the true class, then those of the others by code, shape (members, classes, rows)."""
    codes = np.arange(stack.num_outputs)
    others = codes[None, :-1] + (codes[None, :-1] >= stack.y_true[:, None])
    order = np.column_stack([stack.y_true, others])
    material = np.empty((stack.num_members, stack.num_outputs, stack.num_rows), stack.y_pred.dtype)
    for own, arranged in zip(stack.y_pred, material, strict=True):
        arranged[:] = np.take_along_axis(own, order, axis=1).T
    return material


def _right_class(y_true: Values) -> _OfRows:
    def right(sums: Array, count: int) -> Array:  # noqa: ARG001 - a mean is as large as its sum where only order counts
        true, best_other = sums[:, 0], sums[:, 1].copy()
        for other in range(2, sums.shape[1]):
            np.maximum(best_other, sums[:, other], out=best_other)
        rightly: Array = (true > best_other).astype(np.float64)
        for member, row in np.argwhere(true == best_other):  # of equal probabilities the lowest code is decided for
            lower = sums[member, 1 : 1 + y_true[row], row]
            rightly[member, row] = not (lower == true[member, row]).any()
        return rightly

    return right
