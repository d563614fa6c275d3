"""Engine: what executes the epochs of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dlrun.validation.plan import Rows

OnSlice = Callable[[float, Mapping[str, float]], None]
"""Hears the share of the epoch that is done and the training metrics so far."""


class Engine(Protocol):
    """What executes the epochs of a network: one compiled Keras model, many fits."""

    def load(self, x: NDArray[Any], y: NDArray[Any], weights: NDArray[np.float32] | None) -> None:
        """Take the data of the next epochs; what is already there is not moved again.

        Args:
            x: Inputs of all rows, shape (rows, ...).
            y: Targets of all rows, as the model's loss takes them.
            weights: Weight of each row in the loss, or None.
        """

    def train_epoch(self, order: Rows, rates: NDArray[np.float32], on_slice: OnSlice) -> dict[str, float]:
        """Train once on every row of `order`, in that order.

        Args:
            order: Row numbers, shape (rows,).
            rates: Learning rate of every step, shape (steps,).
            on_slice: Called after each slice of a long epoch.

        Returns:
            The loss, penalties included, and the training metrics, as running means over the epoch.
        """

    def predict(self, x: NDArray[Any], rows: Rows) -> NDArray[np.float32]:
        """Predict rows of `x` in inference mode, shape (rows, outputs)."""
