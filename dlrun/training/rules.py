"""Rules: what training chooses where the config says `auto`.

The figures were measured on small machines (2 cores, 2026): one thread is up to twice as fast as two for small dense
networks; XLA makes a dense step about a fifth to a half cheaper but takes most of a second to compile, is slower than
plain graphs with dropout's random numbers, and about ten times slower with (separable) convolutions.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from dlrun.training.training import Precision

THREADED_WORK = 4_000_000
"""Multiply-adds of one forward batch from which more than one thread pays."""

JIT_STEPS = 2_000
"""Steps of a whole run from which XLA's compile time pays."""

SLICE_WORK = 4_000_000_000
"""Multiply-adds of the forward passes of one slice: about a second's training on one core."""

MOST_SLICE_STEPS = 5_000
"""Steps of a slice at most, however small the network: small steps cost tens of microseconds each."""

RESIDENT_SHARE = 0.25
"""Share of the host's memory that the inputs may take to be kept resident on a CPU."""

_CONVOLUTIONS = frozenset({"conv1d", "conv2d", "separable_conv1d", "separable_conv2d", "depthwise_conv2d"})
_RANDOM = frozenset({"dropout", "spatial_dropout"})


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
    """Estimate the multiply-adds of one row's forward pass without building the network.

    Args:
        layers: The hidden layers.
        input_shape: Shape of one row.
        num_outputs: Units of the output layer.
    """
    features, positions, total = math.prod(input_shape), math.prod(input_shape[:2]) or 1, 0
    channels = input_shape[-1] if len(input_shape) > 2 else 1
    for layer in flattened(layers):
        if layer.kind == "dense":
            total += features * layer.units
            features = layer.units
        elif layer.kind in _CONVOLUTIONS:
            filters = getattr(layer, "filters", channels)
            total += positions * 9 * channels * filters
            channels = features = filters
    return total + features * num_outputs


def threads(batch_work: int, *, convolutional: bool, cores: int) -> int:
    """Choose the threads of a single operation."""
    return cores if convolutional or batch_work >= THREADED_WORK else 1


def jit(*, device: Literal["cpu", "gpu"], convolutional: bool, random: bool, num_steps: int) -> bool:
    """Choose whether XLA compiles the training loop."""
    if device == "gpu":
        return not random and num_steps >= JIT_STEPS
    return not convolutional and not random and num_steps >= JIT_STEPS


def slice_steps(batch_work: int) -> int:
    """Choose the most steps between two signs of progress."""
    return max(1, min(MOST_SLICE_STEPS, SLICE_WORK // max(batch_work, 1)))


def precision(*, device: Literal["cpu", "gpu"], convolutional: bool) -> Precision:
    """Choose the number format: bfloat16 where a CPU has matrix units for it and the network convolves."""
    return "mixed_bfloat16" if device == "cpu" and convolutional and _has_amx() else "float32"


def engine(num_bytes: int) -> Literal["resident", "streaming"]:
    """Choose the engine by the size of the inputs."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return "resident" if num_bytes <= RESIDENT_SHARE * memory else "streaming"


def _has_amx() -> bool:
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
