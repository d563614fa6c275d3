"""Images: one scale for all pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from dlrun.errors import DataError
from dlrun.experiment.datasets.checks import require_finite
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
    def network_scale(self) -> float | None:
        return 1 / self.scale if self._stays_bytes else None

    @property
    def _stays_bytes(self) -> bool:
        return self.dtype == "uint8" and self.scaling != "standardize"

    def transform(self, x: NDArray[Any] | pl.DataFrame) -> NDArray[Any]:
        images = self._images(x)
        if self._stays_bytes:
            # As a network's first layer computes it, so that all learners see the same numbers.
            scaled: NDArray[np.float32] = np.multiply(images, np.float32(1 / self.scale), dtype=np.float32)
            return scaled
        scaled = scale_rows(images, np.array([self.offset]), np.array([self.scale]))
        require_finite(scaled, "the images")
        return scaled

    def transform_for_network(self, x: NDArray[Any] | pl.DataFrame) -> NDArray[Any]:
        return self._images(x) if self._stays_bytes else self.transform(x)

    def _images(self, x: NDArray[Any] | pl.DataFrame) -> NDArray[Any]:
        images = self.array(x)
        if (images.dtype == np.uint8) != (self.dtype == "uint8"):
            raise DataError(
                f"the pixels are {images.dtype}, expected {self.dtype}",
                remedy="Give images of the type that the run was trained on; their range of values depends on it.",
            )
        return images
