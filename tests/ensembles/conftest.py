"""Made members: stacks of predictions with known quality, and run folders that hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.ensembles.members.stack import Stack
from dlrun.experiment.datasets.dataset import Task
from dlrun.records.folder import RunFolder

START = datetime(2026, 11, 21, 19, 15, 2, tzinfo=UTC)

MakeStack = Callable[..., Stack]
MakeMember = Callable[..., RunFolder]


def draw(task: Task, generator: np.random.Generator, noise: Sequence[float], num_rows: int) -> tuple[Any, Any]:
    """Draw true values and what members with so much noise predict."""
    scales = np.array(noise)[:, None, None]
    if task == "regression":
        y = generator.uniform(2, 5, (num_rows, 2)) * [1, 100]
        return y, np.abs(y + generator.normal(0, 1, (len(noise), num_rows, 2)) * scales * [0.3, 30]) + 0.01
    if task == "multiclass":
        y = np.arange(num_rows) % 4
        powers = np.exp(2 * np.eye(4)[y] + generator.normal(0, 1, (len(noise), num_rows, 4)) * scales)
        return y, powers / powers.sum(axis=2, keepdims=True)
    labels = 1 if task == "binary" else 3
    y = (generator.random((num_rows, labels)) < 0.45).astype(np.float32)
    odds = 2 * (2 * y - 1) + 2 * generator.normal(0, 1, (len(noise), num_rows, labels)) * scales
    return (y[:, 0].astype(np.int64) if task == "binary" else y), 1 / (1 + np.exp(-odds))


@pytest.fixture
def make_stack() -> MakeStack:
    """Draw a stack: members differ in their noise, and their errors are independent."""

    def make(
        task: Task, *, noise: Sequence[float] = (0.7, 1.0, 1.3, 2.0), num_rows: int = 240, folds: int = 1, seed: int = 0
    ) -> Stack:
        y_true, y_pred = draw(task, np.random.default_rng(seed), noise, num_rows)
        fold = np.sort(np.arange(num_rows) % folds)
        return Stack(task, y_true, y_pred, np.arange(num_rows), fold)

    return make


@pytest.fixture
def make_member() -> MakeMember:
    """Write the folder of a finished run with given predictions for 5 parts of 8 rows, and for the last 3 the test."""

    def make(
        runs: Path,
        stack: Stack,
        place: int,
        *,
        name: str = "",
        model: str = "network",
        seed: int = 42,
        fingerprint: str = "f" * 64,
        targets: str = "",
        **status: Any,
    ) -> RunFolder:
        started = START + timedelta(minutes=place)
        folder = RunFolder((runs / f"{started:%Y%m%d-%H%M%S}-{name or model}-{place:04x}").absolute())
        (folder.path / "model").mkdir(parents=True)
        moment = started.isoformat(timespec="milliseconds")
        folder.write_json(
            "status.json",
            {"state": "finished", "started": moment, "heartbeat": moment, "finished": moment, "exit_code": 0, **status},
        )
        folder.write_text(
            "config.yaml", f"name: {name or model}\nseed: {seed}\ndataset: {{kind: csv}}\nmodel: {{kind: {model}}}\n"
        )
        cut = stack.num_rows * 5 // 8
        write_predictions(folder, stack, place, cut)
        folder.write_json("dataset.json", describe(stack, fingerprint, targets))
        scores = {"loss": 0.1 + place / 100}
        folder.write_json(
            "metrics.json", {"task": stack.task, "monitor": "val_loss", "validation": scores, "test": scores}
        )
        return folder

    return make


def write_predictions(folder: RunFolder, stack: Stack, place: int, cut: int) -> None:
    for part, rows in (("validation", slice(0, cut)), ("test", slice(cut, None))):
        arrays = {
            "row": stack.rows[rows],
            "y_true": stack.y_true[rows],
            "y_pred": stack.y_pred[place % stack.num_members][rows],
        }
        if part == "validation":
            arrays["fold"] = stack.folds[rows]
        folder.write_npz(f"predictions/{part}.npz", **arrays)


def describe(stack: Stack, fingerprint: str, targets: str) -> dict[str, Any]:
    names = [str(code) for code in range(2 if stack.task == "binary" else stack.num_outputs)]
    part: dict[str, Any] = {"rows": 100}
    if stack.task == "regression":
        part["targets"] = {
            f"target_{column}": {"mean": float(stack.y_true[:, column].mean())} for column in range(stack.num_outputs)
        }
        names = []
    elif stack.task == "multilabel":
        part["labels"] = dict.fromkeys(names, 45)
    else:
        part["classes"] = dict.fromkeys(names, 100 // len(names))
    return {
        "name": "made",
        "fingerprint": fingerprint,
        "task": stack.task,
        "input_kind": "table",
        "targets": {"names": [], "classes": names, **({"fingerprint": targets} if targets else {})},
        "folds": [{"fold": int(fold), "training": part} for fold in np.unique(stack.folds)],
    }
