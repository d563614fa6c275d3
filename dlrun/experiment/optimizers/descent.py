"""Gradient descent with one rate for all weights, and Lion and Muon, which step by sign or by direction."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from dlrun.base.settings import Names
from dlrun.experiment.optimizers.optimizer import OptimizerSettings


class SGD(OptimizerSettings):
    """Gradient descent, with momentum if wanted (Polyak 1964, Nesterov 1983)."""

    kind: Literal["sgd"] = "sgd"
    keras_name: ClassVar[str] = "SGD"

    learning_rate: float = Field(default=0.01, gt=0, allow_inf_nan=False)
    """Size of the steps; the schedule changes it while training."""

    momentum: float = Field(default=0.0, ge=0, le=1)
    """Share of the last step that is added to the next."""

    nesterov: bool = False
    """Whether to take the gradient where the momentum leads."""


class Lion(OptimizerSettings):
    """Steps of one size along the sign of the momentum (Chen et al. 2023)."""

    kind: Literal["lion"] = "lion"
    keras_name: ClassVar[str] = "Lion"

    beta_1: float = Field(default=0.9, gt=0, lt=1)
    """Share of the momentum in the direction of a step."""

    beta_2: float = Field(default=0.99, ge=0, lt=1)
    """Share of the momentum that a step leaves as it was."""


class Muon(OptimizerSettings):
    """Orthogonalized momentum for weight matrices, AdamW for other weights (Jordan et al. 2024, Liu et al. 2025)."""

    kind: Literal["muon"] = "muon"
    keras_name: ClassVar[str] = "Muon"

    weight_decay: float | None = Field(default=0.004, ge=0, allow_inf_nan=False)
    """Share of each weight to take off at every step, times the learning rate; null takes off nothing."""

    momentum: float = Field(default=0.95, ge=0, lt=1)
    """Share of the last step that is added to the next."""

    nesterov: bool = True
    """Whether to take the gradient where the momentum leads."""

    ns_steps: int = Field(default=5, ge=1, le=100)
    """Newton-Schulz iterations of the orthogonalization."""

    muon_a: float = 3.4445
    """First coefficient of the Newton-Schulz iteration."""

    muon_b: float = -4.775
    """Second coefficient of the Newton-Schulz iteration."""

    muon_c: float = 2.0315
    """Third coefficient of the Newton-Schulz iteration."""

    rms_rate: float | None = Field(default=0.2, gt=0)
    """Root mean square that steps are scaled to, as Adam's have it; null leaves them."""

    exclude_layers: Names[str] = ()
    """Patterns of layer names whose weights AdamW moves; Keras advises `[output]`."""

    exclude_embeddings: bool = True
    """Whether AdamW moves the weights of embeddings."""

    adam_lr_ratio: float = Field(default=1.0, gt=0)
    """Learning rate of AdamW as a multiple of Muon's."""

    adam_beta_1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of AdamW's mean of the gradients."""

    adam_beta_2: float = Field(default=0.999, ge=0, lt=1)
    """Decay of AdamW's mean of the squared gradients."""

    adam_weight_decay: float | None = Field(default=0.004, ge=0)
    """Weight decay of AdamW."""

    epsilon: float = Field(default=1e-7, gt=0)
    """Added to AdamW's denominator, against division by zero."""

    def _arguments(self) -> dict[str, Any]:
        return {**super()._arguments(), "exclude_layers": list(self.exclude_layers)}
