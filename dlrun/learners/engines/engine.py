"""Engine: what executes the epochs of a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

    from dlrun.experiment.datasets.inputs import Inputs
    from dlrun.experiment.validation.plan import Rows


OnSlice = Callable[[int, Mapping[str, float]], None]
"""Hears the number of steps of the epoch that are done and the training metrics so far."""


@dataclass(frozen=True)
class Midway:
    """A place inside an epoch, where a slice has ended.

    Args:
        step: Steps that are done.
        metrics: Values of the model's metric variables there.
    """

    step: int
    metrics: Sequence[NDArray[Any]]


class Engine(Protocol):
    """What executes the epochs of a network: one compiled Keras model, many fits."""

    def load(self, x: Inputs, y: NDArray[Any], weights: NDArray[np.float32] | None) -> None:
        """Take the data of the next epochs; what is already there is not moved again.

        Args:
            x: Inputs of all rows; a network of several inputs gets them by the names of its own.
            y: Targets of all rows, as the model's loss takes them.
            weights: Weight of each row in the loss, or None.
        """

    def train_epoch(
        self, order: Rows, rates: NDArray[np.float32], on_slice: OnSlice, midway: Midway | None = None
    ) -> dict[str, float]:
        """Train once on every row of `order`, in that order.

        Args:
            order: Row numbers, shape (rows,).
            rates: Learning rate of every step, shape (steps,).
            on_slice: Called after each slice of a long epoch, when the model's variables are those of its last step.
            midway: Where to begin, with the model's variables as they were there; None for the first step.

        Returns:
            The loss, penalties included, and the training metrics, as running means over the epoch.
        """

    def predict(self, x: Inputs, rows: Rows) -> NDArray[np.float32]:
        """Predict rows of `x` in inference mode, shape (rows, outputs).

        Raises:
            Interrupted: A signal waited; raised between two chunks.
        """


def given(names: Sequence[str], arrays: Sequence[Any]) -> Any:
    """Return arrays as a Keras model takes them: one as it is, several by the names of its inputs."""
    return arrays[0] if len(names) == 1 else dict(zip(names, arrays, strict=True))


ACTIVATION_BYTES = 64 * 2**20
"""Memory that the largest pair of neighbouring activations may take while predicting."""


def rows_at_once(model: keras.Model) -> int:
    """Return the rows whose two largest activations fit `ACTIVATION_BYTES`, between 32 and 8192, a power of two."""
    sizes = sorted(math.prod(int(size or 1) for size in layer.output.shape[1:]) for layer in model.layers)
    largest = sum(sizes[-2:])
    fitting = ACTIVATION_BYTES // (4 * max(largest, 1))
    return int(2 ** min(max(math.floor(math.log2(max(fitting, 1))), 5), 13))
