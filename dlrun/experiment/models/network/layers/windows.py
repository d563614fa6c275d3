"""The settings and checks that convolutions share: filters, and the window that moves over the input."""

from abc import abstractmethod
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.errors import ModelError
from dlrun.experiment.models.network.layers.layer import Flow, LayerSettings, Pair, Place, shape_of, show

if TYPE_CHECKING:
    import keras


class Filters(LayerSettings):
    """Base of layers with a number of filters."""

    main: ClassVar[str | None] = "filters"

    filters: int = Field(ge=1)
    """Number of output channels."""


class Window(LayerSettings):
    """Base of convolutions, along any number of axes."""

    if TYPE_CHECKING:
        kernel_size: int | tuple[int, int]
        strides: int | tuple[int, int]

    num_axes: ClassVar[int] = 2

    @property
    def convolves(self) -> bool:
        return True

    def pass_on(self, flow: Flow) -> Flow:
        """Move the window over what comes in; every weight meets each position once."""
        flow = flow.over(self.num_axes)
        size = self.kernel_size
        positions = prod(size) if isinstance(size, tuple) else size**self.num_axes
        channels, num_weights = self._mix(flow.shape[-1], positions)
        grid = flow.stepped(self.strides)
        return flow.to((*grid, channels), prod(grid) * num_weights)

    @abstractmethod
    def _mix(self, channels: int, positions: int) -> tuple[int, int]:
        """Return the channels that come out, and the number of weights.

        Args:
            channels: Those that come in.
            positions: How many of them the window covers.
        """


class Window1D(Window):
    """Base of layers that move a window over steps."""

    num_axes: ClassVar[int] = 1

    kernel_size: int = Field(default=3, ge=1)
    """Steps that the window covers."""

    strides: int = Field(default=1, ge=1)
    """Steps that the window moves on."""

    padding: Literal["valid", "same", "causal"] = "valid"
    """`valid` adds nothing, `same` zeros on both sides, `causal` zeros before the first step."""

    dilation_rate: int = Field(default=1, ge=1)
    """Distance between the steps that the window takes in."""

    @model_validator(mode="after")
    def _strides_or_dilation(self) -> Self:
        _check_strides_or_dilation(self.strides, self.dilation_rate)
        return self


class Window2D(Window):
    """Base of layers that move a window over images."""

    kernel_size: Pair = (3, 3)
    """Height and width of the window; one number stands for both."""

    strides: Pair = (1, 1)
    """Pixels that the window moves down and right; one number stands for both."""

    padding: Literal["valid", "same"] = "valid"
    """`valid` adds nothing, `same` adds zeros on all sides."""

    dilation_rate: Pair = (1, 1)
    """Distance between the pixels that the window takes in; one number stands for both."""

    @model_validator(mode="after")
    def _strides_or_dilation(self) -> Self:
        _check_strides_or_dilation(max(self.strides), max(self.dilation_rate))
        return self


class EvenWindow2D(Window):
    """Base of layers whose window moves and stretches alike on both axes, as TensorFlow asks of depthwise kernels."""

    kernel_size: Pair = (3, 3)
    """Height and width of the window; one number stands for both."""

    strides: int = Field(default=1, ge=1)
    """Pixels that the window moves down and right."""

    padding: Literal["valid", "same"] = "valid"
    """`valid` adds nothing, `same` adds zeros on all sides."""

    dilation_rate: int = Field(default=1, ge=1)
    """Distance between the pixels that the window takes in."""

    @model_validator(mode="after")
    def _strides_or_dilation(self) -> Self:
        _check_strides_or_dilation(self.strides, self.dilation_rate)
        return self


class Depth(LayerSettings):
    """Base of layers with a kernel for each input channel."""

    depth_multiplier: int = Field(default=1, ge=1)
    """Windows for each input channel."""


def window_of(layer: Window1D | Window2D | EvenWindow2D) -> dict[str, Any]:
    """Return what Keras layers take of a window."""
    return {
        "kernel_size": layer.kernel_size,
        "strides": layer.strides,
        "padding": layer.padding,
        "data_format": "channels_last",
        "dilation_rate": layer.dilation_rate,
    }


def _check_strides_or_dilation(strides: int, dilation: int) -> None:
    if strides > 1 and dilation > 1:
        raise PydanticCustomError(
            "strides_and_dilation",
            "strides {strides} and dilation_rate {dilation}: only one of them may be more than 1",
            {"strides": strides, "dilation": dilation},
        )


def steps(x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
    """Return `x` if it has the form (steps, channels).

    Raises:
        ModelError: It has another form.
    """
    shape = shape_of(x)
    if len(shape) == 1:
        remedy = f"Add `- reshape: [{shape[0]}, 1]` before it if the values are steps in order."
        raise place.mismatch(x, "(steps, channels)", remedy)
    if len(shape) != 2:
        raise place.mismatch(x, "(steps, channels)", "Use the two-dimensional layer, or `- reshape` before it.")
    return x


def image(x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
    """Return `x` in the form (height, width, channels), with a channel added to plain images.

    Raises:
        ModelError: It has another form.
    """
    from keras import layers

    shape = shape_of(x)
    if len(shape) == 2 and place.is_input(x):
        return layers.Reshape((*shape, 1), name=place.part("channel"))(x)
    if len(shape) != 3:
        reshape = "`- reshape: [height, width, channels]` before it"
        remedy = f"Put it before the layers that flatten, or add {reshape}."
        if place.is_input(x):
            remedy = f"Use dense layers, or add {reshape} if the values are pixels."
        raise place.mismatch(x, "(height, width, channels)", remedy)
    return x


def check_window(
    x: "keras.KerasTensor",
    place: Place,
    size: Sequence[int],
    padding: str,
    *,
    dilation: int | Sequence[int] = 1,
    what: str = "kernel",
) -> None:
    """Refuse a window that does not fit into its input.

    Args:
        x: Input of shape (rows, ..., channels).
        place: Place of the layer.
        size: Positions of the window along each axis.
        padding: Only with `valid` can an input be too small.
        dilation: Distance between the positions, for all axes or for each.
        what: What the window is called: `kernel` or `pool`.

    Raises:
        ModelError: The window is larger than the input.
    """
    distances = (dilation,) * len(size) if isinstance(dilation, int) else dilation
    span = tuple((positions - 1) * distance + 1 for positions, distance in zip(size, distances, strict=True))
    room = shape_of(x)[:-1]
    if padding == "valid" and any(wide > available for wide, available in zip(span, room, strict=True)):
        stretched = span != tuple(size)
        spans = f", which spans {_show_size(span)} with its dilation," if stretched else ""
        smaller = "lower dilation_rate" if stretched else f"make {what}_size at most {_show_size(room)}"
        raise ModelError(
            f"{place.path}: the {what} of size {_show_size(size)}{spans} is larger than its input of shape "
            f"{show(shape_of(x))}",
            remedy=f"Set padding: same, {smaller}, or shrink the input less before it.",
        )


def _show_size(size: Sequence[int]) -> str:
    """Write the size of a window as the config has it: a number for steps, height and width for images."""
    return str(size[0]) if len(size) == 1 else f"[{', '.join(map(str, size))}]"
