"""How many rows to predict at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

ACTIVATION_BYTES = 64 * 2**20
"""Memory that the largest pair of neighbouring activations may take while predicting."""


def rows_at_once(model: keras.Model) -> int:
    """Return the rows whose two largest activations fit `ACTIVATION_BYTES`, between 32 and 8192, a power of two."""
    sizes = sorted(math.prod(int(size or 1) for size in layer.output.shape[1:]) for layer in model.layers)
    largest = sum(sizes[-2:])
    fitting = ACTIVATION_BYTES // (4 * max(largest, 1))
    return int(2 ** min(max(math.floor(math.log2(max(fitting, 1))), 5), 13))
