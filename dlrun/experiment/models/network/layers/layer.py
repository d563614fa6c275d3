"""LayerSettings: the base of every layer; Place, which says where one stands; Flow, what has come through."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from dlrun.base.settings import Settings, kind_of
from dlrun.errors import ModelError
from dlrun.experiment.models.model_settings import Space

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]
"""Shape of one row, without the axis of the rows."""


@dataclass(frozen=True)
class Place:
    """Where a layer stands in the config and in the Keras model.

    Args:
        path: Path of the layer as the YAML is written, such as `model.layers.1.repeat.layers.0.dense`.
        name: Name of the layer in the Keras model, such as `repeat_1_0_dense_0`; its parts add a suffix.
        input_shape: Shape of one row of the data that enter the network.
        num_tokens: Distinct word indices in the data, counted from 0; None if the data are no tokens.
    """

    path: str
    name: str
    input_shape: Shape
    num_tokens: int | None = None

    def inside(self, index: int, kind: str, repetition: int | None = None) -> "Place":
        """Return the place of a layer that stands in the list `layers` of this one.

        Args:
            index: Position in that list.
            kind: Kind of the inner layer.
            repetition: Number of the repetition if the list is built several times.
        """
        parts = (self.name, repetition, kind, index)
        name = "_".join(str(part) for part in parts if part not in ("", None))
        return replace(self, path=f"{self.path}.layers.{index}.{kind}", name=name)

    def part(self, suffix: str) -> str:
        """Return the name of one of the Keras layers that the layer consists of."""
        return f"{self.name}_{suffix}"

    def is_input(self, x: "keras.KerasTensor") -> bool:
        """Say whether `x` still has the shape of the data that enter the network."""
        return shape_of(x) == self.input_shape

    def mismatch(self, x: "keras.KerasTensor", expected: str, remedy: str) -> ModelError:
        """Return the error for an input of the wrong shape.

        Args:
            x: What the layer was given.
            expected: The form that the layer takes, such as `(height, width, channels)`.
            remedy: What to change.
        """
        source = "the data as they come, of shape" if self.is_input(x) else "an input of shape"
        return ModelError(f"{self.path}: expected {expected}, got {source} {show(shape_of(x))}", remedy=remedy)

    def refuse_tokens(self, x: "keras.KerasTensor") -> ModelError:
        """Return the error for a layer that reckons with numbers and was given word indices."""
        return ModelError(
            f"{self.path}: expected numbers to reckon with, got word indices of shape {show(shape_of(x))}",
            remedy="Begin the network with `- embedding: {input_dim: ..., output_dim: ...}`.",
        )


@dataclass(frozen=True)
class Flow:
    """What a row has become behind some layers, and what that took, told by their settings without Keras.

    Windows are taken to be padded: this is for choosing threads and slices; `dlrun check --model` counts exactly.

    Args:
        shape: Shape of the row.
        multiply_adds: Multiplications of an input by a weight so far.
    """

    shape: Shape
    multiply_adds: int = 0

    def to(self, shape: Shape, multiply_adds: int = 0) -> "Flow":
        """Return what a layer makes of it: another shape, and the multiply-adds that this takes."""
        return Flow(shape, self.multiply_adds + multiply_adds)

    def over(self, num_axes: int) -> "Flow":
        """Return it with a channel, if it has but the axes that a window moves over."""
        return self if len(self.shape) > num_axes else self.to((*self.shape, 1))

    def stepped(self, strides: int | tuple[int, ...]) -> Shape:
        """Return the positions, of all axes but the channels', that a padded window with these strides stops at."""
        each = (strides,) * len(self.shape) if isinstance(strides, int) else strides
        return tuple(max(1, -(-size // step)) for size, step in zip(self.shape[:-1], each, strict=False))


class LayerSettings(Settings, ABC):
    """Base of every layer."""

    kind: str

    takes_tokens: ClassVar[bool] = False
    """Whether the layer may be given word indices; others reckon with numbers."""

    @property
    def num_tokens(self) -> int | None:
        """Distinct word indices that the layer knows, counted from 0; None if it does not look them up."""
        return None

    @abstractmethod
    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        """Put the layer behind `x`.

        Args:
            x: Symbolic tensor of shape (rows, ...).
            place: Where the layer stands; its Keras layers are named after it.

        Raises:
            ModelError: The layer does not fit the shape of `x`.
        """

    @property
    def convolves(self) -> bool:
        """Whether the layer is a convolution, or holds one."""
        return False

    @property
    def draws(self) -> bool:
        """Whether the layer draws random numbers while training."""
        return False

    def pass_on(self, flow: Flow) -> Flow:
        """Return what the layer makes of what comes in; as it is, for layers without kernels that keep the shape."""
        return flow

    has_kernel: ClassVar[bool] = False
    """Whether the layer has a kernel of searchable size."""

    def placed(self, path: str) -> Iterator[tuple[str, "LayerSettings"]]:
        """Yield the layer and all that it holds, each with its path in the config.

        Args:
            path: Path of the item of the list that the layer is, such as `model.layers.0`.
        """
        yield f"{path}.{self.kind}", self

    def default_space(self, path: str, *, whole: bool) -> Space:  # noqa: ARG002
        """Return what a search tries of the layer unless the config says so, around the values as written.

        Args:
            path: Path of the layer, such as `model.layers.0.dense`.
            whole: Whether to search all that it has, not its size alone.
        """
        return {}

    def resolved(self) -> Self:
        """Return the layer with every choice made that was left to dlrun."""
        return self


def apply_layers(
    layers: Sequence[LayerSettings], x: "keras.KerasTensor", place: Place, repetition: int | None = None
) -> "keras.KerasTensor":
    """Put a list of layers behind `x`, one after the other.

    Args:
        layers: The layers.
        x: Symbolic tensor of shape (rows, ...).
        place: Place of what holds the list.
        repetition: Number of the repetition if the list is built several times.

    Raises:
        ModelError: A layer does not fit; the message begins with its path.
    """
    for index, layer in enumerate(layers):
        inner = place.inside(index, kind_of(type(layer)), repetition)
        if not (layer.takes_tokens or holds_numbers(x)):
            raise inner.refuse_tokens(x)
        try:
            x = layer.apply(x, inner)
        except (ValueError, TypeError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ModelError(
                f"{inner.path}: Keras cannot build this layer on an input of shape {show(shape_of(x))}: {reason}",
                remedy="Change the settings of this layer, or the layers before it.",
            ) from error
    return x


def shape_of(x: "keras.KerasTensor") -> Shape:
    """Return the shape of one row of a symbolic tensor."""
    return tuple(int(size) for size in x.shape[1:])


def holds_numbers(x: "keras.KerasTensor") -> bool:
    """Say whether `x` holds numbers to reckon with, not word indices."""
    return "float" in x.dtype


def show(shape: Sequence[int]) -> str:
    """Write a shape or a size as people write it: `(8, 8, 1)`."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


Positive = Annotated[int, Field(ge=1)]
"""A whole number from 1."""


def _pair(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | list | tuple):
        raise PydanticCustomError("pair", "expected a whole number or a list of two")
    return (value, value) if isinstance(value, int) else tuple(value)


Pair = Annotated[tuple[Positive, Positive], BeforeValidator(_pair, json_schema_input_type=Positive | list[Positive])]
"""Height and width; a single number stands for both."""
