"""Network: a Keras model from a list of layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from dlrun.base.settings import Items, Settings
from dlrun.errors import ConfigError, ModelError, Problem
from dlrun.experiment.datasets.dataset import DatasetFacts, Task
from dlrun.experiment.datasets.inputs import InputForm
from dlrun.experiment.models.model_settings import ModelSettings, Space, Workload
from dlrun.experiment.models.network.layers.dense import flat
from dlrun.experiment.models.network.layers.initializers import KernelInitializer, kernel_initializer
from dlrun.experiment.models.network.layers.layer import Flow, Place, apply_layers
from dlrun.experiment.models.network.layers.structure import Layer

if TYPE_CHECKING:
    import keras

Activation = Literal["softmax", "sigmoid", "linear"]


@dataclass(frozen=True)
class OutputHead:
    """The output layer that a task asks for.

    Args:
        units: Number of outputs.
        activation: `softmax`, `sigmoid` or `linear`.
        bias: Start of the bias, one value a unit; None starts at zero.
    """

    units: int
    activation: Activation
    bias: Sequence[float] | None = None

    @classmethod
    def of(cls, task: Task, num_outputs: int) -> Self:
        """Return the output layer that a task asks for."""
        activations: dict[Task, Activation] = {"multiclass": "softmax", "regression": "linear"}
        return cls(num_outputs, activations.get(task, "sigmoid"))


class Output(Settings):
    """The output layer; its number of units follows from the task."""

    activation: Literal["auto", "softmax", "sigmoid", "linear", "relu", "softplus", "exponential", "tanh"] = "auto"
    """Activation of the output: `auto` is softmax for classes, sigmoid for two classes or labels, linear for numbers.

    A regression may bound its outputs by another one, such as softplus, which the poisson loss needs.
    """

    initializer: KernelInitializer = "auto"
    """Start of the kernel: `auto` is Keras' glorot_uniform."""

    l1: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Factor of the sum of the absolute kernel weights, added to the loss while training."""

    l2: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Factor of the sum of the squared kernel weights, added to the loss while training."""

    def apply(self, x: "keras.KerasTensor", head: OutputHead, place: Place) -> "keras.KerasTensor":
        """Put the output layer behind `x`; it reckons in float32 whatever the precision of the others.

        Args:
            x: Symbolic tensor of shape (rows, features), or the data as they come.
            head: What the task asks for.
            place: Place of the output layer.

        Raises:
            ModelError: `x` is no vector, or the activation does not suit the task.
        """
        from keras import initializers, layers, regularizers

        suitable = self.activation in ("auto", head.activation)
        if not suitable and (head.activation != "linear" or self.activation == "softmax"):
            raise ModelError(
                f"{place.path}.activation: {self.activation} does not suit the task, which needs {head.activation}",
                remedy="Leave it out, so that it follows from the task.",
            )
        return layers.Dense(
            head.units,
            activation=head.activation if self.activation == "auto" else self.activation,
            kernel_initializer=kernel_initializer(self.initializer, "linear"),
            bias_initializer="zeros" if head.bias is None else initializers.Constant(list(map(float, head.bias))),
            kernel_regularizer=regularizers.L1L2(l1=self.l1, l2=self.l2) if self.l1 or self.l2 else None,
            dtype="float32",
            name=place.name,
        )(flat(x, place))

    def resolved(self, activation: str) -> Self:
        """Return the output layer with every choice made.

        Args:
            activation: The activation that the task asks for.
        """
        chosen = activation if self.activation == "auto" else self.activation
        update = {"activation": chosen, "initializer": kernel_initializer(self.initializer, "linear")}
        return self.model_copy(update=update)


_FEW_BLOCKS = 3
"""Layers up to which each one's normalization and penalty are searched; beyond, only the first of them."""


class Network(ModelSettings):
    """A neural network: layers one behind the other, and an output layer that follows from the task."""

    kind: Literal["network"] = "network"
    phrase: ClassVar[str] = "network"
    learner: ClassVar[Literal["network"]] = "network"
    has_epochs: ClassVar[bool] = True
    has_parameters: ClassVar[bool] = True

    layers: Items[Layer] = ()
    """The hidden layers, from the input on; none makes a linear model."""

    output: Output = Output()
    """The output layer."""

    def work(self, input_shape: tuple[int, ...], num_outputs: int) -> int:
        """Estimate the multiply-adds of one row's forward pass; see `Flow`.

        Args:
            input_shape: Shape of one row.
            num_outputs: Units of the output layer.
        """
        flow = Flow(tuple(input_shape))
        for layer in self.layers:
            flow = layer.pass_on(flow)
        return flow.multiply_adds + prod(flow.shape) * num_outputs

    def default_space(self) -> Space:
        """Return what its layers are searched by, and how often a `repeat` builds its own."""
        placed = [one for index, layer in enumerate(self.layers) for one in layer.placed(f"model.layers.{index}")]
        blocks = [(path, layer) for path, layer in placed if layer.has_kernel]
        space: Space = {}
        for number, (path, layer) in enumerate(blocks):
            space |= layer.default_space(path, whole=len(blocks) <= _FEW_BLOCKS or number == 0)
        for path, layer in placed:
            space |= {} if layer.has_kernel else layer.default_space(path, whole=True)
        return space

    def build(self, form: InputForm, output: OutputHead) -> "keras.Model":
        """Build the Keras model, with fresh weights drawn from Keras' global seed.

        The names of its layers follow from their places, so that two builds give the same names.

        Args:
            form: What the inputs look like, which are one array.
            output: The output layer that the task asks for.

        Raises:
            ModelError: A layer does not fit its input; the message begins with its path.
        """
        import keras

        array, scale = form.only, form.layout.scale
        inputs = x = keras.Input(array.shape, dtype=array.dtype, name="input")
        if array.dtype == "uint8":
            x = keras.layers.Rescaling(1.0 if scale is None else scale, name="input_rescaling")(x)
        x = apply_layers(self.layers, x, Place("model", "", array.shape, form.num_tokens))
        x = self.output.apply(x, output, Place("model.output", "output", array.shape, form.num_tokens))
        return keras.Model(inputs, x, name="network")

    @property
    def num_tokens(self) -> int | None:
        return next((layer.num_tokens for layer in self.layers if layer.num_tokens is not None), None)

    def resolved(self, task: Task, *, positive_for: str | None = None) -> Self:
        layers = tuple(layer.resolved() for layer in self.layers)
        activation = OutputHead.of(task, 1).activation if positive_for is None else self._positive(positive_for)
        return self.model_copy(update={"layers": layers, "output": self.output.resolved(activation)})

    def _positive(self, loss: str) -> str:
        """Return the activation whose outputs a loss takes that is undefined below 0, as a rate of counts is above."""
        written = self.output.activation
        if written in ("linear", "tanh"):
            message = f"{written} gives outputs below 0, of which the loss {loss!r} is undefined"
            raise ConfigError([Problem("", "model.output.activation", message, "Leave it out for softplus.")])
        return "softplus"

    def workload(self, facts: DatasetFacts) -> Workload:
        return Workload(
            self.work(facts.input_shape, facts.num_outputs),
            convolves=any(layer.convolves for layer in self.layers),
            draws=any(layer.draws for layer in self.layers),
        )
