"""summary(): what a network consists of, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class LayerRow:
    """One Keras layer of a network.

    Args:
        name: Name of the layer in the Keras model.
        kind: Class of the layer in Keras, such as `Conv2D`.
        output_shape: Shape of one row of its output.
        parameters: Numbers that it holds, those not trained included.
        multiply_adds: Multiplications of an input by a kernel weight for one row; biases, activations, normalization
            and pooling are not counted, as in Howard et al. 2017.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


def summary(model: keras.Model) -> list[LayerRow]:
    """Return a row for each layer of a network, from the input to the output.

    Args:
        model: Built by `Network.build`.
    """
    return [
        LayerRow(
            name=layer.name,
            kind=type(layer).__name__,
            output_shape=tuple(layer.output.shape[1:]),
            parameters=int(layer.count_params()),
            multiply_adds=_multiply_adds(layer),
        )
        for layer in model.layers
    ]


def _multiply_adds(layer: keras.Layer) -> int:
    """Count a kernel's weights once for each position of the output; every kernel meets each position once."""
    num_weights = sum(prod(weight.shape) for weight in layer.weights if weight.name.endswith("kernel"))
    return int(prod(layer.output.shape[1:-1]) * num_weights)
