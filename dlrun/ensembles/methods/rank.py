"""Rank: the mean rank of a prediction among those that the same member has made before."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dlrun.ensembles.methods.combination import Array, EqualVoices, chosen, shares
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.objective import Objective
from dlrun.experiment.datasets.dataset import Task


class MeanRank(EqualVoices):
    """The mean rank, turned back into the number that has this rank among the predictions of all members.

    Ranks are taken among the predictions that the method was fitted on, so that the outcome for a row does not depend
    on what else is predicted.

    Args:
        task: What is predicted.
        marks: Quantiles of each member's predictions, evenly spaced from lowest to highest: members, outputs, marks.
    """

    kind: Literal["mean_rank"] = "mean_rank"
    task: Task
    marks: tuple[tuple[tuple[float, ...], ...], ...]

    def combine(self, y_pred: Array) -> NDArray[np.float64]:
        marks: NDArray[np.float64] = np.array(self.marks)
        ranks = np.linspace(0, 1, len(self.marks[0][0]))
        together = marks.mean(axis=0)
        num_outputs = y_pred.shape[2]
        combined = np.empty((y_pred.shape[1], num_outputs))
        for output in range(num_outputs):
            own = [_ranks(member[:, output], marks[place, output]) for place, member in enumerate(y_pred)]
            combined[:, output] = np.interp(np.mean(own, axis=0), ranks, together[output])
        return shares(combined) if self.task == "multiclass" else combined

    def of_members(self, places: NDArray[np.int64]) -> "MeanRank":
        return self.model_copy(update={"num_members": len(places), "marks": chosen(self.marks, places)})


class Rank(Method):
    """Average the ranks of all members' predictions; for scores that only the order of rows matters to, such as auc."""

    kind: Literal["rank"] = "rank"
    marks: int = Field(default=201, ge=3, le=10_001)
    """Quantiles that stand for the predictions of a member; ranks between two of them are interpolated."""

    def fit(self, objective: Objective, seed: int) -> MeanRank:  # noqa: ARG002 - what all methods take
        stack = objective.stack
        levels = np.linspace(0, 1, self.marks)
        quantiles = [np.quantile(np.asarray(own, dtype=np.float64), levels, axis=0).T.tolist() for own in stack.y_pred]
        marks = tuple(tuple(tuple(output) for output in member) for member in quantiles)
        return MeanRank(num_members=stack.num_members, task=stack.task, marks=marks)


def _ranks(values: Array, marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where values lie between the lowest and the highest mark, 0 to 1; equal marks share their middle rank."""
    last = len(marks) - 1
    found, first, counts = np.unique(marks, return_index=True, return_counts=True)
    middle = (first + (counts - 1) / 2) / last
    return np.interp(values, found, middle)
