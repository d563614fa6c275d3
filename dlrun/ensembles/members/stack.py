"""Stack: the predictions of all members for the same rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation.metric import Values

Places = NDArray[np.int64]
"""Positions of members or of predictions."""


@dataclass(frozen=True)
class Stack:
    """The predictions of all members for the same rows.

    Args:
        task: What is predicted.
        y_true: True values, as in `metric.Values`.
        y_pred: Predictions of every member, shape (members, rows, outputs).
        rows: Row of the dataset behind each prediction, shape (rows,); repeated K-fold has several of a row.
        folds: Fold that each prediction was made in, shape (rows,).
        positive: Code of the class of two that f1 and the like speak of.
        weights: Weight of each prediction in scores, shape (rows,); None if all weigh the same.
    """

    task: Task
    y_true: Values
    y_pred: NDArray[np.floating[Any]]
    rows: NDArray[np.int64]
    folds: NDArray[np.int64]
    positive: int = 1
    weights: NDArray[np.float64] | None = None

    @property
    def num_members(self) -> int:
        return len(self.y_pred)

    @property
    def num_rows(self) -> int:
        return len(self.rows)

    @property
    def num_outputs(self) -> int:
        return int(self.y_pred.shape[2])

    def of_rows(self, places: Places) -> Stack:
        """Return the predictions at some places of the second axis."""
        return replace(
            self,
            y_true=self.y_true[places],
            y_pred=self.y_pred[:, places],
            rows=self.rows[places],
            folds=self.folds[places],
            weights=None if self.weights is None else self.weights[places],
        )

    def of_members(self, places: Places | Sequence[int]) -> Stack:
        """Return the predictions of some members, in the order given."""
        chosen = np.asarray(places)
        same = len(chosen) == self.num_members and bool((chosen == np.arange(len(chosen))).all())
        return self if same else replace(self, y_pred=self.y_pred[chosen])

    def mean(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean over the rows, by their weights, of values of shape (rows, ...)."""
        mean: NDArray[np.float64] = values.mean(axis=0)
        if self.weights is not None and self.weights.any():
            mean = np.average(values, axis=0, weights=self.weights)
        return mean

    def targets(self) -> NDArray[np.float64]:
        """Return the true values as predictions without any error would be, shape (rows, outputs)."""
        if self.task == "multiclass":
            return np.eye(self.num_outputs)[self.y_true]
        return np.asarray(self.y_true, dtype=np.float64).reshape(self.num_rows, self.num_outputs)


def digest(predictions: NDArray[Any]) -> bytes:
    """Return what tells the predictions of one member from those of others, whatever its name and place."""
    return hashlib.blake2b(np.ascontiguousarray(predictions).tobytes(), digest_size=16).digest()


def settled_order(stack: Stack) -> Places:
    """Return an order of members that depends on their predictions alone.

    Methods see the members in this order, so that neither ties nor random numbers depend on how members were named.
    """
    digests = [digest(member) for member in stack.y_pred]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)
