"""Averaging: what several fits predict together for the same rows, and the loss of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.experiment import Experiment
from dlrun.learners.learner import Learner
from dlrun.runs.fit import FittedFold, Part, Target


@dataclass(frozen=True)
class RowLosses:
    """The loss of predictions that no single fit has made, such as the average of several.

    For classes and labels it is the learner's loss of the probabilities. For numbers every fit has a scale of its own,
    that of the targets it was trained on; the loss is taken on each of these scales, and is their mean. So it is on the
    scale of the validation loss, and is that of the predictions that are delivered.

    Args:
        learner: Has fitted all of them.
        targets: The way of the targets to the learner and back, of each fit.
    """

    learner: Learner
    targets: tuple[Target, ...]

    @classmethod
    def of(cls, experiment: Experiment, dataset: Dataset, learner: Learner, fits: Sequence[FittedFold]) -> RowLosses:
        """Find the scale of each of several fits."""
        if dataset.task != "regression":
            return cls(learner, (Target(None),))
        return cls(learner, tuple(Target.fit(experiment.dataset, dataset, fitted.fold.training) for fitted in fits))

    def __call__(self, y_true: NDArray[Any], y_pred: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Return the loss of each row, shape (rows,).

        Args:
            y_true: True values, as in the dataset.
            y_pred: Probabilities, or numbers in original units, shape (rows, outputs).
        """
        losses = [
            self.learner.losses(target.transform(y_true), target.transform(y_pred).astype(np.float32))
            for target in self.targets
        ]
        mean: NDArray[np.floating[Any]] = np.mean(losses, axis=0)
        return mean


def average(parts: Sequence[Part], losses: RowLosses) -> Part:
    """Average the predictions that several fits made for the same rows; what one fit made stays as it is."""
    first = parts[0]
    if len(parts) == 1:
        return first
    y_pred = np.mean([part.y_pred for part in parts], axis=0)
    return Part(first.rows, first.y_true, y_pred, losses(first.y_true, y_pred))


def joined(parts: Sequence[Part]) -> Part:
    """Put the predictions for several sets of rows one after the other."""
    return Part(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.y_true for part in parts]),
        np.concatenate([part.y_pred for part in parts]),
        np.concatenate([part.losses for part in parts]),
    )
