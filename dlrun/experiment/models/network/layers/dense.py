"""Fully connected layers."""

from math import prod
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from dlrun.experiment.models.model_settings import Space
from dlrun.experiment.models.network.layers.block import KernelBlock, widths
from dlrun.experiment.models.network.layers.layer import Flow, LayerSettings, Place, holds_numbers, shape_of

if TYPE_CHECKING:
    import keras


_MOST_DROPOUT = 0.6
"""Share up to which a search tries to zero outputs."""


class Units(LayerSettings):
    """Base of layers with a number of units."""

    main: ClassVar[str | None] = "units"

    units: int = Field(ge=1)
    """Number of outputs."""


class Dense(KernelBlock, Units):
    """Connect every input with every output.

    Data of more than one axis, such as images, are flattened if they come as they are; behind another layer, say
    how: `- flatten` or a global pooling.
    """

    kind: Literal["dense"] = "dense"

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        x = flat(x, place)
        x = layers.Dense(self.units, **self.around(), name=place.name)(x)
        return self.finish(x, place)

    def default_space(self, path: str, *, whole: bool) -> Space:
        dropout = {"uniform": [0.0, max(_MOST_DROPOUT, self.dropout)]}
        sizes = {f"{path}.units": widths(self.units), f"{path}.dropout": dropout}
        return sizes | super().default_space(path, whole=whole)

    def pass_on(self, flow: Flow) -> Flow:
        return flow.to((self.units,), prod(flow.shape) * self.units)


def flat(x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
    """Flatten data of more than one axis that come as they are; leave vectors alone.

    Args:
        x: Symbolic tensor of shape (rows, ...).
        place: Place of the layer that wants a vector.

    Raises:
        ModelError: `x` has more than one axis and comes from another layer, or it holds word indices.
    """
    from keras import layers

    if not holds_numbers(x):
        raise place.refuse_tokens(x)
    rank = len(shape_of(x))
    if rank == 1:
        return x
    if not place.is_input(x):
        pooling = f"`- global_average_pooling{rank - 1}d`" if rank in (2, 3) else "a pooling"
        raise place.mismatch(x, "(features,)", f"Add `- flatten` or {pooling} before it.")
    return layers.Flatten("channels_last", name=place.part("flatten"))(x)
