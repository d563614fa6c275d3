"""Metric: a score of predictions under any weights of the rows.

A metric first prepares what does not depend on the weights (errors of the rows, their order by score), and then scores
many weightings at once. All-ones weights give the plain score; the counts of a bootstrap draw give its score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.dataset import Task

Values = NDArray[Any]
"""True values or predictions.

True values: class codes (rows,) for binary and multi-class tasks, 0/1 (rows, labels) for multi-label tasks, numbers
(rows, targets) for regression. Predictions: probabilities of class 1 (rows, 1), of all classes (rows, classes), of all
labels (rows, labels), or numbers in original units (rows, targets).
"""

Weights = NDArray[np.floating[Any]]
"""Weight of every row in every weighting, shape (draws, rows)."""

Scores = NDArray[np.floating[Any]]
"""Score of every weighting, shape (draws,); NaN where it is undefined."""

Scorer = Callable[[Weights], Scores]
"""Scores one set of predictions under many weightings."""


@dataclass(frozen=True)
class Lack:
    """What rows lack for a score to be defined.

    Args:
        words: It, to follow "there is".
        is_certain: Whether the score is undefined whatever is predicted.
    """

    words: str
    is_certain: bool = True


Lacks = Callable[..., Lack | None]
"""Takes true values and the names of the classes or labels; returns what they lack, None if the score is defined."""


def nothing(y_true: Values, names: Sequence[str], positive: int = 1) -> None:
    """Say that a score is defined for any rows."""
    del y_true, names, positive


@dataclass(frozen=True)
class Metric:
    """A named score.

    Args:
        name: Name in configs and in `metrics.json`.
        tasks: Tasks whose predictions it scores.
        higher_is_better: Whether a higher score is a better one.
        prepare: Takes true values and predictions, and returns what scores weightings.
        lacks: Tells what rows lack for the score to be defined.
        of_positive: Whether it speaks of one class of two, the positive one, whose code `prepare` and `lacks` take then
            besides.
    """

    name: str
    tasks: tuple[Task, ...]
    higher_is_better: bool
    prepare: Callable[..., Scorer]
    lacks: Lacks = nothing
    of_positive: bool = False

    def scorer(self, y_true: Values, y_pred: Values, positive: int = 1) -> Scorer:
        """Prepare the score of predictions.

        Args:
            y_true: True values of the rows, as in `Values`.
            y_pred: Predictions for them, as in `Values`.
            positive: Code of the positive class of a binary task.
        """
        return self.prepare(y_true, y_pred, positive) if self.of_positive else self.prepare(y_true, y_pred)

    def lack(self, y_true: Values, names: Sequence[str], positive: int = 1) -> Lack | None:
        """Tell what rows lack for the score to be defined; None if it is.

        Args:
            y_true: True values of the rows, as in `Values`.
            names: Names of the classes or labels, in the order of their codes.
            positive: Code of the positive class of a binary task.
        """
        return self.lacks(y_true, names, positive) if self.of_positive else self.lacks(y_true, names)

    def scores(self, y_true: Values, y_pred: Values, weights: Weights) -> Scores:
        """Score predictions once for each weighting.

        Args:
            y_true: True values of the rows, as in `Values`.
            y_pred: Predictions for them, as in `Values`.
            weights: Weights of the rows, shape (draws, rows).
        """
        return self.prepare(y_true, y_pred)(weights)


def ratio(numerator: Scores, denominator: Scores) -> Scores:
    """Divide, with NaN where the denominator is 0."""
    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def mean_of_defined(values: Scores) -> Scores:
    """Average over the last axis without NaN; NaN where nothing is left.

    Args:
        values: Shape (draws, values).
    """
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1))


def row_mean(values: Values) -> Callable[[Weights], NDArray[np.floating[Any]]]:
    """Prepare weighted means of values that every row has.

    Args:
        values: Shape (rows,) or (rows, columns).

    Returns:
        What turns weights into means, shape (draws,) or (draws, columns).
    """
    values = np.asarray(values, dtype=np.float64)
    largest = float(np.max(np.abs(values), initial=0.0))
    scale = largest if np.isfinite(largest) and largest > 0 else 1.0
    scaled = values / scale

    def means(weights: Weights) -> NDArray[np.floating[Any]]:
        total = weights.sum(axis=1, dtype=np.float64)
        sums = weights @ scaled.astype(weights.dtype, copy=False)
        return ratio(sums, total if values.ndim == 1 else total[:, None]) * scale

    return means


def label_mean(prepare: Callable[[Values, Values], Scorer]) -> Callable[[Values, Values], Scorer]:
    """Turn a score of one label into the mean over labels where it is defined.

    Args:
        prepare: Takes 0/1 and scores of one label, both of shape (rows,).

    Returns:
        What takes both with shape (rows, labels).
    """

    def prepare_all(y_true: Values, y_pred: Values) -> Scorer:
        scorers = [prepare(y_true[:, label], y_pred[:, label]) for label in range(y_true.shape[1])]
        return lambda weights: mean_of_defined(np.stack([scorer(weights) for scorer in scorers], axis=-1))

    return prepare_all
