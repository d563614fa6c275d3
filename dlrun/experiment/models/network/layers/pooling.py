"""Pooling: the largest or the mean value of each window, or of the whole input."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from dlrun.experiment.models.network.layers.layer import Flow, LayerSettings, Pair, Place
from dlrun.experiment.models.network.layers.windows import check_window, image, steps

if TYPE_CHECKING:
    import keras


class Pool1D(LayerSettings):
    """Base of pooling over windows of steps."""

    main: ClassVar[str | None] = "pool_size"

    pool_size: int = Field(default=2, ge=1)
    """Steps that a window covers."""

    strides: int | None = Field(default=None, ge=1)
    """Steps that the window moves on; null moves it by its own size."""

    padding: Literal["valid", "same"] = "valid"
    """`valid` leaves out a last, incomplete window, `same` keeps it."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        x = steps(x, place)
        check_window(x, place, (self.pool_size,), self.padding, what="pool")
        return self._layer(place.name)(x)

    def pass_on(self, flow: Flow) -> Flow:
        flow = flow.over(1)
        return flow.to((*flow.stepped(self.strides or self.pool_size), flow.shape[-1]))

    @abstractmethod
    def _layer(self, name: str) -> "keras.Layer":
        """Return the Keras layer that pools."""


class Pool2D(LayerSettings):
    """Base of pooling over windows of images."""

    main: ClassVar[str | None] = "pool_size"

    pool_size: Pair = (2, 2)
    """Height and width of a window; one number stands for both."""

    strides: Pair | None = None
    """Pixels that the window moves down and right; null moves it by its own size."""

    padding: Literal["valid", "same"] = "valid"
    """`valid` leaves out a last, incomplete window, `same` keeps it."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        x = image(x, place)
        check_window(x, place, self.pool_size, self.padding, what="pool")
        return self._layer(place.name)(x)

    def pass_on(self, flow: Flow) -> Flow:
        flow = flow.over(2)
        return flow.to((*flow.stepped(self.strides or self.pool_size), flow.shape[-1]))

    @abstractmethod
    def _layer(self, name: str) -> "keras.Layer":
        """Return the Keras layer that pools."""


class GlobalPool1D(LayerSettings):
    """Base of pooling over all steps."""

    def pass_on(self, flow: Flow) -> Flow:
        return flow.to(flow.over(1).shape[-1:])


class GlobalPool2D(LayerSettings):
    """Base of pooling over a whole image."""

    def pass_on(self, flow: Flow) -> Flow:
        return flow.to(flow.over(2).shape[-1:])


class MaxPooling1D(Pool1D):
    """Keep the largest value of each window of steps."""

    kind: Literal["max_pooling1d"] = "max_pooling1d"

    def _layer(self, name: str) -> "keras.Layer":
        from keras import layers

        return layers.MaxPooling1D(self.pool_size, self.strides, self.padding, "channels_last", name=name)


class AveragePooling1D(Pool1D):
    """Keep the mean value of each window of steps."""

    kind: Literal["average_pooling1d"] = "average_pooling1d"

    def _layer(self, name: str) -> "keras.Layer":
        from keras import layers

        return layers.AveragePooling1D(self.pool_size, self.strides, self.padding, "channels_last", name=name)


class MaxPooling2D(Pool2D):
    """Keep the largest value of each window of an image."""

    kind: Literal["max_pooling2d"] = "max_pooling2d"

    def _layer(self, name: str) -> "keras.Layer":
        from keras import layers

        return layers.MaxPooling2D(self.pool_size, self.strides, self.padding, "channels_last", name=name)


class AveragePooling2D(Pool2D):
    """Keep the mean value of each window of an image."""

    kind: Literal["average_pooling2d"] = "average_pooling2d"

    def _layer(self, name: str) -> "keras.Layer":
        from keras import layers

        return layers.AveragePooling2D(self.pool_size, self.strides, self.padding, "channels_last", name=name)


class GlobalMaxPooling1D(GlobalPool1D):
    """Keep the largest value of each channel over all steps."""

    kind: Literal["global_max_pooling1d"] = "global_max_pooling1d"

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        return layers.GlobalMaxPooling1D("channels_last", name=place.name)(steps(x, place))


class GlobalAveragePooling1D(GlobalPool1D):
    """Keep the mean value of each channel over all steps."""

    kind: Literal["global_average_pooling1d"] = "global_average_pooling1d"

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        return layers.GlobalAveragePooling1D("channels_last", name=place.name)(steps(x, place))


class GlobalMaxPooling2D(GlobalPool2D):
    """Keep the largest value of each channel over the whole image."""

    kind: Literal["global_max_pooling2d"] = "global_max_pooling2d"

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        return layers.GlobalMaxPooling2D("channels_last", name=place.name)(image(x, place))


class GlobalAveragePooling2D(GlobalPool2D):
    """Keep the mean value of each channel over the whole image."""

    kind: Literal["global_average_pooling2d"] = "global_average_pooling2d"

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        return layers.GlobalAveragePooling2D("channels_last", name=place.name)(image(x, place))
