"""Training: how a learner is fitted."""

from typing import Annotated, Literal

from pydantic import Field

from dlrun.base.settings import Auto, Settings, Switch
from dlrun.experiment.training.losses import Loss

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


class EarlyStopping(Settings):
    """Stop when the monitored value has not improved for a while; the best epoch's weights are kept."""

    monitor: str = "auto"
    """Column of `history.csv` to watch, such as `val_loss` or `val_accuracy`; `auto` is `training.monitor`."""

    patience: int = Field(5, ge=0)
    """Epochs without improvement after which to stop."""

    min_delta: float = Field(0.0, ge=0)
    """Smallest change that counts as an improvement."""


class Training(Settings):
    """How a network is fitted; learners without epochs use only `class_weights`, `refit` and `threads`."""

    epochs: int = Field(20, ge=1)
    """Most passes over the training rows."""

    batch_size: int = Field(32, ge=1, lt=2**31)
    """Rows a gradient step sees; the last, smaller batch of an epoch is kept."""

    shuffle: bool = True
    """Whether each epoch visits the rows in a new order, made from seed, fold and epoch."""

    loss: Loss | Auto = "auto"
    """What training minimizes; `auto` is cross-entropy for classes and labels, mean squared error for numbers."""

    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(ge=0)]] | None = None
    """Weight of each class in the loss, by class name; `balanced` weighs inversely to the class's frequency."""

    early_stopping: Switch[EarlyStopping] = None
    """When to stop before the last epoch; `true` takes the defaults."""

    monitor: str | Auto = "auto"
    """Value that decides which epoch is best; `auto` is that of `early_stopping`, else the first score among the
    tuner's objectives, else `val_loss`."""

    refit: bool = False
    """Whether to retrain on training + validation rows, from the first fold's initial weights and for the best number
    of epochs, before the test is scored."""

    snapshots: bool = False
    """Whether to keep the network at the end of every cycle of a cosine schedule, as cheap members for
    `dlrun ensemble RUN --snapshots` (Huang et al. 2017, "Snapshot ensembles: train 1, get M for free")."""

    engine: Literal["resident", "streaming"] | Auto = "auto"
    """`resident` keeps the data in the device's memory, `streaming` reads batches from the host."""

    precision: Precision | Auto = "auto"
    """Number format of the network's arithmetic; weights stay float32."""

    device: Literal["cpu", "gpu"] | Auto = "auto"
    """Where to compute; `auto` is the GPU if TensorFlow finds one."""

    threads: Annotated[int, Field(ge=1, le=1024)] | Auto = "auto"
    """Threads of a single operation. `auto` is one for small models; else every core for networks and linear models,
    and for trees as many as have nothing else to do, which changes nothing of the result."""

    jit: bool | Auto = "auto"
    """Whether XLA compiles the training loop; `auto` is yes except for convolutions on a CPU."""

    slice_steps: Annotated[int, Field(ge=1)] | Auto = "auto"
    """Most steps between two signs of progress; `auto` is about a second's worth."""

    checkpoint_seconds: float = Field(5.0, ge=0, allow_inf_nan=False)
    """Least time between two checkpoints while training; there is always one at the end."""
