"""Layers that only change the shape."""

from math import prod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from dlrun.base.settings import Items
from dlrun.errors import ModelError
from dlrun.experiment.models.network.layers.layer import Flow, LayerSettings, Place, Positive, shape_of, show

if TYPE_CHECKING:
    import keras


class Flatten(LayerSettings):
    """Put all values of a row into one vector."""

    kind: Literal["flatten"] = "flatten"
    takes_tokens: ClassVar[bool] = True

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        return layers.Flatten("channels_last", name=place.name)(x)

    def pass_on(self, flow: Flow) -> Flow:
        return flow.to((prod(flow.shape),))


class Reshape(LayerSettings):
    """Give each row another shape with as many values."""

    kind: Literal["reshape"] = "reshape"
    main: ClassVar[str | None] = "shape"
    takes_tokens: ClassVar[bool] = True

    shape: Annotated[Items[Positive], Field(min_length=1)]
    """Shape of a row, the axis of the rows left out."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        found, wanted = prod(shape_of(x)), prod(self.shape)
        if found != wanted:
            raise ModelError(
                f"{place.path}: the shape {show(self.shape)} holds {wanted} values, its input of shape "
                f"{show(shape_of(x))} has {found}",
                remedy=f"Choose a shape whose sizes multiply to {found}.",
            )
        return layers.Reshape(self.shape, name=place.name)(x)

    def pass_on(self, flow: Flow) -> Flow:
        return flow.to(self.shape)
