"""Combination: how the predictions of members become one, fitted and ready to be stored."""

from abc import abstractmethod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.base.settings import Settings

Array = NDArray[np.floating[Any]]

SMALLEST = 1e-7
"""Probabilities are kept this far from 0 and 1 before a logarithm is taken, as in losses."""


class Combination(Settings):
    """What turns the predictions of members into one; every row by itself, so that rows can be streamed.

    It is stored as JSON and read back by `dlrun.ensembles.methods.combine.load_combination`.
    """

    @property
    @abstractmethod
    def weights(self) -> NDArray[np.float64]:
        """How much each member counts, shape (members,), not negative, sum 1."""

    @abstractmethod
    def combine(self, y_pred: Array) -> NDArray[np.float64]:
        """Combine predictions.

        Args:
            y_pred: Probabilities or numbers in original units, shape (members, rows, outputs).

        Returns:
            Predictions of the same kind, shape (rows, outputs).
        """

    @abstractmethod
    def of_members(self, places: NDArray[np.int64]) -> "Combination":
        """Return the combination for members in another order, or without those that weigh nothing.

        Args:
            places: Positions of the members to come, in their new order.
        """


class WeightedMean(Combination):
    """The weighted arithmetic mean.

    Args:
        factors: One for each member; they sum to 1 except for numbers that were stacked.
    """

    kind: Literal["weighted_mean"] = "weighted_mean"
    factors: tuple[float, ...]

    @property
    def weights(self) -> NDArray[np.float64]:
        return normalized(np.abs(self.factors))

    def combine(self, y_pred: Array) -> NDArray[np.float64]:
        return np.tensordot(np.asarray(self.factors), y_pred, axes=1)

    def of_members(self, places: NDArray[np.int64]) -> "WeightedMean":
        return WeightedMean(factors=chosen(self.factors, places))


class EqualVoices(Combination):
    """A combination in which all members count the same.

    Args:
        num_members: How many there are.
    """

    num_members: int

    @property
    def weights(self) -> NDArray[np.float64]:
        return np.full(self.num_members, 1 / self.num_members)

    def of_members(self, places: NDArray[np.int64]) -> Combination:
        return self.model_copy(update={"num_members": len(places)})


def normalized(weights: NDArray[Any]) -> NDArray[np.float64]:
    """Return weights divided by their sum; equal ones if all are 0."""
    total = float(np.sum(weights))
    if total <= 0:
        return np.full(len(weights), 1 / len(weights))
    return np.asarray(weights, dtype=np.float64) / total


def chosen(values: tuple[Any, ...], places: NDArray[np.int64]) -> tuple[Any, ...]:
    """Return the values at some positions."""
    return tuple(values[place] for place in places)


def floats(values: NDArray[Any]) -> tuple[float, ...]:
    """Return an array of one dimension as plain numbers."""
    return tuple(float(value) for value in values)


def shares(y_pred: Array) -> NDArray[np.float64]:
    """Divide the outputs of every row by their sum, so that they are probabilities of classes again.

    Args:
        y_pred: Not negative, shape (rows, classes).
    """
    totals = y_pred.sum(axis=1, keepdims=True)
    even = np.full(y_pred.shape, 1 / y_pred.shape[1])
    divided: NDArray[np.float64] = np.divide(y_pred, totals, out=even, where=totals > 0)
    return divided


def average_of_logarithms(y_pred: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean logarithms of probabilities and of their complements, each of shape (rows, outputs)."""
    clipped = np.clip(np.asarray(y_pred, dtype=np.float64), SMALLEST, 1 - SMALLEST)
    return np.log(clipped).mean(axis=0), np.log1p(-clipped).mean(axis=0)
