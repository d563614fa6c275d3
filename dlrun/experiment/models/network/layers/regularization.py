"""Dropout in its forms."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from dlrun.experiment.models.network.layers.layer import LayerSettings, Place, shape_of

if TYPE_CHECKING:
    import keras


class _Dropping(LayerSettings):
    """Base of layers that zero a random share while training."""

    main: ClassVar[str | None] = "rate"

    @property
    def draws(self) -> bool:
        return True


class Dropout(_Dropping):
    """Zero a random share of the inputs while training (Srivastava et al. 2014)."""

    kind: Literal["dropout"] = "dropout"

    rate: float = Field(ge=0, lt=1)
    """Share of the inputs to zero."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        return layers.Dropout(self.rate, name=place.name)(x)


class SpatialDropout(_Dropping):
    """Zero a random share of whole channels while training (Tompson et al. 2015)."""

    kind: Literal["spatial_dropout"] = "spatial_dropout"

    rate: float = Field(ge=0, lt=1)
    """Share of the channels to zero."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        rank = len(shape_of(x))
        if rank == 2:
            return layers.SpatialDropout1D(self.rate, name=place.name)(x)
        if rank == 3:
            return layers.SpatialDropout2D(self.rate, "channels_last", name=place.name)(x)
        expected = "(steps, channels) or (height, width, channels)"
        raise place.mismatch(x, expected, "Use `- dropout` where the input has no channels.")


class AlphaDropout(_Dropping):
    """Drop a random share of the inputs and keep mean and variance; for selu networks (Klambauer et al. 2017)."""

    kind: Literal["alpha_dropout"] = "alpha_dropout"

    rate: float = Field(ge=0, lt=1)
    """Share of the inputs to drop."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        return layers.AlphaDropout(self.rate, name=place.name)(x)
