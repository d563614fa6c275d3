"""The same config and seed give the same bytes, in processes of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NETWORKS = {
    "dense": """
dataset: {kind: digits, limit: 600}
model:
  kind: network
  layers:
    - dense: {units: 32, batch_norm: true, dropout: 0.3, l2: 1e-4}
    - dense: 16
training: {epochs: 4, batch_size: 50, early_stopping: {patience: 2}}
""",
    "jit": """
dataset: {kind: digits, limit: 600}
model: {kind: network, layers: [{dense: {units: 32, batch_norm: true, dropout: 0.3}}]}
training: {epochs: 3, batch_size: 50, jit: true, threads: 2}
""",
    "separable": """
dataset: {kind: digits, as_images: true, limit: 600}
model:
  kind: network
  layers:
    - separable_conv2d: {filters: 8, padding: same, batch_norm: true}
    - max_pooling2d: 2
    - separable_conv2d: {filters: 16, padding: same, dropout: 0.2}
    - global_average_pooling2d
training: {epochs: 3, batch_size: 50, threads: 2}
""",
    "folds": """
dataset: {kind: digits, limit: 600}
model: {kind: network, layers: [{dense: {units: 16, dropout: 0.2}}]}
training: {epochs: 2, batch_size: 50, refit: true}
validation: {kind: kfold, folds: 3}
""",
    "streaming": """
dataset: {kind: digits, limit: 600}
model: {kind: network, layers: [{dense: {units: 16, dropout: 0.2}}]}
training: {epochs: 2, batch_size: 50, engine: streaming}
""",
    "forest": """
dataset: {kind: digits, limit: 600}
model: {kind: random_forest, num_trees: 20}
""",
}


def train(dlrun: Any, text: str, *arguments: str) -> Path:
    (dlrun.folder / "same.yaml").write_text(text)
    ended = dlrun("train", "same.yaml", "--json", *arguments)
    assert ended.code == 0, ended.err
    return Path(json.loads(ended.out)["path"])


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_two_processes_write_the_same_bytes(dlrun: Any, network: str) -> None:
    first, second = (train(dlrun, NETWORKS[network]) for _ in range(2))
    names = ["config.yaml", "split.npz", "predictions/validation.npz", "predictions/test.npz"]
    names += [str(path.relative_to(first)) for path in first.rglob("*.safetensors")]
    names += [str(path.relative_to(first)) for path in first.rglob("*.preprocessing.json")]
    names += [str(path.relative_to(first)) for path in first.rglob("*.keras")]
    if network != "forest":
        names.append("history.csv")
        assert any(name.endswith(".safetensors") for name in names)
        assert any(name.endswith(".keras") for name in names)
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    measured = [json.loads((path / "metrics.json").read_text()) for path in (first, second)]
    for metrics in measured:
        del metrics["seconds"], metrics["test_looks"]
    assert measured[0] == measured[1]


def test_another_seed_gives_another_run(dlrun: Any) -> None:
    first, second = (train(dlrun, NETWORKS["dense"], "--seed", seed) for seed in ("1", "2"))
    assert (first / "history.csv").read_bytes() != (second / "history.csv").read_bytes()
    with np.load(first / "split.npz") as ours, np.load(second / "split.npz") as theirs:
        assert ours["test"].tolist() != theirs["test"].tolist()


def test_the_order_of_rows_differs_between_epochs_and_folds() -> None:
    from dlrun.experiment.datasets.inputs import NUMBERS, Inputs
    from dlrun.experiment.training.training import Training
    from dlrun.learners.learner import FitJob
    from dlrun.learners.network import NetworkLearner

    learner = NetworkLearner(
        build=lambda form: None,
        make_loss=lambda: None,
        compile_model=lambda model, loss: None,
        make_engine=lambda model: None,
        training=Training(),
        rates=lambda *arguments: np.empty(0, np.float32),
        monitor="val_loss",
        mode="min",
        seed=7,
    )
    rows = np.arange(100)
    jobs = [FitJob(Inputs({NUMBERS: rows}), rows, rows, rows[:0], lambda *arguments: {}, fold=fold) for fold in (0, 1)]
    orders = [learner._order(job, epoch).tolist() for job in jobs for epoch in range(5)]
    assert all(sorted(order) == rows.tolist() for order in orders)
    assert len({tuple(order) for order in orders}) == len(orders)
    assert learner._order(jobs[0], 3).tolist() == orders[3]
