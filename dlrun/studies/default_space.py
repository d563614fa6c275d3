"""A search space for a config that names none, made of its own model and optimizer.

What it searches is what Bergstra and Bengio (2012) and the defaults of the common tuners search: the learning rate
above all, then width, dropout, penalty, batch normalization, batch size, and depth where the config has a `repeat`.
Every range lies around the value as written, so that trial 0 is a point of the space.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dlrun.experiment.experiment import Experiment
from dlrun.experiment.models.model_settings import Space

if TYPE_CHECKING:
    from dlrun.experiment.load import LoadedConfig

_LEAST_RATE, _MOST_RATE = 1e-5, 1.0
_WIDE = 64
"""Rows of a batch beside which 16 to 128 are tried; larger ones move the range."""


def default_space(experiment: Experiment) -> Space:
    """Return a space for an experiment, as a tuner's `space` is written.

    Args:
        experiment: As it was written, with its `auto`s.
    """
    space = experiment.model.default_space()
    if not experiment.model.has_epochs:
        return space
    rate, size = experiment.optimizer.learning_rate, experiment.training.batch_size
    return {"optimizer.learning_rate": _rate(rate), **space, "training.batch_size": _batch_size(size)}


def _rate(rate: float) -> dict[str, Any]:
    """Return a decade below the rate to one and a half above it, on round numbers."""
    low, high = max(rate / 10, _LEAST_RATE), min(rate * 30, _MOST_RATE)
    return {"loguniform": [_round(min(low, rate)), _round(max(high, rate))]}


def _round(number: float) -> float:
    """Return a number with one digit."""
    return float(f"{number:.0e}")


def _batch_size(size: int) -> dict[str, Any]:
    sizes = {16, 32, 64, 128} if size <= _WIDE else {size // 4, size // 2, size, size * 2}
    return {"choice": sorted(sizes | {size})}


def with_default_tuner(loaded: LoadedConfig) -> LoadedConfig:
    """Return a config with a tuner over `default_space`.

    Args:
        loaded: A config without a tuner.

    Raises:
        ConfigError: There is nothing to search.
    """
    from dlrun.config.load import validate

    data = {**loaded.data, "tuner": {"kind": "tpe", "space": default_space(loaded.experiment)}}
    return replace(loaded, data=data, experiment=validate(data, loaded.marks, Experiment))
