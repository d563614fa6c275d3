"""Devices: how many trials to run at a time, and on which GPUs."""

from __future__ import annotations

import os
from pathlib import Path

from dlrun.base.machine import usable_cpus
from dlrun.errors import UsageError

_DRIVER = Path("/proc/driver/nvidia/gpus")


def gpus(wanted: str) -> tuple[str, ...]:
    """Return the names of the GPUs that trials take in turn, as CUDA_VISIBLE_DEVICES writes them.

    Nothing that would start the GPU's driver is loaded: the process that asks must stay fit to be forked.

    Args:
        wanted: `auto` for all there are, `none`, or the number to use.

    Raises:
        UsageError: So many are not there, or it is no number.
    """
    there = _present()
    if wanted == "auto":
        return there
    if wanted == "none":
        return ()
    if not wanted.isascii() or not wanted.isdigit():
        raise UsageError(f"--gpus is '{wanted}': expected auto, none or a number")
    if int(wanted) > len(there):
        raise UsageError(f"--gpus asks for {wanted}, but {len(there)} can be seen", remedy="Use --gpus auto.")
    return there[: int(wanted)]


def _present() -> tuple[str, ...]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(name.strip() for name in visible.split(",") if name.strip() not in ("", "-1"))
    try:
        return tuple(str(number) for number in range(len(list(_DRIVER.iterdir()))))
    except OSError:
        return ()


def num_jobs(found: tuple[str, ...]) -> int:
    """Return how many trials run at a time unless told otherwise: one on each GPU, else one on each core."""
    return len(found) or usable_cpus()
