"""Rules: what training chooses where the config says `auto`.

The figures were measured on small machines (2 cores, 2026): one thread is up to twice as fast as two for small dense
networks; XLA makes a dense step about a fifth to a half cheaper but takes most of a second to compile, is slower than
plain graphs with dropout's random numbers, and about ten times slower with (separable) convolutions.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from dlrun.training.training import Precision

THREADED_WORK = 4_000_000
"""Multiply-adds of one forward batch from which more than one thread pays."""

JIT_STEPS = 2_000
"""Steps of a whole run from which XLA's compile time pays."""

SLICE_WORK = 10_000_000_000
"""Multiply-adds of the forward passes of one slice: about a second's training on one core."""

MOST_SLICE_STEPS = 5_000
"""Steps of a slice at most, however small the network: small steps cost tens of microseconds each."""

RESIDENT_SHARE = 0.25
"""Share of the host's memory that the inputs may take to be kept resident on a CPU."""


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
