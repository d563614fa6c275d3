"""Exponential: the mean of exponentials, turned back."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dlrun.ensembles.methods.combination import Array, EqualVoices, floats, shares
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.objective import Objective
from dlrun.experiment.datasets.dataset import Task


class ExponentialMean(EqualVoices):
    """The logarithm of the mean of exponentials; for probabilities it is renormalized.

    Args:
        task: What is predicted.
        strength: Factor in the exponent.
        scales: Numbers of a regression are divided by these, one for each target; 1 for probabilities.
    """

    kind: Literal["exponential_mean"] = "exponential_mean"
    task: Task
    strength: float
    scales: tuple[float, ...]

    def combine(self, y_pred: Array) -> NDArray[np.float64]:
        if self.task in {"binary", "multilabel"}:
            of_yes, of_no = self._mean(y_pred), self._mean(1 - np.asarray(y_pred, dtype=np.float64))
            probabilities: NDArray[np.float64] = of_yes / (of_yes + of_no)
            return probabilities
        mean = self._mean(y_pred)
        return shares(mean) if self.task == "multiclass" else mean

    def _mean(self, y_pred: Array) -> NDArray[np.float64]:
        factors = self.strength / np.asarray(self.scales)
        exponents = np.asarray(y_pred, dtype=np.float64) * factors
        largest = exponents.max(axis=0)
        mean: NDArray[np.float64] = (np.log(np.exp(exponents - largest).mean(axis=0)) + largest) / factors
        return mean


class Exponential(Method):
    """Average the exponentials of all members: one that is sure of a class weighs more than in the plain mean."""

    kind: Literal["exponential"] = "exponential"
    strength: float = Field(default=1.0, gt=0, le=100)
    """Factor in the exponent: near 0 it is the plain mean, far above 1 the highest prediction alone counts. Numbers of
    a regression are measured in standard deviations of the target."""

    def fit(self, objective: Objective, seed: int) -> ExponentialMean:  # noqa: ARG002 - what all methods take
        stack = objective.stack
        scales = np.ones(stack.num_outputs)
        if stack.task == "regression":
            spreads = stack.targets().std(axis=0)
            scales = np.where(spreads > 0, spreads, 1.0)
        return ExponentialMean(
            num_members=stack.num_members, task=stack.task, strength=self.strength, scales=floats(scales)
        )
