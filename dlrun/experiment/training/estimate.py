"""How much a network will compute, estimated from its settings alone, before Keras is imported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

_CONVOLUTIONS = frozenset({"conv1d", "conv2d", "separable_conv1d", "separable_conv2d", "depthwise_conv2d"})
_RANDOM = frozenset({"dropout", "spatial_dropout", "alpha_dropout"})


def flattened(layers: Iterable[Any]) -> Iterator[Any]:
    """Yield every layer of a list of layers, those inside of `repeat` and `residual` as often as they are built."""
    for layer in layers:
        inner = getattr(layer, "layers", None)
        if inner is None:
            yield layer
            continue
        for _ in range(getattr(layer, "times", 1)):
            yield from flattened(inner)


def convolves(layers: Iterable[Any]) -> bool:
    """Return whether any layer is a convolution."""
    return any(layer.kind in _CONVOLUTIONS for layer in flattened(layers))


def draws(layers: Iterable[Any]) -> bool:
    """Return whether any layer draws random numbers while training."""
    return any(layer.kind in _RANDOM or getattr(layer, "dropout", 0) for layer in flattened(layers))


def work(layers: Iterable[Any], input_shape: tuple[int, ...], num_outputs: int) -> int:
    """Estimate the multiply-adds of one row's forward pass.

    Windows are taken to be padded, and projections of residual layers left out: this is for choosing threads and
    slices; `dlrun check --model` counts exactly.

    Args:
        layers: The hidden layers.
        input_shape: Shape of one row.
        num_outputs: Units of the output layer.
    """
    passed = _Passed(tuple(input_shape[:-1]), input_shape[-1] if input_shape else 1, 0)
    for layer in flattened(layers):
        passed = passed.through(layer)
    return passed.total + passed.size * num_outputs


@dataclass(frozen=True)
class _Passed:
    """What came out of the layers so far: a grid of positions with channels, and the multiply-adds it took."""

    positions: tuple[int, ...]
    channels: int
    total: int

    @property
    def size(self) -> int:
        return math.prod(self.positions) * self.channels

    def through(self, layer: Any) -> _Passed:
        kind: str = layer.kind
        if kind == "dense":
            return _Passed((), layer.units, self.total + self.size * layer.units)
        if kind in _CONVOLUTIONS:
            return self._convolved(layer)
        if kind == "embedding":
            return _Passed((*self.positions, self.channels), layer.output_dim, self.total)
        if kind == "flatten":
            return _Passed((), self.size, self.total)
        if kind.startswith("global_"):
            return replace(self, positions=())
        if "pooling" in kind:
            return replace(self, positions=_divided(self.positions, layer.strides or layer.pool_size))
        return self

    def _convolved(self, layer: Any) -> _Passed:
        grid, channels = self.positions, self.channels
        num_axes = 1 if layer.kind.endswith("1d") else 2
        if len(grid) < num_axes:  # a layer that adds the missing axis of the channels
            grid, channels = (*grid, channels), 1
        grid = _divided(grid, layer.strides)
        window = math.prod(_each(layer.kernel_size, num_axes))
        filters = getattr(layer, "filters", channels * getattr(layer, "depth_multiplier", 1))
        if layer.kind.startswith("conv"):
            each = window * channels * filters
        else:
            each = window * channels + (channels * filters if layer.kind.startswith("separable") else 0)
        return _Passed(grid, filters, self.total + math.prod(grid) * each)


def _divided(positions: tuple[int, ...], steps: int | tuple[int, ...]) -> tuple[int, ...]:
    each = _each(steps, len(positions))
    return tuple(max(1, -(-size // step)) for size, step in zip(positions, each, strict=False))


def _each(value: int | tuple[int, ...], num_axes: int) -> tuple[int, ...]:
    return (value,) * num_axes if isinstance(value, int) else value
