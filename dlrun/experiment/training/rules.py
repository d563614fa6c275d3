"""Rules: what training chooses where the config says `auto`.

The figures were measured on small machines (2 cores, 2026): one thread is up to twice as fast as two for small dense
networks; XLA makes a dense step about a fifth to a half cheaper but takes most of a second to compile, is slower than
plain graphs with dropout's random numbers, and about ten times slower with (separable) convolutions.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from dlrun.experiment.training.training import Precision

THREADED_WORK = 4_000_000
"""Multiply-adds of one forward batch from which more than one thread pays."""

ESTIMATOR_THREADED_WORK = 20_000_000
"""Work of a fit, as estimators tell it, from which more than one thread pays: about a fifth of a second."""

JIT_COST = 0.5
"""Seconds that XLA takes to compile a training loop."""

JIT_SAVING = 40e-6
"""Seconds that XLA saves on every step of a dense network by not dispatching its operations one by one."""

JIT_SAVING_PER_WORK = 5e-12
"""Seconds that it saves besides for every multiply-add of the step's forward pass."""

SLICE_WORK = 10_000_000_000
"""Multiply-adds of the forward passes of one slice: about a second's training on one core."""

MOST_SLICE_STEPS = 5_000
"""Steps of a slice at most, however small the network: small steps cost tens of microseconds each."""

RESIDENT_SHARE = 0.25
"""Share of the host's memory that the inputs may take to be kept resident on a CPU."""


def threads(batch_work: int, *, convolutional: bool, cores: int) -> int:
    """Choose the threads of a single operation."""
    return cores if convolutional or batch_work >= THREADED_WORK else 1


def estimator_threads(work: int, *, same_bits: bool, cores: int, free: Callable[[], int]) -> int:
    """Choose the threads of an estimator: one for small fits, else as many as there are processors with nothing to do.

    Boosted trees with two threads took 20 times as long as with one beside two busy processes, for each step waits for
    all threads.

    Args:
        work: Work of a fit.
        same_bits: Whether the number changes no bit of the result; what happens to run beside must not either.
        cores: Processors that this process may use.
        free: Returns how many of them are free at present.
    """
    if work < ESTIMATOR_THREADED_WORK or cores == 1:
        return 1
    return min(cores, free()) if same_bits else cores


def jit(batch_work: int, *, device: Literal["cpu", "gpu"], convolutional: bool, random: bool, num_steps: int) -> bool:
    """Choose whether XLA compiles the training loop: where it helps at all, and saves more than it costs.

    Args:
        batch_work: Multiply-adds of one forward batch.
        device: Where the training takes place.
        convolutional: Whether any layer is a convolution.
        random: Whether any layer draws random numbers.
        num_steps: Steps of the whole run.
    """
    if random or (convolutional and device == "cpu"):
        return False
    return num_steps * (JIT_SAVING + JIT_SAVING_PER_WORK * batch_work) >= JIT_COST


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
