"""Members that keep no model, as most trials of a study, are trained again and held against their record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlrun
from dlrun.ensembles.ensemble import EnsembleRun
from dlrun.errors import RunFailed, UsageError
from dlrun.records.folder import RunFolder
from dlrun.records.index import run_folders
from dlrun.records.membership import can_predict, ensembles_of

MODELS: tuple[Any, ...] = (
    "linear",
    {"kind": "random_forest", "num_trees": 10},
    {"kind": "gradient_boosting", "num_iterations": 10},
    {"kind": "network", "layers": [{"dense": 4}]},
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of 200 rows that a model can learn something of."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 3)).round(4)
    y = np.where(x[:, 0] + x[:, 1] ** 2 + generator.normal(0, 0.5, 200) > 1, "yes", "no")
    lines = ["a,b,c,y", *(f"{a},{b},{c},{label}" for (a, b, c), label in zip(x, y, strict=True))]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def train(table: Path, model: Any, **changes: Any) -> Path:
    config = {"dataset": {"kind": "csv", "path": str(table), "target": "y"}, "model": model}
    if isinstance(model, dict) and model["kind"] == "network":
        config["training"] = {"epochs": 3}
    return dlrun.train(config | changes, runs_dir=table.parent / "runs").path


def strip(run: Path) -> None:
    """Do as a study does with all but its best trials."""
    for part in ("model", "checkpoints"):
        shutil.rmtree(run / part, ignore_errors=True)


def combine(table: Path, **settings: Any) -> EnsembleRun:
    runs = table.parent / "runs"
    wanted: dict[str, Any] = {"method": "uniform", "keep_all": True, "bootstrap": 0} | settings
    return dlrun.ensemble(str(runs), runs_dir=runs, **wanted)


def test_members_without_their_model_are_trained_again(table: Path) -> None:
    runs = [train(table, model) for model in MODELS]
    for run in runs[1:]:
        strip(run)
    made = combine(table)
    lineage = {member["id"]: member for member in RunFolder(made.path).read_json("members.json")["members"]}
    assert "trained_again" not in lineage[runs[0].name]
    for run in runs[1:]:
        own = lineage[run.name]
        assert (made.path / own["trained_again"]).resolve() == run
        new = made.path / own["path"]
        for part in ("validation", "test"):
            name = f"predictions/{part}.npz"
            assert (new / name).read_bytes() == (run / name).read_bytes()
        assert json.loads((new / "metrics.json").read_text())["test"] is None, "nobody looks at the test rows again"
    ledger = (table.parent / "runs" / "ledger.jsonl").read_text().splitlines()
    assert [json.loads(line)["why"] for line in ledger] == ["train"] * 4 + ["ensemble"]

    frame = dlrun.load(runs[0]).description.experiment.dataset.load().x
    with np.load(made.path / "predictions" / "test.npz") as known:
        np.testing.assert_allclose(dlrun.load(made.path).predict(frame[known["row"]]), known["y_pred"], atol=1e-6)


def test_an_ensemble_is_no_member_of_itself(table: Path) -> None:
    runs = [train(table, model) for model in MODELS[:2]]
    strip(runs[1])
    made = combine(table)
    folders = run_folders(table.parent / "runs")
    assert ensembles_of(folders) == {runs[0]: {made.path}}
    assert can_predict(RunFolder(made.path))
    strip(runs[0])
    assert not can_predict(RunFolder(made.path))


@pytest.mark.parametrize(("by", "passes"), [(1e-4, True), (0.02, False)])
def test_a_member_that_predicts_otherwise_than_its_record_is_refused(table: Path, by: float, passes: bool) -> None:
    runs = [train(table, model) for model in MODELS[:2]]
    strip(runs[1])
    folder = RunFolder(runs[1])
    with np.load(runs[1] / "predictions" / "validation.npz") as stored:
        arrays = dict(stored)
    arrays["y_pred"] = np.clip(arrays["y_pred"] - np.float32(by), 0, 1)
    folder.write_npz("predictions/validation.npz", **arrays)
    if passes:
        assert len(combine(table).weights) == 2
        return
    with pytest.raises(RunFailed, match=r"trained again, predicts otherwise than its record: by up to 0\.02") as caught:
        combine(table)
    assert "missing_models=leave_out" in (caught.value.remedy or "")
    (failed,) = (table.parent / "runs").glob("*-ensemble-*")
    assert RunFolder(failed).read_json("status.json")["state"] == "failed"
    assert len((table.parent / "runs" / "ledger.jsonl").read_text().splitlines()) == 2, "the test rows were not scored"


def test_data_that_have_changed_are_told_before_anything_starts(table: Path) -> None:
    runs = [train(table, model) for model in MODELS[:2]]
    strip(runs[1])
    table.write_text(table.read_text().replace("a,b,c,y\n", "a,b,c,y\n0.5,0.5,0.5,no\n"))
    with pytest.raises(UsageError, match="cannot be trained again: its data have changed since"):
        combine(table)
    assert len(list((table.parent / "runs").glob("2*"))) == 2


def test_code_runs_only_for_those_who_trust_it(tmp_path: Path) -> None:
    code = tmp_path / "data.py"
    code.write_text(
        "import numpy as np\n\n\ndef load():\n"
        "    generator = np.random.default_rng(0)\n"
        "    x = generator.normal(size=(150, 3)).astype('float32')\n"
        "    return x, (x[:, 0] > 0).astype('int64')\n"
    )
    dataset = {"kind": "python", "path": str(code), "function": "load", "task": "binary"}
    runs = [dlrun.train({"dataset": dataset, "model": model}, runs_dir=tmp_path / "runs").path for model in MODELS[:2]]
    strip(runs[1])
    arguments = {"runs_dir": tmp_path / "runs", "method": "uniform", "keep_all": True, "bootstrap": 0}
    with pytest.raises(UsageError, match="which is to be trained again, loads its data by running the code") as caught:
        dlrun.ensemble(*runs, **arguments)
    assert "--trust" in (caught.value.remedy or "")
    assert len(dlrun.ensemble(*runs, trust=True, **arguments).weights) == 2
