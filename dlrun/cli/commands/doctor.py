"""`dlrun doctor`: what dlrun finds on this machine, and what is missing."""

from __future__ import annotations

import json as json_module
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from dlrun.base.requirement import install
from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir
from dlrun.cli.output import Output, table

EXAMPLES = ("dlrun doctor",)

_DEVICES_PROGRAM = """
import json, os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
devices = [device.name.removeprefix("/physical_device:") for device in tf.config.list_physical_devices()]
print(json.dumps({"devices": devices, "cuda": tf.test.is_built_with_cuda()}))
"""
_DEVICES_SECONDS = 120
_LEAST_FREE_BYTES = 10**9
_GIB = 2**30


def doctor(runs_dir: RunsDir = DEFAULT_RUNS_DIR, json: Json = False) -> None:
    """Tell what is here, and what is missing.

    Versions, devices, processors, disk and cached datasets, and how to get what is missing.

    The exit code is 1 if something is missing that dlrun cannot do without.
    """
    from dlrun.base.machine import hardware
    from dlrun.records.environment import versions

    out = Output(json=json)
    found: dict[str, Any] = {
        "python": sys.version.split()[0],
        "packages": versions(),
        "optional": find_optional(),
        "hardware": hardware(),
        "tensorflow": find_devices(),
        "disk": find_disk(runs_dir),
        "keras": find_cache(os.environ.get("KERAS_HOME")),
    }
    found["missing"] = find_missing(found)
    _tell(out, found)
    if json:
        out.result(found)
    if any(item["needed"] for item in found["missing"]):
        raise typer.Exit(1)


def find_optional() -> list[dict[str, Any]]:
    """List the packages that only some sections of a config need: `package`, `version`, `needed_by`, `remedy`."""
    from dlrun.config.lacking import requirements
    from dlrun.experiment.experiment import Experiment

    return [
        {"package": package.package, "version": package.version, "needed_by": users, "remedy": package.command}
        for package, users in requirements(Experiment).items()
    ]


def find_devices() -> dict[str, Any]:
    """Ask TensorFlow for its devices, in a process of its own: loading it may end a process.

    Returns:
        `devices`, their names; `cuda`, whether this TensorFlow can use NVIDIA cards; `error`, why it does not load.
    """
    nothing: dict[str, Any] = {"devices": [], "cuda": False}
    try:
        result = subprocess.run(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-P", "-c", _DEVICES_PROGRAM],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DEVICES_SECONDS,
            check=False,
        )
        last = (result.stdout.strip().splitlines() or [""])[-1]
        if result.returncode == 0:
            return {**json_module.loads(last), "error": None}
    except subprocess.TimeoutExpired:
        return {**nothing, "error": f"did not load within {_DEVICES_SECONDS} seconds"}
    except (OSError, ValueError) as error:
        return {**nothing, "error": str(error)}
    reason = (result.stderr.strip().splitlines() or [f"ended with code {result.returncode}"])[-1]
    return {**nothing, "error": reason}


def find_disk(runs_dir: Path) -> dict[str, Any]:
    """Describe where runs would be written: `path`, `free_bytes`, `writable`."""
    path = runs_dir.absolute()
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return {
        "path": path,
        "free_bytes": shutil.disk_usage(existing).free,
        "writable": existing.is_dir() and os.access(existing, os.W_OK | os.X_OK),
    }


def find_cache(home: str | None) -> dict[str, Any]:
    """Describe Keras' cache: its `path`, and which `datasets` are `cached` there or `not_cached`.

    Args:
        home: Value of the environment variable KERAS_HOME; None if it is not set.
    """
    from dlrun.experiment.datasets.sources.sources import kept_by_keras

    folder = Path(home or "~/.keras").expanduser().absolute() / "datasets"
    there = {kind: any((folder / file).exists() for file in files) for kind, files in kept_by_keras().items()}
    return {
        "path": folder,
        "cached": [name for name, cached in there.items() if cached],
        "not_cached": [name for name, cached in there.items() if not cached],
    }


def find_missing(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List what is missing: `what`, its `remedy`, and whether dlrun cannot do without it (`needed`)."""
    missing = []

    def add(what: str, remedy: str, *, needed: bool) -> None:
        missing.append({"what": what, "remedy": remedy, "needed": needed})

    for package, version in found["packages"].items():
        if version is None:
            add(f"the package {package}", f"pip install {package}", needed=True)
    tensorflow = found["tensorflow"]
    if tensorflow["error"]:
        add(f"a TensorFlow that loads: {tensorflow['error']}", "pip install --force-reinstall tensorflow", needed=True)
    cards, disk = found["hardware"]["gpus"], found["disk"]
    if cards and not tensorflow["error"] and not any(name.startswith("GPU") for name in tensorflow["devices"]):
        add(f"CUDA libraries for {cards[0]}", install("gpu"), needed=False)
    if not disk["writable"]:
        add(f"the right to write to {disk['path']}", "choose another --runs-dir", needed=True)
    if disk["free_bytes"] < _LEAST_FREE_BYTES:
        add(f"room in {disk['path']}", "free some space, or choose another --runs-dir", needed=False)
    return missing


def _tell(out: Output, found: Mapping[str, Any]) -> None:
    from dlrun.base.version import __version__

    machine, disk, cache = found["hardware"], found["disk"], found["keras"]
    memory = machine["memory_bytes"]
    rows = [
        ["dlrun", __version__],
        ["python", found["python"]],
        *([name, version or "missing"] for name, version in found["packages"].items()),
        *([f"{item['package']} (optional)", _state(item)] for item in found["optional"]),
        ["processor", f"{machine['cpu']}, {machine['usable_cpus']} of {machine['num_cpus']} cores usable"],
        ["memory", "unknown" if memory is None else f"{memory / _GIB:.1f} GiB"],
        ["graphics", ", ".join(machine["gpus"]) or "no NVIDIA card"],
        ["devices", ", ".join(found["tensorflow"]["devices"]) or "none"],
        ["runs folder", f"{disk['path']}, {disk['free_bytes'] / _GIB:.1f} GiB free"],
        ["Keras datasets", str(cache["path"])],
        ["  cached", ", ".join(cache["cached"]) or "none"],
        ["  fetched when used", ", ".join(cache["not_cached"]) or "none"],
    ]
    out.say("\n".join(table(["what", "found"], rows)[1:]))
    for item in found["missing"]:
        out.say(f"{'missing' if item['needed'] else 'advice'}: {item['what']}. Remedy: {item['remedy']}")
    if not found["missing"]:
        out.say("Nothing is missing.")


def _state(item: Mapping[str, Any]) -> str:
    """Tell the version of an optional package, or who needs it and how to get it."""
    return item["version"] or f"missing, for {', '.join(item['needed_by'])}: {item['remedy']}"
