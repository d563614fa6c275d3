"""Adam and its kin: a rate for each weight, from running means of the gradient and its square."""

from typing import ClassVar, Literal

from pydantic import Field

from dlrun.experiment.optimizers.optimizer import OptimizerSettings


class Moments(OptimizerSettings):
    """Base of optimizers that keep running means of the gradient and of its square."""

    beta_1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the mean of the gradients."""

    beta_2: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the mean of the squared gradients."""

    epsilon: float = Field(default=1e-7, gt=0)
    """Added to the denominator, against division by zero."""


class Adam(Moments):
    """Steps along the mean gradient, scaled by the mean of its square (Kingma and Ba 2014)."""

    kind: Literal["adam"] = "adam"
    keras_name: ClassVar[str] = "Adam"

    amsgrad: bool = False
    """Whether the scale may only grow (Reddi et al. 2018)."""


class AdamW(Moments):
    """Adam with weight decay of its own (Loshchilov and Hutter 2017)."""

    kind: Literal["adamw"] = "adamw"
    keras_name: ClassVar[str] = "AdamW"

    weight_decay: float = Field(default=0.004, ge=0, allow_inf_nan=False)
    """Share of each weight to take off at every step, times the learning rate."""

    amsgrad: bool = False
    """Whether the scale may only grow (Reddi et al. 2018)."""


class Adamax(Moments):
    """Adam scaled by the largest recent gradient (Kingma and Ba 2014)."""

    kind: Literal["adamax"] = "adamax"
    keras_name: ClassVar[str] = "Adamax"


class Nadam(Moments):
    """Adam with Nesterov momentum (Dozat 2016)."""

    kind: Literal["nadam"] = "nadam"
    keras_name: ClassVar[str] = "Nadam"


class Lamb(Moments):
    """Adam with steps in proportion to each layer's weights, for large batches (You et al. 2019)."""

    kind: Literal["lamb"] = "lamb"
    keras_name: ClassVar[str] = "Lamb"


class ScheduleFreeAdamW(Moments):
    """AdamW that averages its weights instead of lowering its rate (Defazio et al. 2024)."""

    kind: Literal["schedule_free_adamw"] = "schedule_free_adamw"
    keras_name: ClassVar[str] = "ScheduleFreeAdamW"

    learning_rate: float = Field(default=0.0025, gt=0, allow_inf_nan=False)
    """Size of the steps; the schedule changes it while training."""

    beta_1: float = Field(default=0.9, gt=0, lt=1)
    """Share of the average in the point where gradients are taken."""

    epsilon: float = Field(default=1e-8, gt=0)
    """Added to the denominator, against division by zero."""

    warmup_steps: int = Field(default=0, ge=0)
    """Steps over which the rate rises from nothing."""
