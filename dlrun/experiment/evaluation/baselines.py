"""Baseline: the common-sense prediction that a learner has to beat, made without looking at the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
    def fit(cls, task: Task, y_train: Values, num_outputs: int, weights: NDArray[np.float64] | None = None) -> Baseline:
        """Fit the baseline of a task.

        Args:
            task: What is predicted.
            y_train: True values of the training rows, as in `metric.Values`.
            num_outputs: Classes, labels or targets; 1 for a binary task.
            weights: Weight of each training row, shape (rows,); None if all weigh the same.
        """
        if task == "multiclass":
            total = len(y_train) if weights is None else weights.sum()
            return cls("majority", np.bincount(y_train, weights, minlength=num_outputs) / total)
        values = np.asarray(y_train, dtype=np.float64).reshape(len(y_train), -1)
        means = values.mean(axis=0) if weights is None else np.average(values, axis=0, weights=weights)
        return cls("mean" if task == "regression" else "majority", means)

    @classmethod
    def of_record(cls, task: Task, part: Mapping[str, Any], num_outputs: int) -> Baseline:
        """Return the baseline of training rows that `dataset.json` tells about.

        Args:
            task: What is predicted.
            part: What it says of them.
            num_outputs: As for `fit`.

        Raises:
            LookupError, TypeError, ValueError, AttributeError: It does not hold what dlrun writes.
        """
        if part.get("weighted") is not None:
            found = np.array([float(value) for value in part["weighted"]])
        elif task == "regression":
            found = np.array([float(target["mean"]) for target in part["targets"].values()])
        else:
            counts = part["labels" if task == "multilabel" else "classes"].values()
            found = np.array(list(counts), dtype=np.float64) / int(part["rows"])
        found = found[1:] if task == "binary" else found
        if found.shape != (num_outputs,) or not np.isfinite(found).all():
            raise ValueError("not as many shares or means as there are outputs")
        return cls("mean" if task == "regression" else "majority", found)

    def predict(self, num_rows: int) -> NDArray[np.float64]:
        """Return the prediction for a number of rows, shape (rows, outputs); read-only."""
        return np.broadcast_to(self.prediction, (num_rows, len(self.prediction)))
