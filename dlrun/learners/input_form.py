"""InputForm: what a network must be built for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dlrun.experiment.preprocessing.fitted import FittedPreprocessing


@dataclass(frozen=True)
class InputForm:
    """What a network must be built for.

    Args:
        shape: Shape of one row.
        dtype: `float32`, `uint8` for pixels and indicators, `int32` for tokens.
        scale: Factor that the network's first layer applies; None leaves the values alone.
        num_tokens: Distinct tokens, counted from 0; None if the inputs are no tokens.
    """

    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    num_tokens: int | None = None

    @classmethod
    def of(cls, prepared: NDArray[Any], preprocessing: FittedPreprocessing) -> InputForm:
        """Return the form of inputs that `transform_for_network` returned."""
        tokens = np.issubdtype(prepared.dtype, np.signedinteger)
        return cls(
            prepared.shape[1:],
            prepared.dtype.name,
            preprocessing.network_scale,
            int(prepared.max(initial=0)) + 1 if tokens else None,
        )

    @classmethod
    def expected(cls, preprocessing: FittedPreprocessing) -> InputForm:
        """Return the form of what a preprocessing will make, of tokens in any number."""
        dtype = {"tokens": np.int32, "indicators": np.uint8}.get(preprocessing.kind, np.float32)
        if preprocessing.network_scale is not None:
            dtype = np.uint8
        form = cls.of(np.empty((0, *preprocessing.output_shape), dtype), preprocessing)
        return cls(form.shape, form.dtype, form.scale)
