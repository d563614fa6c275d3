"""Baseline: the common-sense prediction that a learner has to beat, made without looking at the inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation.metric import Values


@dataclass(frozen=True)
class Baseline:
    """The same prediction for every row.

    For classes and labels it is their shares among the training rows: decisions made of these are the majority class
    (of each label: whether most rows have it), and no constant probabilities have a lower cross-entropy on the training
    rows. For numbers it is the mean of the training rows.

    Args:
        kind: What it is called in `metrics.json`.
        prediction: Probability of class 1, shape (1,), of every class or label, or the mean of every target.
    """

    kind: Literal["majority", "mean"]
    prediction: NDArray[np.float64]

    @classmethod
    def fit(cls, task: Task, y_train: Values, num_outputs: int) -> Baseline:
        """Fit the baseline of a task.

        Args:
            task: What is predicted.
            y_train: True values of the training rows, as in `metric.Values`.
            num_outputs: Classes, labels or targets; 1 for a binary task.
        """
        if task == "multiclass":
            return cls("majority", np.bincount(y_train, minlength=num_outputs) / len(y_train))
        means = np.asarray(y_train, dtype=np.float64).reshape(len(y_train), -1).mean(axis=0)
        return cls("mean" if task == "regression" else "majority", means)

    def predict(self, num_rows: int) -> NDArray[np.float64]:
        """Return the prediction for a number of rows, shape (rows, outputs); read-only."""
        return np.broadcast_to(self.prediction, (num_rows, len(self.prediction)))
