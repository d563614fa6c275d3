"""Targets of a regression: prepared for the learner, predictions brought back to original units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dlrun.errors import DataError
from dlrun.preprocessing.fitted import Saved
from dlrun.preprocessing.scaling import fit_scaling

TargetTransformKind = Literal["none", "standardize", "log"]


class TargetTransform(Saved):
    """Scales targets with mean and standard deviation of the training rows, after log(1 + y) if the kind is `log`."""

    kind: TargetTransformKind

    mean: tuple[float, ...]
    """Mean of each target on training rows, after the logarithm; 0 for `none`."""

    scale: tuple[float, ...]
    """Standard deviation of each target on training rows, after the logarithm; 1 for `none` and constant targets."""

    @classmethod
    def fit(cls, kind: TargetTransformKind, y: NDArray[Any]) -> Self:
        """Learn mean and standard deviation.

        Args:
            kind: What to do.
            y: Targets of the training rows alone, of shape (rows, targets).

        Raises:
            DataError: A target is -1 or less and the kind is `log`.
        """
        values = _logarithm(y) if kind == "log" else np.asarray(y, np.float64)
        mean, scale = fit_scaling(values, np.arange(len(y)), "none" if kind == "none" else "standardize", y.shape[1])
        return cls(kind=kind, mean=tuple(mean.tolist()), scale=tuple(scale.tolist()))

    @classmethod
    def load(cls, saved: Mapping[str, Any]) -> Self:
        """Return the transform that `save` described.

        Raises:
            pydantic.ValidationError: These are not the values of a transform.
        """
        return cls.model_validate(dict(saved))

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

    def inverse(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Return predictions in original units.

        Args:
            y: Predictions of the learner, of shape (rows, targets).

        Returns:
            float64 of the same shape; infinite where a logarithm was predicted that no number has.
        """
        values: NDArray[np.float64] = np.asarray(y, np.float64) * np.array(self.scale) + np.array(self.mean)
        if self.kind == "log":
            with np.errstate(over="ignore"):
                np.expm1(values, out=values)
        return values


def _logarithm(y: NDArray[Any]) -> NDArray[np.float64]:
    low = np.asarray(y) <= -1
    if low.any():
        raise DataError(
            f"dataset.target_transform=log needs targets above -1, {int(low.sum()):,} are not, the smallest is "
            f"{float(np.min(y)):g}",
            remedy="Set dataset.target_transform=standardize.",
        )
    return np.log1p(np.asarray(y, np.float64))
