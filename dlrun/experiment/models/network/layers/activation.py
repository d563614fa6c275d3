"""Activation functions by name, and the layer that applies one."""

from typing import TYPE_CHECKING, ClassVar, Literal

from dlrun.experiment.models.network.layers.layer import LayerSettings, Place

if TYPE_CHECKING:
    import keras

ActivationName = Literal[
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
]
"""Every activation function of Keras that keeps the shape and needs no settings; `linear` is none at all."""

RELU_LIKE: frozenset[str] = frozenset(
    {"celu", "elu", "gelu", "hard_silu", "leaky_relu", "mish", "relu", "relu6", "silu", "swish"}
)
"""Activations that pass about half of a centred input, for which He's start is meant."""


class Activation(LayerSettings):
    """Apply an activation function on its own."""

    kind: Literal["activation"] = "activation"
    main: ClassVar[str | None] = "function"

    function: ActivationName
    """Name of the function, as in Keras."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        return layers.Activation(self.function, name=place.name)(x)
