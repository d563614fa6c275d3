"""Vote: every member decides, and the decisions are counted."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.ensembles.methods.combination import Array, EqualVoices
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.objective import Objective
from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation.decisions import THRESHOLD


class Votes(EqualVoices):
    """Shares of the votes.

    The mean probabilities count as one vote more: they decide between equal numbers of votes, cannot overturn a
    majority, and keep shares away from 0 and 1.

    Args:
        task: What is predicted.
    """

    kind: Literal["votes"] = "votes"
    task: Task

    def combine(self, y_pred: Array) -> NDArray[np.float64]:
        if self.task == "multiclass":
            decided = np.argmax(y_pred, axis=2)
            votes = (decided[:, :, None] == np.arange(y_pred.shape[2])).sum(axis=0)
        else:
            votes = (y_pred > THRESHOLD).sum(axis=0)
        combined: NDArray[np.float64] = (votes + y_pred.mean(axis=0, dtype=np.float64)) / (len(y_pred) + 1)
        return combined


class Vote(Method):
    """Let every member decide for a class, or for and against each label, and take the shares of the votes."""

    kind: Literal["vote"] = "vote"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "multilabel")

    def fit(self, objective: Objective, seed: int) -> Votes:  # noqa: ARG002 - what all methods take
        return Votes(num_members=objective.num_members, task=objective.stack.task)
