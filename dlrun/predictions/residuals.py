"""Residuals: how far validation predictions of a regression were off, and the intervals that follow for new rows.

The interval of a prediction is the prediction plus the middle share of the residuals (truth minus prediction) of rows
that the fits had not seen: split conformal prediction with signed residuals (Vovk, Gammerman and Shafer, "Algorithmic
Learning in a Random World", 2005; for folds: Barber, Candes, Ramdas and Tibshirani, "Predictive Inference with the
Jackknife+", 2021). It holds for new rows that are like those of the training data, on average over them; it is as wide
for hard rows as for easy ones, and slightly narrow where early stopping chose the epoch on the same rows.

Residuals are taken on the scale that the learner was fitted on: of targets that it knew as logarithms they are ratios,
so that intervals are as wide as their predictions are high.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOWEST = -1 + 1e-9
"""Lowest number that a logarithm is taken of; the combination of an ensemble may lie below those of its members."""


@dataclass(frozen=True)
class Residuals:
    """The residuals of validation rows, sorted.

    Args:
        values: Shape (rows, targets), each column in ascending order: in original units, or differences of log(1 + y).
        logarithmic: Whether they are differences of logarithms.
        lowest: Lowest bound of an interval of logarithms: 0 for targets that are never negative, else -1.
    """

    values: NDArray[np.float64]
    logarithmic: bool = False
    lowest: float = -1.0

    @classmethod
    def of(cls, y_true: NDArray[Any], y_pred: NDArray[Any], *, logarithmic: bool = False) -> Residuals:
        """Collect residuals.

        Args:
            y_true: Targets in original units, shape (rows, targets).
            y_pred: Predictions for them by fits that had not seen the rows.
            logarithmic: Whether the learner knew the targets as logarithms.
        """
        true, predicted = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
        if not logarithmic:
            return cls(np.sort(true - predicted, axis=0))
        lowest = 0.0 if true.min(initial=0.0) >= 0 else -1.0
        return cls(np.sort(_logarithm(true) - _logarithm(predicted), axis=0), True, lowest)

    def interval(self, y_pred: NDArray[Any], confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the bounds around predictions.

        Args:
            y_pred: Predictions in original units, shape (rows, targets).
            confidence: Share of new rows whose truth is to lie between the bounds. With fewer residuals than
                2 / (1 - confidence) the smallest and largest are the bounds.

        Returns:
            Lower and upper bounds of the same shape.
        """
        number = len(self.values)
        # Rank of the lower bound among the residuals, from 1; 1 - 0.8 is a little less than 0.2.
        rank = math.floor((1 - confidence) / 2 * (number + 1) + 1e-9)
        first = max(rank, 1) - 1
        low, high = self.values[first], self.values[number - 1 - first]
        if not self.logarithmic:
            return y_pred + low, y_pred + high
        center = _logarithm(np.asarray(y_pred, np.float64))
        return np.maximum(np.expm1(center + low), self.lowest), np.maximum(np.expm1(center + high), self.lowest)


def _logarithm(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.log1p(np.maximum(values, _LOWEST))
    return found
