"""Snapshots of a cyclic schedule: one training that leaves several members."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlrun
from dlrun.base.inside import inside
from dlrun.errors import ConfigError, UsageError
from dlrun.experiment.load import load
from dlrun.experiment.optimizers.schedules import Cosine
from dlrun.records.find import find_run
from dlrun.records.folder import RunFolder
from dlrun.records.history import read_history
from dlrun.runs.reproduce import reproduce_run
from dlrun.runs.run import Run

CONFIG: dict[str, Any] = {
    "dataset": "wine",
    "model": {"kind": "network", "layers": [{"dense": {"units": 8, "dropout": 0.2}}]},
    "optimizer": {"kind": "adam", "learning_rate": 0.02, "schedule": {"kind": "cosine", "cycles": 3}},
    "training": {"epochs": 9, "snapshots": True},
    "validation": {"kind": "kfold", "folds": 2},
    "evaluation": {"bootstrap": 0},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return dlrun.train(CONFIG, runs_dir=tmp_path_factory.mktemp("snapshots") / "runs")


def snapshots(run: Run) -> list[Path]:
    return sorted((run.path / "snapshots").iterdir())


def predictions(folder: Path, part: str) -> dict[str, np.ndarray]:
    with np.load(folder / "predictions" / f"{part}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def test_a_run_leaves_an_ordinary_run_for_every_cycle(trained: Run) -> None:
    folders = snapshots(trained)
    stem, _, end = trained.id.rpartition("-")
    assert [folder.name for folder in folders] == [f"{stem}-cycle-{cycle}-{end}" for cycle in (1, 2, 3)]
    known = read_history(inside(trained.path) / "history.csv")
    for cycle, folder in enumerate(folders, 1):
        facts = json.loads((folder / "snapshot.json").read_text())
        assert facts == {"run": trained.id, "cycle": cycle, "epoch": 3 * cycle}
        rows = read_history(inside(folder) / "history.csv")
        assert rows == [row for row in known if row["epoch"] <= 3 * cycle]
        metrics = json.loads((folder / "metrics.json").read_text())
        last = [row["val_loss"] for row in rows if row["epoch"] == 3 * cycle]
        assert metrics["validation"]["loss"] == pytest.approx(np.mean(last), rel=1e-5)
        assert (metrics["test"], metrics["test_looks"]) == (None, None)
        assert find_run(trained.path.parent, folder.name[:-5], higher_is_better=bool).path == folder
    assert len(read_history(inside(trained.path) / "history.csv")) == 18


def test_a_snapshot_predicts_what_it_predicted_when_it_was_taken(trained: Run) -> None:
    dataset = load(trained.path / "config.yaml").experiment.dataset.load()
    tested = []
    for folder in snapshots(trained):
        known = predictions(folder, "test")
        tested.append(known["y_pred"])
        np.testing.assert_allclose(dlrun.load(folder).predict(dataset.x[known["row"]]), known["y_pred"], atol=1e-6)
    assert np.abs(tested[0] - tested[2]).max() > 0.01
    rows = [predictions(folder, "validation")["row"] for folder in (trained.path, *snapshots(trained))]
    assert all(np.array_equal(rows[0], own) for own in rows)


def test_the_config_of_a_snapshot_takes_the_same_course(trained: Run, tmp_path: Path) -> None:
    first = snapshots(trained)[1]
    again = dlrun.train(first / "config.yaml", runs_dir=tmp_path)
    assert (again.path / "history.csv").read_bytes() == (first / "history.csv").read_bytes()
    assert not (again.path / "snapshots").exists()
    with pytest.raises(UsageError, match="is a snapshot"):
        reproduce_run(RunFolder(first), runs_dir=tmp_path)


def test_snapshots_are_combined_without_training_again(trained: Run) -> None:
    runs_dir = trained.path.parent
    made = dlrun.ensemble(trained, runs_dir=runs_dir, snapshots=True, method="uniform", bootstrap=0)
    names = [folder.name for folder in snapshots(trained)]
    assert sorted(made.weights) == names
    mean = np.mean([predictions(folder, "test")["y_pred"] for folder in snapshots(trained)], axis=0)
    np.testing.assert_allclose(predictions(made.path, "test")["y_pred"], mean, atol=1e-7)
    assert sorted(dlrun.ensemble(trained.path / "snapshots", runs_dir=runs_dir, bootstrap=0).weights) <= names

    dataset = load(trained.path / "config.yaml").experiment.dataset.load()
    known = predictions(made.path, "test")
    np.testing.assert_allclose(dlrun.load(made.path).predict(dataset.x[known["row"]]), known["y_pred"], atol=1e-6)


def test_a_run_of_several_folds_is_one_member_whose_folds_are_averaged(trained: Run) -> None:
    other = dlrun.train(
        {**CONFIG, "model": "linear", "training": {}, "optimizer": "adam"}, runs_dir=trained.path.parent
    )
    made = dlrun.ensemble(trained, other, runs_dir=trained.path.parent, method="uniform", keep_all=True, bootstrap=0)
    assert made.weights == {trained.id: 0.5, other.id: 0.5}
    dataset = load(trained.path / "config.yaml").experiment.dataset.load()
    known = predictions(made.path, "test")
    folds = [fit.predict(dataset.x[known["row"]], None)[0] for fit in dlrun.load(trained.path).fits]  # type: ignore[attr-defined]
    assert len(folds) == 2
    assert np.abs(folds[0] - folds[1]).max() > 1e-3
    both = (np.mean(folds, axis=0) + dlrun.load(other.path).predict(dataset.x[known["row"]])) / 2
    np.testing.assert_allclose(known["y_pred"], both, atol=1e-6)


def test_without_snapshots_it_says_how_to_get_some(tmp_path: Path) -> None:
    run = dlrun.train({**CONFIG, "model": "linear", "training": {}, "optimizer": "adam"}, runs_dir=tmp_path)
    with pytest.raises(UsageError, match=r"it keeps no snapshots: train with training\.snapshots=true"):
        dlrun.ensemble(run, runs_dir=tmp_path, snapshots=True)


@pytest.mark.parametrize(
    ("warmup", "cycles", "epochs", "ends"),
    [(0, 3, 9, (3, 6, 9)), (2, 2, 8, (5, 8)), (0, 1, 7, (7,)), (0, 4, 9, ()), (0.5, 2, 8, ()), (0, 9, 4, ())],
)
def test_cycles_end_with_an_epoch(warmup: float, cycles: int, epochs: int, ends: tuple[int, ...]) -> None:
    schedule = Cosine(warmup_epochs=warmup, cycles=cycles)
    assert schedule.cycle_ends(epochs) == ends
    for end in ends[:-1]:  # the next epoch begins with the full rate, and this one ends with nearly nothing
        assert schedule.rates(1.0, end, 100, epochs)[0] == 1
        assert schedule.rates(1.0, end - 1, 100, epochs)[-1] < 0.01


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "linear"}, "the model 'linear' has no epochs to take snapshots of"),
        ({"optimizer": "adam"}, "the learning rate has only one course"),
        ({"training": {"epochs": 10, "snapshots": True}}, "3 cycles in 10 epochs do not end with an epoch each"),
        ({"training": {"epochs": 9, "snapshots": True, "early_stopping": True}}, "early stopping would end the cycles"),
        ({"training": {"epochs": 9, "snapshots": True, "refit": True}}, "a refit takes as many epochs as were best"),
    ],
)
def test_what_has_no_whole_cycles_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        dlrun.train(CONFIG | changes, runs_dir=tmp_path)
    assert caught.value.problems[0].path == "training.snapshots"
    assert not list(tmp_path.iterdir())
