"""Features: numbers with a scale for each column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from dlrun.experiment.datasets.checks import require_finite
from dlrun.experiment.datasets.inputs import NUMBERS, ArrayForm, InputForm, Inputs
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
from dlrun.experiment.preprocessing.scaling import Scaling, fit_scaling, scale_rows
from dlrun.experiment.validation.plan import Rows

if TYPE_CHECKING:
    import polars as pl


class FittedFeatures(FittedPreprocessing):
    """Scales every column, the last axis of a row, by itself."""

    kind: Literal["features"] = "features"

    offset: tuple[float, ...]
    """What is subtracted from each column; empty if columns are not scaled."""

    scale: tuple[float, ...]
    """What each column is then divided by; empty if columns are not scaled."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not len(self.offset) == len(self.scale) in {0, *self.input_shape[-1:]}:
            raise ValueError("offset and scale have one number for each column, or none")
        return self

    @classmethod
    def fit(cls, x: NDArray[Any], rows: Rows, scaling: Scaling, names: tuple[str, ...] = ()) -> Self:
        """Learn the scales.

        Args:
            x: Numbers of shape (rows, ..., columns).
            rows: Training rows.
            scaling: How to scale.
            names: Names of the columns.
        """
        if scaling == "none":
            return cls(input_shape=x.shape[1:], input_names=names, offset=(), scale=())
        offset, scale = fit_scaling(x, rows, scaling, x.shape[-1])
        return cls(
            input_shape=x.shape[1:], input_names=names, offset=tuple(offset.tolist()), scale=tuple(scale.tolist())
        )

    def form(self, *, joined: bool = False) -> InputForm:  # noqa: ARG002
        return InputForm({NUMBERS: ArrayForm(self.output_shape, "float32")})

    def transform(self, x: NDArray[Any] | pl.DataFrame, *, joined: bool = False) -> Inputs:  # noqa: ARG002
        features = self.array(x)
        if self.scale:
            scaled = scale_rows(features, np.array(self.offset), np.array(self.scale))
        else:
            with np.errstate(over="ignore"):
                scaled = features.astype(np.float32, copy=False)
        require_finite(scaled, "the features")
        return self.inputs({NUMBERS: scaled})
