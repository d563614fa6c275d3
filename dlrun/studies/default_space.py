"""A search space for a config that names none, made of its own model and optimizer.

What it searches is what Bergstra and Bengio (2012) and the defaults of the common tuners search: the learning rate
above all, then width, dropout, penalty, batch normalization, batch size, and depth where the config has a `repeat`.
Every range lies around the value as written, so that trial 0 is a point of the space.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dlrun.base.settings import kind_of
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.models.network.layers.block import Block
from dlrun.experiment.models.network.layers.layer import LayerSettings
from dlrun.experiment.models.network.layers.structure import Repeat, Residual
from dlrun.experiment.models.network.network import Network

if TYPE_CHECKING:
    from dlrun.experiment.load import LoadedConfig

Space = dict[str, dict[str, Any]]

_LEAST_RATE, _MOST_RATE = 1e-5, 1.0
_WIDE = 64
"""Rows of a batch beside which 16 to 128 are tried; larger ones move the range."""
_MOST_DROPOUT = 0.6
_FEW_BLOCKS = 3
"""Layers up to which each one's normalization and penalty are searched; beyond, only the first of them."""

_ESTIMATOR_SPACES: dict[str, Space] = {
    "linear": {"model.l2": {"loguniform": [1e-4, 1e3]}},
    "random_forest": {
        "model.num_trees": {"logint": [50, 500]},
        "model.min_samples_leaf": {"logint": [1, 20]},
        "model.max_features": {"uniform": [0.1, 1.0]},
        "model.max_depth": {"choice": [None, 4, 8, 16]},
    },
    "gradient_boosting": {
        "model.num_iterations": {"logint": [30, 500]},
        "model.learning_rate": {"loguniform": [0.01, 0.5]},
        "model.max_leaf_nodes": {"logint": [4, 128]},
        "model.min_samples_leaf": {"logint": [1, 100]},
        "model.l2": {"loguniform": [1e-6, 10.0]},
        "model.max_features": {"uniform": [0.3, 1.0]},
    },
}


def default_space(experiment: Experiment) -> Space:
    """Return a space for an experiment, as a tuner's `space` is written.

    Args:
        experiment: As it was written, with its `auto`s.
    """
    model = experiment.model
    if not isinstance(model, Network):
        return dict(_ESTIMATOR_SPACES[model.kind])
    space: Space = {"optimizer.learning_rate": _rate(experiment.optimizer.learning_rate)}
    blocks = list(_blocks(model.layers, "model.layers"))
    for number, (path, layer) in enumerate(blocks):
        space |= _block_space(path, layer, whole=len(blocks) <= _FEW_BLOCKS or number == 0)
    for path, repeat in _repeats(model.layers, "model.layers"):
        space[f"{path}.times"] = {"int": [min(1, repeat.times), max(2 * repeat.times, 2)]}
    space["training.batch_size"] = _batch_size(experiment.training.batch_size)
    return space


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


def _block_space(path: str, layer: Block, *, whole: bool) -> Space:
    space: Space = {}
    for setting in ("units", "filters"):
        width = getattr(layer, setting, None)
        if isinstance(width, int):
            space[f"{path}.{setting}"] = {"logint": [max(width // 4, 1), max(width * 4, 2)]}
    if hasattr(layer, "units"):
        space[f"{path}.dropout"] = {"uniform": [0.0, max(_MOST_DROPOUT, layer.dropout)]}
    if whole and (layer.batch_norm is None or layer.batch_norm.model_fields_set <= {"kind"}):
        space[f"{path}.batch_norm"] = {"choice": [False, True]}
    if whole:
        space[f"{path}.l2"] = {"loguniform": [1e-6, 1e-2]}
    return space


def _blocks(layers: Sequence[LayerSettings], path: str) -> Iterator[tuple[str, Block]]:
    """Yield every layer with a width, and its path."""
    for index, layer in enumerate(layers):
        here = f"{path}.{index}.{kind_of(type(layer))}"
        if isinstance(layer, Repeat | Residual):
            yield from _blocks(layer.layers, f"{here}.layers")
        else:
            block: object = layer  # layers with a kernel are both; a checker cannot know that
            if isinstance(block, Block):
                yield here, block


def _repeats(layers: Sequence[LayerSettings], path: str) -> Iterator[tuple[str, Repeat]]:
    for index, layer in enumerate(layers):
        here = f"{path}.{index}.{kind_of(type(layer))}"
        if isinstance(layer, Repeat):
            yield here, layer
        if isinstance(layer, Repeat | Residual):
            yield from _repeats(layer.layers, f"{here}.layers")


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
