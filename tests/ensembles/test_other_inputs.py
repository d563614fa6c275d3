"""Members that read other inputs of the same rows: other columns of a table, other forms of arrays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import dlrun
from dlrun.cli.app import run
from dlrun.ensembles.ensemble import EnsembleRun
from dlrun.errors import DataError, UsageError

MODELS: dict[str, Any] = {"linear": "linear", "forest": {"kind": "random_forest", "num_trees": 10}}


def combine(runs: Path, *members: Any) -> EnsembleRun:
    return dlrun.ensemble(*members, runs_dir=runs, method="uniform", keep_all=True, bootstrap=0)


def stored(made: EnsembleRun) -> tuple[np.ndarray, np.ndarray]:
    with np.load(made.path / "predictions" / "test.npz") as arrays:
        return arrays["row"], arrays["y_pred"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "id": np.arange(160),
            "a": generator.normal(size=160).round(4),
            "b": generator.choice(["x", "y", "z"], 160),
            "c": generator.random(160) > 0.5,
        }
    )
    price = frame["a"].to_numpy() * 2 + (frame["b"] == "x").to_numpy() + generator.normal(0, 0.3, 160)
    path = tmp_path / "table.csv"
    frame.with_columns(price=price.round(4)).write_csv(path)
    return path


def test_members_with_other_columns_predict_from_one_file(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = table.parent / "runs"
    dataset = {"kind": "csv", "path": str(table), "target": "price"}
    members = [
        dlrun.train({"dataset": dataset | {"drop": drop}, "model": model}, runs_dir=runs)
        for drop, model in ((["id", "b"], MODELS["linear"]), (["id"], MODELS["forest"]), (["id", "a"], "linear"))
    ]
    made = combine(runs, *members)
    assert len(made.weights) == 3
    frame = pl.read_csv(table)
    rows, known = stored(made)
    np.testing.assert_allclose(dlrun.load(made.path).predict(frame[rows]), known, atol=1e-6)

    new = table.parent / "new.csv"
    frame[rows].write_csv(new)
    output = table.parent / "out.csv"
    assert run(["predict", str(made.path), str(new), "--output", str(output)]) == 0
    np.testing.assert_allclose(pl.read_csv(output)["price"].to_numpy(), known[:, 0], atol=1e-4)
    bundle = table.parent / "all.zip"
    assert run(["export", str(made.path), "--output", str(bundle)]) == 0
    np.testing.assert_allclose(dlrun.load(bundle).predict(frame[rows]), known, atol=1e-6)

    capsys.readouterr()
    assert run(["evaluate", str(made.path), str(new), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test_looks"] == 5, "a look is a look, whatever columns were read"
    frame[rows].drop("b").write_csv(new)
    assert run(["predict", str(made.path), str(new), "--output", str(output)]) == 2
    assert "'b'" in capsys.readouterr().err


def test_members_with_other_arrays_take_inputs_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(160, 6)).astype(np.float32)
    y = (x[:, 0] > x[:, 1]).astype(np.int64)
    runs = tmp_path / "runs"
    inputs = {"flat": x, "long": x[:, :, None]}
    members = {}
    for name, array in inputs.items():
        np.savez(tmp_path / f"{name}.npz", x=array, y=y)
        layers = [{"dense": 4}] if name == "flat" else ["flatten", {"dense": 4}]
        config = {
            "dataset": {"kind": "npz", "path": str(tmp_path / f"{name}.npz")},
            "model": {"kind": "network", "layers": layers},
            "training": {"epochs": 2},
        }
        members[name] = dlrun.train(config, runs_dir=runs)
    code = run(["ensemble", *(member.id for member in members.values()), "--runs-dir", str(runs), "--keep-all"])
    assert code == 0
    assert "the members take different inputs" in capsys.readouterr().out
    made = combine(runs, *members.values())
    rows, known = stored(made)
    predictor = dlrun.load(made.path)
    with pytest.raises(DataError, match="take different inputs, which no single file holds") as caught:
        predictor.predict(x)
    assert "(rows, 6)" in caught.value.message
    assert "(rows, 6, 1)" in caught.value.message
    own = {members[name].id: array[rows] for name, array in inputs.items()}
    np.testing.assert_allclose(predictor.predict(own), known, atol=1e-6)
    assert predictor.predict_labels(own).shape == (len(rows),)
    with pytest.raises(DataError, match=f"inputs of '?{members['long'].id}'? are missing"):
        predictor.predict({members["flat"].id: x})
    with pytest.raises(DataError, match="rows"):
        predictor.predict(own | {members["long"].id: inputs["long"][:3]})
    assert run(["predict", str(made.path), str(tmp_path / "flat.npz")]) == 2
    told = capsys.readouterr().err
    assert "which no single file holds" in told
    assert "by its id" in told


def test_other_targets_are_other_rows(table: Path) -> None:
    runs = table.parent / "runs"
    dataset = {"kind": "csv", "path": str(table), "target": "price", "drop": ["id"]}
    first = dlrun.train({"dataset": dataset, "model": "linear"}, runs_dir=runs)
    frame = pl.read_csv(table)
    other = table.with_name("other.csv")
    frame.with_columns(price=pl.when(pl.col("id") == 0).then(99.0).otherwise(pl.col("price"))).write_csv(other)
    second = dlrun.train({"dataset": dataset | {"path": str(other)}, "model": "linear"}, runs_dir=runs)
    with pytest.raises(UsageError, match=r"needs at least two members, and only .* is left\n.*another dataset"):
        combine(runs, first, second)
