"""Layers that hold layers, and Layer: the union of all layers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from dlrun.base.settings import ByName, Items
from dlrun.errors import ModelError
from dlrun.experiment.models.model_settings import Space
from dlrun.experiment.models.network.layers.activation import ActivationName
from dlrun.experiment.models.network.layers.layer import (
    Flow,
    LayerSettings,
    Place,
    Shape,
    apply_layers,
    shape_of,
    show,
)
from dlrun.experiment.models.network.layers.layers import PlainLayer

if TYPE_CHECKING:
    import keras


class HoldsLayers(LayerSettings):
    """Base of layers that hold layers."""

    if TYPE_CHECKING:
        layers: Items["Layer"]

    def placed(self, path: str) -> Iterator[tuple[str, LayerSettings]]:
        yield from super().placed(path)
        for index, layer in enumerate(self.layers):
            yield from layer.placed(f"{path}.{self.kind}.layers.{index}")

    @property
    def convolves(self) -> bool:
        return any(layer.convolves for layer in self.layers)

    @property
    def draws(self) -> bool:
        return any(layer.draws for layer in self.layers)

    def pass_on(self, flow: Flow) -> Flow:
        for layer in self.layers:
            flow = layer.pass_on(flow)
        return flow

    def resolved(self) -> Self:
        return self.model_copy(update={"layers": tuple(layer.resolved() for layer in self.layers)})


class Repeat(HoldsLayers):
    """Build the same layers several times, one behind the other, each time with weights of its own."""

    kind: Literal["repeat"] = "repeat"
    takes_tokens: ClassVar[bool] = True

    times: int = Field(ge=0, le=1000)
    """How many times; 0 leaves the layers out."""

    layers: "Items[Layer]" = Field(min_length=1)
    """The layers of one round."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        for repetition in range(self.times):
            x = apply_layers(self.layers, x, place, repetition)
        return x

    def default_space(self, path: str, *, whole: bool) -> Space:  # noqa: ARG002
        return {f"{path}.times": {"int": [min(1, self.times), max(2 * self.times, 2)]}}

    @property
    def convolves(self) -> bool:
        return self.times > 0 and super().convolves

    @property
    def draws(self) -> bool:
        return self.times > 0 and super().draws

    def pass_on(self, flow: Flow) -> Flow:
        for _ in range(self.times):
            flow = super().pass_on(flow)
        return flow


class Residual(HoldsLayers):
    """Add the input to the output of some layers (He et al. 2015)."""

    kind: Literal["residual"] = "residual"
    main: ClassVar[str | None] = "layers"

    layers: "Items[Layer]" = Field(min_length=1)
    """The layers to bridge."""

    projection: Literal["where_needed", "always", "never"] = "where_needed"
    """Whether a linear 1x1 projection brings the input to the shape of the output: where the shapes differ, or not."""

    activation: ActivationName = "linear"
    """Activation after the addition; `linear` is none."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        inner = apply_layers(self.layers, x, place)
        if self.projection == "always" or (self.projection == "where_needed" and shape_of(x) != shape_of(inner)):
            x = project(x, shape_of(inner), place)
        if shape_of(x) != shape_of(inner):
            raise _cannot_add(shape_of(x), shape_of(inner), place, "Set projection: where_needed.")
        x = layers.Add(name=place.part("add"))([inner, x])
        if self.activation == "linear":
            return x
        return layers.Activation(self.activation, name=place.part("activation"))(x)


Layer = Annotated[PlainLayer | Repeat | Residual, Field(discriminator="kind"), ByName("layer")]
"""One layer, as a config has it in a list."""


def project(x: "keras.KerasTensor", shape: Shape, place: Place) -> "keras.KerasTensor":
    """Bring `x` to another shape by a linear map of its channels, skipping positions where fewer are wanted.

    Args:
        x: Symbolic tensor of shape (rows, channels), (rows, steps, channels) or (rows, height, width, channels).
        shape: Shape of one row that is wanted.
        place: Place of the residual layer.

    Raises:
        ModelError: No stride leads from one shape to the other.
    """
    from keras import layers

    found = shape_of(x)
    strides = [_stride(size, wanted) for size, wanted in zip(found[:-1], shape[:-1], strict=False)]
    if len(found) != len(shape) or None in strides or len(found) not in (1, 2, 3):
        remedy = "Use padding: same inside, strides that divide the size, and no layer that flattens."
        raise _cannot_add(found, shape, place, remedy)
    name = place.part("projection")
    if len(shape) == 1:
        return layers.Dense(shape[-1], use_bias=False, name=name)(x)
    convolution = layers.Conv1D if len(shape) == 2 else layers.Conv2D
    return convolution(shape[-1], 1, strides=tuple(strides), data_format="channels_last", use_bias=False, name=name)(x)


def _stride(size: int, wanted: int) -> int | None:
    return next((stride for stride in range(1, size + 1) if -(-size // stride) == wanted), None)


def _cannot_add(before: Shape, after: Shape, place: Place, remedy: str) -> ModelError:
    return ModelError(
        f"{place.path}: cannot add the input of shape {show(before)} to the output of shape {show(after)}",
        remedy=remedy,
    )
