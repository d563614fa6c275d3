"""Residuals: how far validation predictions of a regression were off, and the intervals that follow for new rows.

The interval of a prediction is the prediction plus the middle share of the residuals (truth minus prediction) of rows
that the fits had not seen: split conformal prediction with signed residuals (Vovk, Gammerman and Shafer, "Algorithmic
Learning in a Random World", 2005; for folds: Barber, Candes, Ramdas and Tibshirani, "Predictive Inference with the
Jackknife+", 2021). It holds for new rows that are like those of the training data, on average over them; it is as wide
for hard rows as for easy ones, and slightly narrow where early stopping chose the epoch on the same rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Residuals:
    """The residuals of validation rows, sorted.

    Args:
        values: Shape (rows, targets), each column in ascending order, in original units.
    """

    values: NDArray[np.float64]

    @classmethod
    def of(cls, y_true: NDArray[Any], y_pred: NDArray[Any]) -> Residuals:
        """Collect residuals.

        Args:
            y_true: Targets in original units, shape (rows, targets).
            y_pred: Predictions for them by fits that had not seen the rows.
        """
        return cls(np.sort(np.asarray(y_true, np.float64) - np.asarray(y_pred, np.float64), axis=0))

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
        return y_pred + self.values[first], y_pred + self.values[number - 1 - first]
