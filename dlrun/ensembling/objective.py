"""Objective: what a method makes as small as it can, fast for thousands of candidates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.ensembling.stack import Stack
from dlrun.evaluation.losses import SMALLEST
from dlrun.evaluation.metric import Values
from dlrun.evaluation.metrics import metrics_for

Array = NDArray[np.floating[Any]]

_EXACT_UP_TO = 8_000_000
"""Numbers up to which costs are found in double precision; beyond, in that of the predictions, at half the memory."""

_AT_ONCE = 4_000_000
"""Numbers that are worked on at a time, so that they stay near the processor."""


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
        self._folds = (of_row == np.arange(len(found))[:, None]).astype(np.float64)
        self._shares = self._folds / self._folds.sum(axis=1, keepdims=True)
        material, self._values = _material(stack, metric)
        self.material = material.astype(np.float64) if material.size <= _EXACT_UP_TO else material

    @property
    def num_members(self) -> int:
        return self.stack.num_members

    def cost(self, y_pred: Values) -> float:
        """Return the cost of any predictions, shape (rows, outputs); infinite where the metric is undefined."""
        scores = self.metric.prepare(self.stack.y_true, y_pred)(self._folds)
        known = scores[~np.isnan(scores)]
        return self._sign * float(known.mean()) if len(known) else np.inf

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

    def costs_of_members(self) -> Array:
        """Return the cost of every member by itself."""
        return self.costs_after(np.zeros(self._shape), 0)

    def costs_after(self, total: Array, count: int, members: NDArray[np.int64] | None = None) -> Array:
        """Return the cost of the mean after each member in turn has been added to a sum.

        Args:
            total: Sum of the material of `count` members, shape (rows, columns).
            count: Members in the sum.
            members: Only these; all unless given.
        """
        chosen = np.arange(self.num_members) if members is None else members
        step = max(1, _AT_ONCE // max(1, total.size))
        scaled = (total / (count + 1)).astype(self.material.dtype)
        factor = self.material.dtype.type(1 / (count + 1))
        parts = []
        for start in range(0, len(chosen), step):
            means = self.material[chosen[start : start + step]]
            means *= factor
            means += scaled
            parts.append(self.costs_of_means(means))
        return np.concatenate(parts)

    def costs_of_means(self, means: Array) -> Array:
        """Return the costs of means of the material, shape (candidates, rows, columns); may overwrite them."""
        if self._values is None:
            return np.array([self.cost(mean) for mean in means])
        values, finish = self._values
        of_rows = values(means)
        shares = self._shares.T.astype(of_rows.dtype)
        by_fold = np.einsum("mrc,rf->mfc", of_rows, shares) if of_rows.ndim == 3 else of_rows @ shares
        by_fold = finish(by_fold).mean(axis=2) if of_rows.ndim == 3 else finish(by_fold)
        costs: Array = self._sign * by_fold.mean(axis=1, dtype=np.float64)
        return costs

    @property
    def _shape(self) -> tuple[int, int]:
        return self.material.shape[1], self.material.shape[2]


_OfRows = Callable[[Array], Array]


def _material(stack: Stack, metric: str) -> tuple[Array, tuple[_OfRows, _OfRows] | None]:
    """Return what is averaged for a metric, and how means of it become values of rows and those a score."""
    if metric == "log_loss":
        return _probabilities_of_truth(stack), (_surprise, _same)
    if stack.task == "regression" and metric in {"mse", "rmse", "mae"}:
        errors = stack.y_pred - np.asarray(stack.y_true, dtype=np.float64)
        finish = np.sqrt if metric == "rmse" else _same
        return errors, (_absolute if metric == "mae" else _squared, finish)
    if metric == "accuracy":
        return stack.y_pred, (_right(stack), _same)
    return stack.y_pred, None


def _probabilities_of_truth(stack: Stack) -> Array:
    """Return the probability that each member gives to what is true, shape (members, rows, 1 or labels)."""
    if stack.task == "multiclass":
        return np.take_along_axis(stack.y_pred, stack.y_true[None, :, None], axis=2)
    is_true = stack.y_true.reshape(stack.num_rows, stack.num_outputs) > 0
    return np.where(is_true, stack.y_pred, 1 - stack.y_pred)


def _surprise(means: Array) -> Array:
    np.clip(means, SMALLEST, 1 - SMALLEST, out=means)
    np.log(means, out=means)
    np.negative(means, out=means)
    return means[:, :, 0] if means.shape[2] == 1 else means.mean(axis=2)


def _squared(means: Array) -> Array:
    return np.square(means, out=means)


def _absolute(means: Array) -> Array:
    return np.abs(means, out=means)


def _same(values: Array) -> Array:
    return values


def _right(stack: Stack) -> _OfRows:
    def right(means: Array) -> Array:
        decided = np.argmax(means, axis=2) if means.shape[2] > 1 else means[:, :, 0] > 0.5
        rightly: Array = (decided == stack.y_true).astype(np.float64)
        return rightly

    return right
