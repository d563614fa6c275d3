"""Targets of a regression: prepared for the learner, predictions brought back to original units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import model_validator

from dlrun.errors import DataError
from dlrun.experiment.preprocessing.fitted import Saved
from dlrun.experiment.preprocessing.scaling import fit_scaling

BOUNDED = "predicted outside the range of the training targets and put at its bound (dataset.target_margin)"
"""What is told of predictions that were bounded, behind their number."""

TargetTransformKind = Literal["none", "standardize", "log"]


class TargetTransform(Saved):
    """Scales targets with mean and standard deviation of the training rows, after log(1 + y) if the kind is `log`.

    Predictions of the learner are held within bounds on their way back, if there are any: a linear model or network
    that goes a little too far on the scale of logarithms goes ten times too far in original units.
    """

    kind: TargetTransformKind

    mean: tuple[float, ...]
    """Mean of each target on training rows, after the logarithm; 0 for `none`."""

    scale: tuple[float, ...]
    """Standard deviation of each target on training rows, after the logarithm; 1 for `none` and constant targets."""

    bounds: tuple[tuple[float, float], ...] | None = None
    """Lowest and highest prediction of each target, after the logarithm and before scaling; None for no bounds."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.mean) != len(self.scale) or (self.bounds is not None and len(self.bounds) != len(self.mean)):
            raise ValueError("mean, scale and bounds have one entry for each target")
        return self

    @classmethod
    def fit(cls, kind: TargetTransformKind, y: NDArray[Any], margin: float | None = None) -> Self:
        """Learn mean and standard deviation, and the bounds of predictions.

        Args:
            kind: What to do.
            y: Targets of the training rows alone, of shape (rows, targets).
            margin: How far predictions may leave the range of the targets, as a share of it, on the scale of
                logarithms for `log`; None for no bounds.

        Raises:
            DataError: A target is -1 or less and the kind is `log`.
        """
        values = _logarithm(y) if kind == "log" else np.asarray(y, np.float64)
        mean, scale = fit_scaling(values, np.arange(len(y)), "none" if kind == "none" else "standardize", y.shape[1])
        bounds = None if margin is None else _bounds(values, margin)
        return cls(kind=kind, mean=tuple(mean.tolist()), scale=tuple(scale.tolist()), bounds=bounds)

    @classmethod
    def load(cls, saved: Mapping[str, Any]) -> Self:
        """Return the transform that `save` described.

        Raises:
            pydantic.ValidationError: These are not the values of a transform.
        """
        return cls.model_validate(saved)

    def transform(self, y: NDArray[Any], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Return targets for the learner.

        Args:
            y: Targets in original units, of shape (rows, targets).
            dtype: Type of the result; the computation is in float64.

        Raises:
            DataError: A target is -1 or less and the kind is `log`.
        """
        values = _logarithm(y) if self.kind == "log" else np.asarray(y, np.float64)
        scaled: NDArray[Any] = ((values - np.array(self.mean)) / np.array(self.scale)).astype(dtype)
        return scaled

    def save(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"bounds"} if self.bounds is None else None)

    def bounded(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return predictions of the learner within the bounds, of shape (rows, targets); themselves if all are."""
        if self.bounds is None:
            return y
        low, high = ((np.array(bound) - np.array(self.mean)) / np.array(self.scale) for bound in self._ends)
        return np.clip(y, low, high).astype(y.dtype) if ((y < low) | (y > high)).any() else y

    def num_bounded(self, predictions: NDArray[Any]) -> int:
        """Return how many rows of predictions that `inverse` returned stand at a bound."""
        if self.bounds is None or not len(predictions):
            return 0
        low, high = (self._original(np.array(bound)) for bound in self._ends)
        return int(((predictions <= low) | (predictions >= high)).any(axis=1).sum())

    @property
    def _ends(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The lower bounds of all targets, and the upper ones."""
        bounds = self.bounds or ()
        return tuple(low for low, _ in bounds), tuple(high for _, high in bounds)

    def _original(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.kind != "log":
            return values
        with np.errstate(over="ignore"):
            found: NDArray[np.float64] = np.expm1(values)
        return found

    def inverse(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Return predictions in original units.

        Args:
            y: Predictions of the learner, of shape (rows, targets).

        Returns:
            float64 of the same shape; infinite where a logarithm was predicted that no number has.
        """
        values: NDArray[np.float64] = np.asarray(y, np.float64) * np.array(self.scale) + np.array(self.mean)
        if self.bounds is not None:
            values = np.clip(values, *(np.array(bound) for bound in self._ends))
        return self._original(values)


def _bounds(values: NDArray[np.float64], margin: float) -> tuple[tuple[float, float], ...]:
    low, high = values.min(axis=0), values.max(axis=0)
    room = margin * (high - low)
    return tuple(zip((low - room).tolist(), (high + room).tolist(), strict=True))


def _logarithm(y: NDArray[Any]) -> NDArray[np.float64]:
    low = np.asarray(y) <= -1
    if low.any():
        raise DataError(
            f"dataset.target_transform=log needs targets above -1, {int(low.sum()):,} are not, the smallest is "
            f"{float(np.min(y)):g}",
            remedy="Set dataset.target_transform=standardize.",
        )
    return np.log1p(np.asarray(y, np.float64))
