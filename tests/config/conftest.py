"""A small experiment that has every form a setting can have, for tests that must not depend on what dlrun offers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import Auto, ByKind, ByName, Items, Settings, Switch, as_tuple
from dlrun.experiment.tuner.check import Searched
from dlrun.experiment.tuner.tuners import Tuner

Activation = Literal["linear", "relu", "elu", "selu", "tanh", "sigmoid", "softplus"]
Metric = Literal[tuple(f"metric_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
Size = Annotated[tuple[int, int], BeforeValidator(as_tuple)]


class BatchNorm(Settings):
    """Normalize over the batch."""

    momentum: float = Field(0.99, gt=0, lt=1)
    """Share of the past."""

    position: Literal["before", "after"] = "after"
    """Side of the activation."""


class Dense(Settings):
    """Fully connected layer."""

    kind: Literal["dense"] = "dense"
    main: ClassVar[str | None] = "units"

    units: int = Field(ge=1)
    """Number of outputs."""

    activation: Activation = "linear"
    """Function of the outputs."""

    batch_norm: Switch[BatchNorm] = None
    """Whether to normalize."""

    dropout: float | None = Field(None, ge=0, lt=1)
    """Share of outputs to zero."""


class Flatten(Settings):
    """Turn every axis into one."""

    kind: Literal["flatten"] = "flatten"


class Conv(Settings):
    """Convolution."""

    kind: Literal["conv"] = "conv"
    main: ClassVar[str | None] = "filters"

    filters: int = Field(ge=1)
    """Number of channels."""

    kernel_size: int | Size = 3
    """Window; two numbers or one for both."""

    strides: int = Field(1, ge=1)
    """Steps."""

    dilation: int = Field(1, ge=1)
    """Gaps."""

    @model_validator(mode="after")
    def _one_of(self) -> Conv:
        if self.strides > 1 and self.dilation > 1:
            raise PydanticCustomError("strides_and_dilation", "only one of strides and dilation may be more than 1")
        return self


class Repeat(Settings):
    """Layers several times over."""

    kind: Literal["repeat"] = "repeat"

    times: int = Field(2, ge=1)
    """How often."""

    layers: Items[Layer]
    """What is repeated."""


Layer = Annotated[Dense | Flatten | Conv | Repeat, Field(discriminator="kind"), ByName("layer")]
Repeat.model_rebuild()


class Network(Settings):
    """A stack of layers."""

    kind: Literal["network"] = "network"

    layers: Items[Layer]
    """The layers, input to output."""


class Linear(Settings):
    """A linear model."""

    kind: Literal["linear"] = "linear"

    l2: float = Field(1.0, ge=0)
    """Strength of the penalty."""


class Iris(Settings):
    """Flowers."""

    kind: Literal["iris"] = "iris"


class Csv(Settings):
    """A file of comma-separated values."""

    kind: Literal["csv"] = "csv"

    path: str
    """The file."""

    target: str | Items[str]
    """Column or columns to predict."""

    drop: Items[str] = ()
    """Columns to leave out."""


class Sgd(Settings):
    """Plain descent."""

    kind: Literal["sgd"] = "sgd"

    learning_rate: float = Field(0.01, gt=0)
    """Length of a step."""

    momentum: float = Field(0.0, ge=0, lt=1)
    """Share of the last step."""


class Adam(Settings):
    """Adaptive moments."""

    kind: Literal["adam"] = "adam"

    learning_rate: float = Field(0.001, gt=0)
    """Length of a step."""

    beta_1: float = Field(0.9, ge=0, lt=1)
    """Decay of the first moment."""


Model = Annotated[Network | Linear, Field(discriminator="kind"), ByKind()]
Dataset = Annotated[Iris | Csv, Field(discriminator="kind"), ByKind()]
Optimizer = Annotated[Sgd | Adam, Field(discriminator="kind"), ByKind()]


class EarlyStopping(Settings):
    """Stop in time."""

    monitor: str = "val_loss"
    """Value to watch."""

    patience: int = Field(5, ge=0)
    """Epochs to wait."""


class Training(Settings):
    """How to fit."""

    epochs: int = Field(20, ge=1)
    """Passes over the rows."""

    batch_size: int | Auto = Field("auto", union_mode="left_to_right")
    """Rows a step."""

    threads: Annotated[int, Field(ge=1)] | Auto = "auto"
    """Threads to use."""

    shuffle: bool = True
    """Whether the order changes."""

    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """Weight of every class."""

    early_stopping: Switch[EarlyStopping] = None
    """When to stop."""

    metrics: Items[Metric] | Auto = "auto"
    """What to measure."""


class SmallExperiment(Searched):
    """A small experiment."""

    name: str = Field("experiment", pattern=r"^[a-z][a-z0-9-]*$")
    """Name of the run."""

    seed: int = Field(42, ge=0)
    """Where randomness comes from."""

    dataset: Dataset
    """The rows."""

    model: Model
    """What is fitted."""

    optimizer: Optimizer = Sgd(learning_rate=0.5)
    """How weights move."""

    training: Training = Training()
    """How it is fitted."""

    tuner: Tuner | None = None
    """What is searched."""


@pytest.fixture(scope="session")
def small() -> type[Settings]:
    """The class of a small experiment."""
    return SmallExperiment
