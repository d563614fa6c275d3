"""The machine: its processors and memory, its graphics cards, and how much of it is free."""

from __future__ import annotations

import math
import os
import platform
import time
from pathlib import Path
from typing import Any

_LOOKS, _BETWEEN_LOOKS = 10, 0.005


def hardware() -> dict[str, Any]:
    """Describe the machine: `cpu`, `num_cpus`, `usable_cpus`, `memory_bytes`, and the names of NVIDIA cards, `gpus`."""
    return {
        "cpu": _cpu_name(),
        "num_cpus": os.cpu_count(),
        "usable_cpus": usable_cpus(),
        "memory_bytes": _memory_bytes(),
        "gpus": _gpu_names(),
    }


def usable_cpus() -> int:
    """Return how many processors this process may use, by its affinity and by the quota of its container."""
    affinity = getattr(os, "sched_getaffinity", None)
    found = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _quota(_lines(Path("/sys/fs/cgroup/cpu.max")))
    return found if quota is None else max(1, min(found, quota))


def _quota(lines: list[str]) -> int | None:
    """Return the processors that `cpu.max` of a control group grants, such as 2 for `200000 100000`; None for all."""
    words = " ".join(lines).split()
    if len(words) != 2 or not all(word.isdigit() for word in words) or words[1] == "0":
        return None
    return math.ceil(int(words[0]) / int(words[1]))


def free_cpus() -> int:
    """Return how many of the usable processors have nothing to do, this thread's own included; at least 1.

    It looks several times in a twentieth of a second at how many threads of the machine are running or would like to.
    """
    seen = []
    for _ in range(_LOOKS):
        seen.append(_running())
        time.sleep(_BETWEEN_LOOKS)
    others = round(sum(seen) / len(seen)) - 1  # this thread runs too
    return max(1, min(usable_cpus(), (os.cpu_count() or 1) - max(others, 0)))


def _running() -> int:
    """Return the running threads of the machine, the fourth word of /proc/loadavg; 1 if that is not there."""
    words = " ".join(_lines(Path("/proc/loadavg"))).split()
    running = words[3].partition("/")[0] if len(words) > 3 else ""
    return int(running) if running.isdigit() else 1


def _cpu_name() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _gpu_names() -> list[str]:
    """Read the cards' names from the NVIDIA driver, which costs nothing, instead of starting nvidia-smi."""
    names = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        fields = dict(line.split(":", 1) for line in _lines(path) if ":" in line)
        names.append(fields.get("Model", "NVIDIA").strip())
    return names


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
