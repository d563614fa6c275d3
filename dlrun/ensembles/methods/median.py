"""Median: the middle one of all predictions."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.ensembles.methods.combination import Array, EqualVoices, shares
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.objective import Objective
from dlrun.experiment.datasets.dataset import Task


class MedianOfMembers(EqualVoices):
    """The median of every output; probabilities of classes are renormalized.

    Args:
        task: What is predicted.
    """

    kind: Literal["median_of_members"] = "median_of_members"
    task: Task

    def combine(self, y_pred: Array) -> NDArray[np.float64]:
        middle: NDArray[np.float64] = np.median(np.asarray(y_pred, dtype=np.float64), axis=0)
        return shares(middle) if self.task == "multiclass" else middle


class Median(Method):
    """Take the median of all members; a few that are far off do not move it."""

    kind: Literal["median"] = "median"

    def fit(self, objective: Objective, seed: int) -> MedianOfMembers:  # noqa: ARG002 - what all methods take
        return MedianOfMembers(num_members=objective.num_members, task=objective.stack.task)
