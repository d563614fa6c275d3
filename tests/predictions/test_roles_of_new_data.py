"""Ids and weights of new data: ids stand first, weights weigh scores, and what is missing is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dlrun.experiment.evaluation.evaluation import evaluate
from dlrun.experiment.load import load_text
from dlrun.predictions.evaluate import evaluate_file
from dlrun.predictions.files.data import open_data
from dlrun.predictions.files.write import predict_file, writing
from dlrun.predictions.load import load_stored
from dlrun.records.stored import open_stored
from dlrun.runs.run import Run, run_experiment

FRAME = pl.DataFrame(
    {
        "age": np.random.default_rng(0).uniform(20, 80, 120).round(1),
        "code": [f"{row:03d}" for row in range(120)],
        "w": np.random.default_rng(1).integers(0, 4, 120),
        "clinic": np.arange(120) % 7,
        "day": np.arange(120),
    }
).with_columns(ill=pl.when(pl.col("age") + pl.col("clinic") * 5 > 65).then(pl.lit("yes")).otherwise(pl.lit("no")))
ARRAYS = {
    "x": FRAME.select("age").to_numpy(),
    "y": (FRAME["ill"] == "yes").to_numpy().astype(np.int64),
    "code": FRAME["code"].to_numpy().astype(str),
    "w": FRAME["w"].to_numpy(),
}
TABLE = "dataset: {kind: csv, path: PATH/t.csv, target: ill, id: code, weight: w, drop: [clinic, day]}\n"
NPZ = "dataset: {kind: npz, path: PATH/t.npz, id: code, weight: w}\n"
REST = "model: linear\nevaluation: {bootstrap: 50}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("roles")
    FRAME.write_csv(folder / "t.csv")
    FRAME.drop("code", "w").write_csv(folder / "bare.csv")
    np.savez(folder / "t.npz", **ARRAYS)
    np.savez(folder / "bare.npz", x=ARRAYS["x"], y=ARRAYS["y"])
    return folder


def train(config: str, folder: Path) -> Run:
    loaded = load_text(config.replace("PATH", str(folder)) + REST, "c.yaml")
    return run_experiment(loaded.experiment, runs_dir=folder / "runs", source=loaded)


@pytest.fixture(scope="module", params=["csv", "npz"])
def case(request: pytest.FixtureRequest, folder: Path) -> tuple[str, Run]:
    return request.param, train(TABLE if request.param == "csv" else NPZ, folder)


def predict(run: Run, data: Path, output: Path, **options: Any) -> tuple[Any, tuple[str, ...]]:
    predictor = load_stored(open_stored(run.path))
    opened = open_data(str(data), predictor, **options)
    with writing(output, predictor, opened.kept, ids=opened.ids) as writer:
        predict_file(predictor, opened, writer, confidence=0.9, keep=opened.kept)
    if output.suffix == ".npz":
        with np.load(output, allow_pickle=False) as arrays:
            return dict(arrays), opened.notes
    found = pl.read_csv(output, infer_schema=False) if output.suffix == ".csv" else pl.read_parquet(output)
    return found, opened.notes


def test_the_record_of_a_run_holds_ids_and_weights_beside_rows(case: tuple[str, Run]) -> None:
    for part in ("validation", "test"):
        with np.load(case[1].path / "predictions" / f"{part}.npz", allow_pickle=False) as arrays:
            rows = arrays["row"]
            assert arrays["id"].tolist() == FRAME["code"].to_numpy()[rows].tolist()
            assert arrays["weight"].tolist() == FRAME["w"].to_numpy()[rows].tolist()
            own = evaluate("binary", arrays["y_true"], arrays["y_pred"], ["accuracy", "auc"], weights=arrays["weight"])
            plain = evaluate("binary", arrays["y_true"], arrays["y_pred"], ["accuracy", "auc"])
        assert {name: case[1].metrics[part][name] for name in own} == pytest.approx(own)
        assert own != plain


@pytest.mark.parametrize("form", [".csv", ".parquet", ".npz"])
def test_ids_stand_first_as_they_are_written(case: tuple[str, Run], form: str, folder: Path, tmp_path: Path) -> None:
    found, notes = predict(case[1], folder / f"t.{case[0]}", tmp_path / f"out{form}")
    if form == ".npz":
        assert found["id"].tolist() == FRAME["code"].to_list()
    else:
        assert found.columns[0] == "code"
        assert found["code"].to_list() == FRAME["code"].to_list()
    assert not [note for note in notes if "code" in note]


def test_without_ids_they_are_left_out_and_that_is_told(case: tuple[str, Run], folder: Path, tmp_path: Path) -> None:
    found, notes = predict(case[1], folder / f"bare.{case[0]}", tmp_path / "out.csv")
    assert "code" not in found.columns
    told = "the data have no ids, no column 'code': predictions are in the order of the rows, which --rows numbers"
    assert told in notes
    found, _ = predict(case[1], folder / f"bare.{case[0]}", tmp_path / "out.npz")
    assert "id" not in found


def test_ids_are_not_kept_twice(folder: Path, tmp_path: Path) -> None:
    run = train(TABLE, folder)
    found, notes = predict(run, folder / "t.csv", tmp_path / "out.csv", keep=["age", "code"])
    assert found.columns[:3] == ["code", "age", "label"]
    assert notes == ()


def test_scores_of_new_data_are_weighted_if_the_weights_are_there(case: tuple[str, Run], folder: Path) -> None:
    stored = open_stored(case[1].path)
    predictor = load_stored(stored)
    y_pred = predictor.predict(FRAME.select("age") if case[0] == "csv" else ARRAYS["x"])
    for name, weights in ((f"t.{case[0]}", ARRAYS["w"].astype(float)), (f"bare.{case[0]}", None)):
        opened = open_data(str(folder / name), predictor, targets=True)
        found = evaluate_file(predictor, stored, opened)
        expected = evaluate("binary", ARRAYS["y"], y_pred, ["accuracy", "auc"], weights=weights)
        assert {name: found.scores[name] for name in expected} == pytest.approx(expected)
        told = "scores weigh rows by 'w'" if weights is not None else "the data have no weights, no column 'w'"
        assert any(note.startswith(told) for note in opened.notes)
        low, high = found.intervals["accuracy"]
        assert low <= found.scores["accuracy"] <= high
    record = case[1].path / "dataset.json"
    assert '"weighted"' in record.read_text()
    training = np.load(case[1].path / "split.npz")["training_0"]
    share = np.average(ARRAYS["y"][training], weights=ARRAYS["w"][training])
    baseline = evaluate("binary", ARRAYS["y"], np.full((120, 1), share), ["accuracy"])
    assert found.baseline["accuracy"] == pytest.approx(baseline["accuracy"])


def test_groups_and_times_of_new_data_are_not_asked_for(folder: Path, tmp_path: Path) -> None:
    config = TABLE.replace("drop: [clinic, day]", "time: day, drop: clinic")
    run = train(config + "validation: {kind: holdout, shuffle: false}\n", folder)
    with np.load(run.path / "predictions" / "validation.npz", allow_pickle=False) as arrays:
        assert arrays["time"].tolist() == FRAME["day"].to_numpy()[arrays["row"]].tolist()
    FRAME.drop("day").write_csv(tmp_path / "new.csv")
    _, notes = predict(run, tmp_path / "new.csv", tmp_path / "out.csv")
    assert notes == ()


def test_bad_weights_of_new_data_are_refused_with_their_row(folder: Path, tmp_path: Path) -> None:
    from dlrun.errors import DataError

    stored = open_stored(train(TABLE, folder).path)
    predictor = load_stored(stored)
    for weights, expected in (
        ([1, 2, -1, *[1] * 117], r"holds -1, which is no weight, in row 2 \(from 0\)"),
        ([0] * 120, "every row weighs 0"),
    ):
        FRAME.with_columns(w=pl.Series(weights)).write_csv(tmp_path / "bad.csv")
        with pytest.raises(DataError, match=expected):
            evaluate_file(predictor, stored, open_data(str(tmp_path / "bad.csv"), predictor, targets=True))
