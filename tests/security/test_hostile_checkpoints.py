"""Checkpoints that are whole as files and wrong in what they say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.numpy import save

ODD: tuple[Any, ...] = (None, "x", -5, 10**30, [], {}, [1, 2], "../../x", {"a": 1})


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_facts_of_another_form(guarded: Any, stopped: Path, odd: Any) -> None:
    for key in ("fold", "history", "best_epoch", "epoch_seconds", "seconds", "config", "fingerprint", "format", None):
        run = guarded.folder / "runs" / stopped.name
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(stopped, run)
        (path,) = (run / "checkpoints" / "fits").glob("*.safetensors")
        rewrite(path, key, odd)
        guarded("resume", run.name, refused=False)


def rewrite(path: Path, key: str | None, odd: Any) -> None:
    """Let one fact of a checkpoint be something else; None for all facts."""
    with safe_open(path, framework="np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = json.loads(file.metadata()["dlrun"])
    changed = odd if key is None else {**facts, key: odd}
    path.write_bytes(save(arrays, {"dlrun": json.dumps(changed)}))


def test_arrays_that_are_missing_or_of_another_shape(guarded: Any, stopped: Path) -> None:
    (path,) = (stopped / "checkpoints" / "fits").glob("*.safetensors")
    with safe_open(path, framework="np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    for name in arrays:
        for changed in ({**arrays, name: arrays[name][:1]}, {key: arrays[key] for key in arrays if key != name}):
            run = guarded.folder / "runs" / stopped.name
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(stopped, run)
            (run / "checkpoints" / "fits" / path.name).write_bytes(save(changed, metadata))
            guarded("resume", run.name, refused=False)
