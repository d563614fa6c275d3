"""Starting values of kernels, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dlrun.experiment.models.network.layers.activation import RELU_LIKE

if TYPE_CHECKING:
    import keras

InitializerName = Literal[
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]
"""Every initializer of Keras that suits kernels of any rank and needs no settings."""

KernelInitializer = Literal["auto", "keras"] | InitializerName
"""Start of a dense or convolution kernel.

`auto` is Keras' glorot_uniform, and lecun_normal before selu (self-normalizing networks, Klambauer et al. 2017);
`keras` is glorot_uniform always.
"""

WindowInitializer = Literal["auto", "keras", "window"] | InitializerName
"""Start of the kernels of a separable or depthwise convolution.

`auto` is `window`: the depthwise kernel is normal with standard deviation 1/sqrt(window area), because each of its
outputs sees the window of one channel alone, and the pointwise kernel is he_normal before relu and its kin,
lecun_normal before selu, else glorot_uniform. Keras' glorot_uniform (`keras`) counts all channels as inputs of the
depthwise kernel, so that the signal shrinks from layer to layer.
"""


def kernel_initializer(choice: str, activation: str) -> str:
    """Return Keras' name of the start of a dense or convolution kernel.

    Args:
        choice: A `KernelInitializer`.
        activation: Name of the activation behind the kernel.
    """
    if choice == "auto" and activation == "selu":
        return "lecun_normal"
    return "glorot_uniform" if choice in ("auto", "keras") else choice


def depthwise_initializer(choice: str, area: int) -> keras.initializers.Initializer:
    """Return the start of a depthwise kernel; a fresh one for each layer, as Keras asks for.

    Args:
        choice: A `WindowInitializer`.
        area: Positions that the window covers.
    """
    from keras import initializers

    if choice in ("auto", "window"):
        return initializers.RandomNormal(stddev=area**-0.5)
    return initializers.get(kernel_initializer(choice, "linear"))


def pointwise_initializer(choice: str, activation: str) -> str:
    """Return Keras' name of the start of a pointwise kernel.

    Args:
        choice: A `WindowInitializer`.
        activation: Name of the activation behind the kernel.
    """
    if choice not in ("auto", "window"):
        return kernel_initializer(choice, activation)
    return "he_normal" if activation in RELU_LIKE else kernel_initializer("auto", activation)
