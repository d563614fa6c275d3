"""Other optimizers with a rate for each weight."""

from typing import ClassVar, Literal

from pydantic import Field

from dlrun.experiment.optimizers.optimizer import OptimizerSettings


class RMSprop(OptimizerSettings):
    """Gradient scaled by a running mean of its square (Tieleman and Hinton 2012)."""

    kind: Literal["rmsprop"] = "rmsprop"
    keras_name: ClassVar[str] = "RMSprop"

    rho: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the mean of the squared gradients."""

    momentum: float = Field(default=0.0, ge=0, le=1)
    """Share of the last step that is added to the next."""

    epsilon: float = Field(default=1e-7, gt=0)
    """Added to the denominator, against division by zero."""

    centered: bool = False
    """Whether to scale by the variance of the gradient instead of its square."""


class Adagrad(OptimizerSettings):
    """Gradient scaled by the sum of all its squares (Duchi et al. 2011)."""

    kind: Literal["adagrad"] = "adagrad"
    keras_name: ClassVar[str] = "Adagrad"

    initial_accumulator_value: float = Field(default=0.1, ge=0)
    """Start of the sum."""

    epsilon: float = Field(default=1e-7, gt=0)
    """Added to the denominator, against division by zero."""


class Adadelta(OptimizerSettings):
    """Adagrad with running means in place of sums (Zeiler 2012); the paper's own rate is 1.0."""

    kind: Literal["adadelta"] = "adadelta"
    keras_name: ClassVar[str] = "Adadelta"

    rho: float = Field(default=0.95, ge=0, lt=1)
    """Decay of the means."""

    epsilon: float = Field(default=1e-7, gt=0)
    """Added to the denominator, against division by zero."""


class Adafactor(OptimizerSettings):
    """Adam that keeps sums of rows and columns alone, to save memory (Shazeer and Stern 2018)."""

    kind: Literal["adafactor"] = "adafactor"
    keras_name: ClassVar[str] = "Adafactor"

    beta_2_decay: float = Field(default=-0.8, le=0)
    """Exponent of the step number in the decay of the mean of the squared gradients."""

    epsilon_1: float = Field(default=1e-30, gt=0)
    """Added to the squared gradient, against division by zero."""

    epsilon_2: float = Field(default=1e-3, gt=0)
    """Smallest size of weights that steps are measured by."""

    clip_threshold: float = Field(default=1.0, gt=0)
    """Largest root mean square of a step."""

    relative_step: bool = True
    """Whether the rate is at most 1/sqrt(step number)."""


class Ftrl(OptimizerSettings):
    """Follow the regularized leader, for shallow models of many sparse features (McMahan et al. 2013)."""

    kind: Literal["ftrl"] = "ftrl"
    keras_name: ClassVar[str] = "Ftrl"

    learning_rate_power: float = Field(default=-0.5, le=0)
    """Exponent by which the rate falls; 0 keeps it."""

    initial_accumulator_value: float = Field(default=0.1, ge=0)
    """Start of the sum of squared gradients."""

    l1_regularization_strength: float = Field(default=0.0, ge=0)
    """Factor of the absolute weights."""

    l2_regularization_strength: float = Field(default=0.0, ge=0)
    """Factor of the squared weights, for stability."""

    l2_shrinkage_regularization_strength: float = Field(default=0.0, ge=0)
    """Factor of the squared weights, as a penalty."""

    beta: float = Field(default=0.0, ge=0)
    """The paper's beta, added to the denominator."""
