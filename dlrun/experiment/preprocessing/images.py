"""Images: one scale for all pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from dlrun.errors import DataError
from dlrun.experiment.datasets.checks import require_finite
from dlrun.experiment.datasets.inputs import PIXELS, ArrayForm, InputForm, Inputs, Layout
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
from dlrun.experiment.preprocessing.scaling import Scaling, fit_scaling, scale_rows
from dlrun.experiment.validation.plan import Rows

if TYPE_CHECKING:
    import polars as pl


class FittedImages(FittedPreprocessing):
    """Scales all pixels alike; `minmax` divides bytes by 255 and maps other numbers from their range to 0..1."""

    kind: Literal["images"] = "images"

    dtype: str
    """Type of the pixels, as NumPy names it."""

    scaling: Scaling
    """How pixels are scaled."""

    offset: float
    """What is subtracted from a pixel first."""

    scale: float
    """What a pixel is then divided by."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.scale or not math.isfinite(self.scale):
            raise ValueError("pixels are divided by a number other than 0")
        return self

    @classmethod
    def fit(cls, x: NDArray[Any], rows: Rows, scaling: Scaling) -> Self:
        """Learn the scale.

        Args:
            x: Images of shape (rows, height, width) or (rows, height, width, channels).
            rows: Training rows.
            scaling: How to scale.
        """
        if x.dtype == np.uint8 and scaling == "minmax":
            offset, scale = 0.0, 255.0
        else:
            offsets, scales = fit_scaling(x, rows, scaling, 1)
            offset, scale = float(offsets[0]), float(scales[0])
        return cls(input_shape=x.shape[1:], dtype=x.dtype.name, scaling=scaling, offset=offset, scale=scale)

    @property
    def _stays_bytes(self) -> bool:
        return self.dtype == "uint8" and self.scaling != "standardize"

    def form(self, *, joined: bool = False) -> InputForm:  # noqa: ARG002
        array = ArrayForm(self.output_shape, "uint8" if self._stays_bytes else "float32")
        return InputForm({PIXELS: array}, Layout(scale=1 / self.scale if self._stays_bytes else None))

    def transform(self, x: NDArray[Any] | pl.DataFrame, *, joined: bool = False) -> Inputs:  # noqa: ARG002
        images = self._images(x)
        if self._stays_bytes:
            return self.inputs({PIXELS: images})
        scaled = scale_rows(images, np.array([self.offset]), np.array([self.scale]))
        require_finite(scaled, "the images")
        return self.inputs({PIXELS: scaled})

    def _images(self, x: NDArray[Any] | pl.DataFrame) -> NDArray[Any]:
        images = self.array(x)
        if (images.dtype == np.uint8) != (self.dtype == "uint8"):
            raise DataError(
                f"the pixels are {images.dtype}, expected {self.dtype}",
                remedy="Give images of the type that the run was trained on; their range of values depends on it.",
            )
        return images
