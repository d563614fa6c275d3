"""Rescaling of the inputs."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from dlrun.experiment.models.network.layers.layer import LayerSettings, Place

if TYPE_CHECKING:
    import keras


class Rescaling(LayerSettings):
    """Multiply by a factor and add an offset."""

    kind: Literal["rescaling"] = "rescaling"
    main: ClassVar[str | None] = "scale"

    scale: float = Field(allow_inf_nan=False)
    """Factor."""

    offset: float = Field(default=0.0, allow_inf_nan=False)
    """Added after the multiplication."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        return layers.Rescaling(self.scale, self.offset, name=place.name)(x)
