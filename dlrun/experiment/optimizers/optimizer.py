"""OptimizerSettings: what all optimizers have in common."""

from abc import ABC
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import Settings
from dlrun.errors import ModelError
from dlrun.experiment.optimizers.schedules import Constant, Schedule

if TYPE_CHECKING:
    import keras


class OptimizerSettings(Settings, ABC):
    """Base of every optimizer; names and defaults are Keras' own."""

    kind: str

    keras_name: ClassVar[str]
    """Name of the class in `keras.optimizers`."""

    learning_rate: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    """Size of the steps; the schedule changes it while training."""

    schedule: Schedule = Constant()
    """How the learning rate changes while training."""

    weight_decay: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Share of each weight to take off at every step, times the learning rate; null takes off nothing."""

    clipnorm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Largest norm of the gradient of each weight array."""

    clipvalue: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Largest absolute value of each gradient."""

    global_clipnorm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Largest norm of all gradients together."""

    use_ema: bool = False
    """Whether to keep an exponential moving average of the weights, which replaces them at the end."""

    ema_momentum: float = Field(default=0.99, ge=0, le=1)
    """Share of the average that a step leaves as it was."""

    ema_overwrite_frequency: int | None = Field(default=None, ge=1)
    """Steps after which the average replaces the weights; null does so only at the end."""

    gradient_accumulation_steps: int | None = Field(default=None, ge=2)
    """Batches whose gradients are averaged for one step; null takes a step for every batch."""

    @model_validator(mode="after")
    def _one_clipping(self) -> Self:
        given = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, name) is not None]
        if len(given) > 1:
            raise PydanticCustomError(
                "several_clippings", "only one way of clipping may be set, found {given}", {"given": ", ".join(given)}
            )
        return self

    def build(self) -> "keras.optimizers.Optimizer":
        """Build the Keras optimizer, at the base learning rate; its variables are named after its kind.

        Raises:
            ModelError: The installed Keras does not have it yet, or not with these settings.
        """
        import keras

        optimizer = getattr(keras.optimizers, self.keras_name, None)
        if optimizer is None:
            raise ModelError(
                f"optimizer.kind: Keras {keras.__version__} does not have {self.keras_name} yet",
                remedy="Install a newer one with `pip install --upgrade keras`, or choose another optimizer.",
            )
        try:
            return optimizer(**self._arguments(), name=self.kind)
        except (TypeError, ValueError) as error:
            raise ModelError(
                f"optimizer: Keras {keras.__version__} refuses these settings of {self.keras_name}: {error}",
                remedy="Install a newer Keras with `pip install --upgrade keras`, or choose another optimizer.",
            ) from error

    def _arguments(self) -> dict[str, Any]:
        return self.model_dump(exclude={"kind", "schedule"})
