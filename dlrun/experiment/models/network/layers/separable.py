"""Depthwise and depthwise separable convolutions (Chollet 2017)."""

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dlrun.experiment.models.model_settings import Space
from dlrun.experiment.models.network.layers.block import WindowBlock, widths
from dlrun.experiment.models.network.layers.initializers import depthwise_initializer, pointwise_initializer
from dlrun.experiment.models.network.layers.layer import Place
from dlrun.experiment.models.network.layers.windows import (
    Depth,
    EvenWindow2D,
    Filters,
    Window1D,
    check_window,
    image,
    steps,
    window_of,
)

if TYPE_CHECKING:
    import keras


class SeparableConv1D(WindowBlock, Depth, Window1D, Filters):
    """Convolution over steps of each channel alone, then one that mixes the channels of each step."""

    kind: Literal["separable_conv1d"] = "separable_conv1d"

    padding: Literal["valid", "same"] = "valid"
    """`valid` adds nothing, `same` zeros on both sides."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        x = steps(x, place)
        check_window(x, place, (self.kernel_size,), self.padding, dilation=self.dilation_rate)
        x = layers.SeparableConv1D(
            self.filters, **window_of(self), **self.around(), **_depthwise(self), **_pointwise(self), name=place.name
        )(x)
        return self.finish(x, place)

    def default_space(self, path: str, *, whole: bool) -> Space:
        return {f"{path}.filters": widths(self.filters)} | super().default_space(path, whole=whole)

    def _mix(self, channels: int, positions: int) -> tuple[int, int]:
        return self.filters, (positions + self.filters) * channels * self.depth_multiplier


class SeparableConv2D(WindowBlock, Depth, EvenWindow2D, Filters):
    """Convolution over each channel of an image alone, then one that mixes the channels of each pixel.

    Data of shape (height, width) that come as they are get a channel axis.
    """

    kind: Literal["separable_conv2d"] = "separable_conv2d"

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        x = image(x, place)
        check_window(x, place, self.kernel_size, self.padding, dilation=self.dilation_rate)
        x = layers.SeparableConv2D(
            self.filters, **window_of(self), **self.around(), **_depthwise(self), **_pointwise(self), name=place.name
        )(x)
        return self.finish(x, place)

    def default_space(self, path: str, *, whole: bool) -> Space:
        return {f"{path}.filters": widths(self.filters)} | super().default_space(path, whole=whole)

    def _mix(self, channels: int, positions: int) -> tuple[int, int]:
        return self.filters, (positions + self.filters) * channels * self.depth_multiplier


class DepthwiseConv2D(WindowBlock, Depth, EvenWindow2D):
    """Convolution over each channel of an image alone; the channels are not mixed.

    Data of shape (height, width) that come as they are get a channel axis.
    """

    kind: Literal["depthwise_conv2d"] = "depthwise_conv2d"
    main: ClassVar[str | None] = "kernel_size"

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        x = image(x, place)
        check_window(x, place, self.kernel_size, self.padding, dilation=self.dilation_rate)
        x = layers.DepthwiseConv2D(**window_of(self), **self.around(), **_depthwise(self), name=place.name)(x)
        return self.finish(x, place)

    def _mix(self, channels: int, positions: int) -> tuple[int, int]:
        return channels * self.depth_multiplier, positions * channels * self.depth_multiplier


def _depthwise(layer: SeparableConv1D | SeparableConv2D | DepthwiseConv2D) -> dict[str, Any]:
    size = layer.kernel_size
    return {
        "depth_multiplier": layer.depth_multiplier,
        "depthwise_initializer": depthwise_initializer(
            layer.initializer, size if isinstance(size, int) else prod(size)
        ),
        "depthwise_regularizer": layer.regularizer(),
    }


def _pointwise(layer: SeparableConv1D | SeparableConv2D) -> dict[str, Any]:
    return {
        "pointwise_initializer": pointwise_initializer(layer.initializer, layer.activation),
        "pointwise_regularizer": layer.regularizer(),
    }
