"""Ordinary convolutions over steps and over images."""

from typing import TYPE_CHECKING, Literal

from dlrun.experiment.models.model_settings import Space
from dlrun.experiment.models.network.layers.block import KernelBlock, widths
from dlrun.experiment.models.network.layers.layer import Place
from dlrun.experiment.models.network.layers.windows import (
    Filters,
    Window1D,
    Window2D,
    check_window,
    image,
    steps,
    window_of,
)

if TYPE_CHECKING:
    import keras


class Conv1D(KernelBlock, Window1D, Filters):
    """Convolution over steps, of shape (steps, channels)."""

    kind: Literal["conv1d"] = "conv1d"

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        x = steps(x, place)
        check_window(x, place, (self.kernel_size,), self.padding, dilation=self.dilation_rate)
        x = layers.Conv1D(self.filters, **window_of(self), **self.around(), name=place.name)(x)
        return self.finish(x, place)

    def default_space(self, path: str, *, whole: bool) -> Space:
        return {f"{path}.filters": widths(self.filters)} | super().default_space(path, whole=whole)

    def _mix(self, channels: int, positions: int) -> tuple[int, int]:
        return self.filters, positions * channels * self.filters


class Conv2D(KernelBlock, Window2D, Filters):
    """Convolution over images, of shape (height, width, channels).

    Data of shape (height, width) that come as they are get a channel axis.
    """

    kind: Literal["conv2d"] = "conv2d"

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        x = image(x, place)
        check_window(x, place, self.kernel_size, self.padding, dilation=self.dilation_rate)
        x = layers.Conv2D(self.filters, **window_of(self), **self.around(), name=place.name)(x)
        return self.finish(x, place)

    def default_space(self, path: str, *, whole: bool) -> Space:
        return {f"{path}.filters": widths(self.filters)} | super().default_space(path, whole=whole)

    def _mix(self, channels: int, positions: int) -> tuple[int, int]:
        return self.filters, positions * channels * self.filters
