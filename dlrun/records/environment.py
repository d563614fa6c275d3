"""environment.json: what a run was carried out with; never environment variables, which may hold secrets."""

from __future__ import annotations

import math
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from dlrun import __version__

_LOOKS, _BETWEEN_LOOKS = 10, 0.005

PACKAGES = (
    "keras",
    "tensorflow",
    "numpy",
    "scikit-learn",
    "polars",
    "pydantic",
    "hyperopt",
    "matplotlib",
    "safetensors",
    "skops",
    "tensorboardX",
    "pyyaml",
    "rich",
    "typer",
)
"""Packages that a result may depend on."""

_GIT_SECONDS = 5.0


def environment(*, argv: Sequence[str], devices: Sequence[str] = (), threads: int | None = None) -> dict[str, Any]:
    """Describe the present process and machine for environment.json.

    Args:
        argv: The command line as the user typed it.
        devices: Names of the devices that the network may run on, as its framework calls them.
        threads: Threads that the network computes with; None if the framework chooses.

    Returns:
        Plain values: `dlrun`, `python`, `packages`, `system`, `hardware`, `threads`, `git`, `argv`, `directory`.
    """
    known = _remembered.get(Path.cwd()) or _surroundings()
    return {
        "dlrun": __version__,
        "python": platform.python_version(),
        "packages": known["packages"],
        "system": {"name": platform.platform(), "host": socket.gethostname()},
        "hardware": known["hardware"] | {"devices": list(devices)},
        "threads": threads,
        "git": known["git"],
        "argv": list(argv),
        "directory": str(Path.cwd()),
    }


def environment_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """List what differs between two environments that a result may depend on, as `name: before -> now`.

    Args:
        before: What `environment` returned once, read back.
        now: What it returns at present.
    """
    told = []
    for name in ("dlrun", "python", "packages", "hardware", "threads", "git"):
        for path, old, new in _pairs(name, before.get(name), now.get(name)):
            if old != new:
                told.append(f"{path}: {old} -> {new}")
    return told


def _pairs(path: str, before: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    if not isinstance(before, Mapping) or not isinstance(now, Mapping):
        yield path, before, now
        return
    for name in dict.fromkeys([*before, *now]):
        yield from _pairs(f"{path}.{name}", before.get(name), now.get(name))


_remembered: dict[Path, dict[str, Any]] = {}


def remember() -> None:
    """Look up packages, hardware and commit now for all that this process and its forks write down later.

    The code of forked processes is what was loaded here, whatever happens to the files meanwhile.
    """
    _remembered[Path.cwd()] = _surroundings()


def _surroundings() -> dict[str, Any]:
    return {"packages": versions(), "hardware": hardware(), "git": git_state(Path.cwd())}


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str | None]:
    """Return the installed version of every package, without importing it; None for one that is missing."""
    found: dict[str, str | None] = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


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


def git_state(directory: Path) -> dict[str, Any] | None:
    """Return `commit`, and `dirty` if tracked files differ from it; None outside of a git repository or without git.

    Args:
        directory: Folder inside the repository.
    """
    commit = _git(directory, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return None
    changes = _git(directory, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(directory: Path, *arguments: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    try:
        result = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            [program, "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments],
            cwd=directory,
            capture_output=True,
            check=True,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
