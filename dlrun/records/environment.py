"""environment.json: what a run was carried out with; never environment variables, which may hold secrets."""

from __future__ import annotations

import platform
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from dlrun.base.machine import hardware
from dlrun.base.version import __version__

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
