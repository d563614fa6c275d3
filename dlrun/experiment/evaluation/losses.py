"""Losses of single rows that need no Keras: cross-entropy of probabilities, squared error of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation.metric import Scorer, Values, row_mean

SMALLEST = 1e-7
"""Probabilities are kept this far from 0 and 1, as Keras' losses do."""


def row_losses(task: Task, y_true: Values, y_pred: Values) -> NDArray[np.float64]:
    """Return the cross-entropy of each row in nats, or its squared error.

    Args:
        task: What is predicted.
        y_true: True values, as in `metric.Values`.
        y_pred: Predictions, as in `metric.Values`.

    Returns:
        Shape (rows,); the mean over labels or targets where there are several.
    """
    if task == "multiclass":
        own = np.take_along_axis(y_pred, y_true[:, None], axis=1)[:, 0]
        return -np.log(_clipped(own))
    if task == "regression":
        squares: NDArray[np.float64] = np.square(y_true - y_pred, dtype=np.float64).mean(axis=1)
        return squares
    labels = y_true.reshape(y_pred.shape)
    right = np.where(labels > 0, y_pred, 1 - np.asarray(y_pred, dtype=np.float64))
    losses: NDArray[np.float64] = -np.log(_clipped(right)).mean(axis=1)
    return losses


def log_loss(y_true: Values, y_pred: Values) -> Scorer:
    """Cross-entropy of the class in nats."""
    return row_mean(row_losses("binary" if y_pred.shape[1] == 1 else "multiclass", y_true, y_pred))


def label_log_loss(y_true: Values, y_pred: Values) -> Scorer:
    """Cross-entropy of the labels in nats, averaged over labels."""
    return row_mean(row_losses("multilabel", y_true, y_pred))


def _clipped(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    return np.clip(np.asarray(probabilities, dtype=np.float64), SMALLEST, 1 - SMALLEST)
