"""Networks that do not fit the data, and training that diverges: what the program says, and what it leaves behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

IMAGES = """\
name: images
dataset: {kind: npz, path: images.npz}
model:
  kind: network
  layers:
    - conv2d: {filters: 2, kernel_size: 3}
    - flatten
    - dense: 4
training: {epochs: 2}
"""
NUMBERS = """\
name: numbers
dataset: {kind: npz, path: numbers.npz}
model: {kind: network, layers: [dense: 4]}
optimizer: {kind: sgd, learning_rate: 0.01}
training: {epochs: 30, batch_size: 32}
"""

MISFITS: dict[str, list[str]] = {
    "kernel larger than the image": ["images.yaml", "model.layers.0.conv2d.kernel_size=9"],
    "kernel larger than what is left of the image": [
        "images.yaml", "model.layers=[conv2d: {filters: 2, kernel_size: 5, strides: 2}, conv2d: 2]",
    ],
    "convolution of numbers without a place": ["numbers.yaml", "model.layers=[conv2d: 4]"],
    "dense layer on feature maps": ["images.yaml", "model.layers=[conv2d: 4, dense: 3]"],
    "reshape to another number of values": ["numbers.yaml", "model.layers=[reshape: [3, 3], conv1d: 2]"],
    "embedding of numbers": ["numbers.yaml", "model.layers=[embedding: {input_dim: 9, output_dim: 2}]"],
    "residual of another shape": [
        "numbers.yaml", "model.layers=[residual: {layers: [dense: 7], projection: never}]",
    ],
    "more units than memory": ["numbers.yaml", "model.layers.0.dense=1000000000000000000"],
    "more units than numbers": ["numbers.yaml", "model.layers.0.dense=9000000000000000000"],
    "graphics card that is not there": ["numbers.yaml", "training.device=gpu"],
    "table that a layer of images cannot take": [
        "numbers.yaml", "dataset={kind: csv, path: table.csv, target: y}", "model.layers=[max_pooling2d]",
    ],
}  # fmt: skip

DIVERGING: dict[str, list[str]] = {
    "rate far too high": ["numbers.yaml", "optimizer.learning_rate=1e30", "--name", "steep"],
    "penalty that throws the weights about": [
        "numbers.yaml", "model.layers.0.dense={units: 4, l2: 110}", "--name", "penalty",
    ],
    "extreme values": ["numbers.yaml", "dataset.path=extreme.npz", "preprocessing.scaling=none", "--name", "extreme"],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad-models")
    (folder / "images.yaml").write_text(IMAGES)
    (folder / "numbers.yaml").write_text(NUMBERS)
    (folder / "table.csv").write_text("a,y\n" + "".join(f"{row},{row % 2}\n" for row in range(40)))
    x = np.linspace(-1, 1, 300, dtype=np.float32).reshape(60, 5)
    np.savez(folder / "numbers.npz", x=x, y=x.sum(axis=1))
    np.savez(folder / "extreme.npz", x=np.where(x > 0.9, 3e38, x), y=x.sum(axis=1))
    np.savez(folder / "images.npz", x=np.arange(40 * 64).astype(np.uint8).reshape(40, 8, 8), y=np.arange(40) % 2)
    return folder


@pytest.fixture(scope="module")
def told(folder: Path, several: Callable[..., Any]) -> Any:
    """All commands in one process, since TensorFlow takes its time to start."""
    return several(folder, {title: ["train", *arguments] for title, arguments in (MISFITS | DIVERGING).items()})


def test_every_fault_of_a_network_is_one_clear_error(told: Any, golden: Callable[[str, str], None]) -> None:
    for title, ended in told.told.items():
        assert ended.err.startswith("error: "), f"{title}: {ended.err}"
        assert ended.code == (1 if title in DIVERGING else 2), title
    golden("bad_input/models.txt", re.sub(r"(?<= in epoch )(?!1:)\d+", "<later>", told.errors))


def test_only_what_trained_leaves_a_folder(told: Any, folder: Path) -> None:
    assert {path.name[16:-5] for path in (folder / "runs").iterdir()} == {"steep", "penalty", "extreme"}


@pytest.mark.parametrize("title", DIVERGING)
def test_a_run_that_diverged_says_so_in_its_record(told: Any, title: str) -> None:
    ended = told.told[title]
    run = Path(ended.err.splitlines()[-1].removeprefix("run folder "))
    status = json.loads((run / "status.json").read_text())
    assert (status["state"], status["exit_code"]) == ("failed", 1)
    assert status["error"] == ended.err.removeprefix("error: ").rpartition("\nrun folder")[0]
    assert status["error"] in (run / "output.log").read_text()
    assert not (run / "metrics.json").exists()


def test_the_best_weights_before_the_divergence_are_kept(told: Any, folder: Path) -> None:
    from safetensors.numpy import load_file

    (run,) = (folder / "runs").glob("*-penalty-*")
    epochs = len((run / "history.csv").read_text().splitlines()) - 1
    assert epochs > 1
    assert f"in epoch {epochs + 1}" in told.told["penalty that throws the weights about"].err
    weights = load_file(run / "checkpoints" / "best" / "fold-0.safetensors")
    assert sorted(array.shape for array in weights.values()) == [(1,), (4,), (4, 1), (5, 4)]
    assert all(np.isfinite(array).all() for array in weights.values())


def test_fewer_rows_than_a_batch_train(folder: Path, program: Any) -> None:
    arguments = ["training.batch_size=4096", "training.epochs=3", "dataset.limit=20", "evaluation.bootstrap=10"]
    ended = program(folder)("train", "numbers.yaml", *arguments, "--quiet", "--runs-dir", "small")
    assert (ended.code, ended.err) == (0, "")
    metrics = json.loads((Path(ended.out.strip()) / "metrics.json").read_text())
    assert metrics["train"]["loss"] > 0
