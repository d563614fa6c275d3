"""Fixtures of the command line's tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dlrun.records.folder import RunFolder

START = datetime(2026, 11, 21, 19, 15, 2, tzinfo=UTC)
METRICS = {
    "task": "multiclass",
    "monitor": "val_loss",
    "best_epoch": 12,
    "train": {"loss": 0.01, "accuracy": 0.99},
    "validation": {"loss": 0.08, "accuracy": 0.97},
    "test": {"loss": 0.09, "accuracy": 0.96},
    "intervals": {"validation": {"accuracy": [0.95, 0.98]}, "test": {"accuracy": [0.94, 0.98]}},
    "baseline": {"kind": "majority", "validation": {"accuracy": 0.10}, "test": {"accuracy": 0.10}},
    "folds": [{"validation": {"loss": 0.08, "accuracy": 0.97}}],
    "num_parameters": 4810,
    "seconds": {"total": 3.1, "load": 0.2, "build": 0.6, "fit": 2.0, "per_epoch": 0.02},
}

MakeRun = Callable[..., RunFolder]


@pytest.fixture
def make_run() -> MakeRun:
    """Write a run folder as `dlrun train` would, with an id that never changes."""

    def make(runs: Path, name: str = "digits", *, minute: int = 0, metrics: Any = METRICS, **status: Any) -> RunFolder:
        started = START + timedelta(minutes=minute)
        folder = RunFolder(runs / f"{started:%Y%m%d-%H%M%S}-{name}-{minute:04x}")
        folder.path.mkdir(parents=True)
        ended = {"heartbeat": _iso(started, 3.1), "finished": _iso(started, 3.1), "exit_code": 0}
        folder.write_json("status.json", {"state": "finished", "started": _iso(started), **ended, **status})
        folder.write_text(
            "config.yaml", "name: digits\ndataset: {kind: digits, task: multiclass}\nmodel: {kind: network}\n"
        )
        folder.write_text("source.yaml", "dataset: digits\nmodel: {kind: network}\n")
        folder.write_text("output.log", "loading the data\nepoch  1/50  loss 0.5000\n")
        folder.write_json("dataset.json", {"fingerprint": "f"})
        if metrics is not None:
            folder.write_json("metrics.json", metrics)
        return folder

    return make


def _iso(moment: datetime, seconds: float = 0.0) -> str:
    return (moment + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
