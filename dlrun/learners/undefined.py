"""Undefined: losses and watched values that are no numbers end a fit."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dlrun.errors import Diverged, RunFailed
from dlrun.experiment.training.training import Training
from dlrun.learners.best_epoch import BestEpoch


def refuse_divergence(values: Mapping[str, float], epoch: int, training: Training) -> None:
    """Refuse losses that are NaN or infinite.

    Args:
        values: Losses and metrics of an epoch or a part of one.
        epoch: Its number, from 0.
        training: How the model is fitted.

    Raises:
        Diverged: One is.
    """
    for name in ("loss", "val_loss"):
        value = values.get(name, 0.0)
        if not math.isfinite(value):
            raise Diverged(
                f"{name} became {value} in epoch {epoch + 1}: training diverged",
                remedy="Try a learning rate ten times smaller, optimizer.clipnorm=1.0, or a larger batch than "
                f"{training.batch_size}; look for extreme values in the data.",
            )


def refuse_undefined(watch: BestEpoch) -> None:
    """Refuse a fit of which nobody can say which epoch was best.

    Raises:
        RunFailed: What is watched was undefined in every epoch.
    """
    if watch.value is not None and math.isnan(watch.value):
        raise RunFailed(
            f"{watch.monitor} is undefined in every epoch, so that none of them is best",
            remedy="Watch val_loss, or give the validation part rows of every class.",
        )


def or_none(value: float | None) -> float | None:
    """Return a value that JSON can hold: None for one that is undefined."""
    return None if value is None or math.isnan(value) else value
