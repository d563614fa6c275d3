"""Geometric: the mean of logarithms, turned back."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.ensembles.methods.combination import Array, EqualVoices, average_of_logarithms, shares
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.objective import Objective
from dlrun.errors import UsageError
from dlrun.experiment.datasets.dataset import Task


class GeometricMean(EqualVoices):
    """The geometric mean; for probabilities it is renormalized, so that they sum to 1 again.

    Args:
        task: What is predicted.
    """

    kind: Literal["geometric_mean"] = "geometric_mean"
    task: Task

    def combine(self, y_pred: Array) -> NDArray[np.float64]:
        if self.task == "regression":
            _check_positive(y_pred)
            mean: NDArray[np.float64] = np.exp(np.log(np.asarray(y_pred, dtype=np.float64)).mean(axis=0))
            return mean
        of_yes, of_no = average_of_logarithms(y_pred)
        if self.task == "multiclass":
            return shares(np.exp(of_yes - of_yes.max(axis=1, keepdims=True)))
        probabilities: NDArray[np.float64] = 1 / (1 + np.exp(of_no - of_yes))
        return probabilities


class Geometric(Method):
    """Average the logarithms of all members: one that rules a class out weighs more than in the plain mean."""

    kind: Literal["geometric"] = "geometric"

    def fit(self, objective: Objective, seed: int) -> GeometricMean:  # noqa: ARG002 - what all methods take
        stack = objective.stack
        if stack.task == "regression":
            _check_positive(stack.y_pred)
        return GeometricMean(num_members=stack.num_members, task=stack.task)


def _check_positive(y_pred: Array) -> None:
    if y_pred.size and float(y_pred.min()) <= 0:
        raise UsageError(
            f"the method geometric needs predictions above 0, and one is {float(y_pred.min()):g}",
            remedy="Choose another --method, or auto.",
        )
