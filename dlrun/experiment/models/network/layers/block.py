"""Block: what a dense or convolution layer brings beside its kernel."""

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from dlrun.base.settings import Auto, Settings, Switch
from dlrun.experiment.models.model_settings import Space
from dlrun.experiment.models.network.layers.activation import ActivationName
from dlrun.experiment.models.network.layers.initializers import (
    KernelInitializer,
    WindowInitializer,
    kernel_initializer,
)
from dlrun.experiment.models.network.layers.layer import Place
from dlrun.experiment.models.network.layers.normalization import BlockBatchNorm

if TYPE_CHECKING:
    import keras


def widths(width: int) -> dict[str, Any]:
    """Return what a search tries of the width of a layer, around the one that is written."""
    return {"logint": [max(width // 4, 1), max(width * 4, 2)]}


class Block(Settings):
    """Activation, normalization, dropout and penalties around a kernel.

    The order is: kernel, batch normalization (`position: before`), activation, batch normalization
    (`position: after`), dropout.
    """

    has_kernel: ClassVar[bool] = True

    activation: ActivationName = "relu"
    """Activation function, as named in Keras; `linear` is none."""

    batch_norm: Switch[BlockBatchNorm] = None
    """Batch normalization; `true` takes its defaults."""

    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the outputs to zero while training."""

    l1: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Factor of the sum of the absolute kernel weights, added to the loss while training."""

    l2: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Factor of the sum of the squared kernel weights, added to the loss while training."""

    use_bias: bool | Auto = "auto"
    """Whether to add a bias; `auto` leaves it out where a batch normalization that shifts follows at once."""

    @property
    def kernel_activation(self) -> str:
        """Activation that the Keras layer of the kernel applies itself."""
        return "linear" if self._normalizes_first else self.activation

    @property
    def has_bias(self) -> bool:
        if self.use_bias != "auto":
            return self.use_bias
        return not (self._normalizes_first and self.batch_norm is not None and self.batch_norm.center)

    @property
    def _normalizes_first(self) -> bool:
        return self.batch_norm is not None and self.batch_norm.position == "before"

    @property
    def draws(self) -> bool:
        """Whether it draws random numbers while training."""
        return self.dropout > 0

    def default_space(self, path: str, *, whole: bool) -> Space:
        """Return what a search tries of the block; see `LayerSettings.default_space`."""
        if not whole:
            return {}
        space: Space = {}
        if self.batch_norm is None or not self.batch_norm.model_fields_set:
            space[f"{path}.batch_norm"] = {"choice": [False, True]}
        return space | {f"{path}.l2": {"loguniform": [1e-6, 1e-2]}}

    def regularizer(self) -> "keras.regularizers.Regularizer | None":
        """Return the penalty on a kernel, a fresh one for each; None if there is none."""
        from keras import regularizers

        return regularizers.L1L2(l1=self.l1, l2=self.l2) if self.l1 or self.l2 else None

    def around(self) -> dict[str, Any]:
        """Return what every Keras layer with a kernel takes beside it."""
        return {"activation": self.kernel_activation, "use_bias": self.has_bias}

    def finish(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        """Put what follows the kernel behind `x`."""
        from keras import layers

        if self.batch_norm is not None:
            x = self.batch_norm.normalize(x, place, place.part("batch_norm"))
        if self._normalizes_first and self.activation != "linear":
            x = layers.Activation(self.activation, name=place.part("activation"))(x)
        if self.dropout:
            x = layers.Dropout(self.dropout, name=place.part("dropout"))(x)
        return x


class KernelBlock(Block):
    """Block around one kernel."""

    initializer: KernelInitializer = "auto"
    """Start of the kernel: `auto` is Keras' glorot_uniform, and lecun_normal before selu; `keras` or a name."""

    @property
    def kernel_initializer(self) -> str:
        """Keras' name of the start of the kernel."""
        return kernel_initializer(self.initializer, self.activation)

    def around(self) -> dict[str, Any]:
        kernel = {"kernel_initializer": self.kernel_initializer, "kernel_regularizer": self.regularizer()}
        return super().around() | kernel

    def resolved(self) -> Self:
        return self.model_copy(update={"use_bias": self.has_bias, "initializer": self.kernel_initializer})


class WindowBlock(Block):
    """Block around a kernel that sees each channel alone."""

    initializer: WindowInitializer = "auto"
    """Start of the kernels: `auto` is `window`, with the window alone as fan-in; `keras` or a name."""

    def resolved(self) -> Self:
        initializer = "window" if self.initializer == "auto" else self.initializer
        return self.model_copy(update={"use_bias": self.has_bias, "initializer": initializer})
