"""Runs scored on labelled files, and the ledger."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from dlrun.errors import DataError
from dlrun.experiment.load import load_text
from dlrun.experiment.preprocessing.target import BOUNDED
from dlrun.predictions import evaluate as evaluating
from dlrun.predictions.evaluate import evaluate_file
from dlrun.predictions.files.data import open_data
from dlrun.predictions.labels import encode
from dlrun.predictions.load import load_stored
from dlrun.records import ledger
from dlrun.records.folder import LEDGER
from dlrun.records.stored import open_stored
from dlrun.runs.run import run_experiment


def evaluated(folder, path, **options):
    stored = open_stored(folder)
    predictor = load_stored(stored)
    return evaluate_file(predictor, stored, open_data(str(path), predictor, targets=True, **options))


@pytest.mark.parametrize("case", ["table-folds", "table-boosting-folds", "numbers-network", "numbers-log-folds"])
def test_scores_on_the_test_rows_are_those_of_the_run(copied, stored, trained, files, tmp_path, case) -> None:
    folder = copied(case)
    rows = stored(trained(case), "test")["row"]
    pl.read_csv(files / "people.csv")[rows].write_csv(tmp_path / "test.csv")
    found = evaluated(folder, tmp_path / "test.csv")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert found.num_rows == len(rows)
    assert found.scores == pytest.approx(metrics["test"], rel=1e-4, abs=1e-6)
    baseline = {name: value for name, value in found.baseline.items() if name != "kind"}
    known = {name: metrics["baseline"]["test"][name] for name in baseline}
    assert found.baseline["kind"] == metrics["baseline"]["kind"]
    if case == "numbers-network":
        assert baseline == pytest.approx(known, rel=1e-6)
    assert found.test_looks == 1  # the copied folder has a ledger of its own
    again = evaluated(folder, tmp_path / "test.csv")
    assert again.test_looks == 2
    assert again.notes[-1] == "a known test set: look 2 at it"
    bounded = [True, False] if case == "numbers-log-folds" else [False]
    assert [BOUNDED in note for note in again.notes] == bounded
    looks = ledger.looks(folder.parent, ledger.fingerprint_of(stored(trained(case), "test")["y_true"], _classes(case)))
    assert [(look.run, look.why) for look in looks] == [(folder.name, "evaluate")] * 2


def _classes(case: str) -> tuple[str, ...]:
    return ("no", "yes") if case.startswith("table") else ()


def test_new_rows_are_no_look(copied, people_frame, tmp_path) -> None:
    folder = copied("table-linear")
    people_frame(40, seed=8).write_csv(tmp_path / "new.csv")
    found = evaluated(folder, tmp_path / "new.csv")
    assert (found.test_looks, found.notes) == (None, ())
    assert not (folder.parent / LEDGER).exists()


@pytest.mark.parametrize("case", ["table-linear", "numbers-network", "table-forest"])
def test_test_rows_are_known_in_any_order_and_in_part(
    copied, stored, trained, files, people_frame, tmp_path, case
) -> None:
    folder = copied(case)
    known = stored(trained(case), "test")
    test = pl.read_csv(files / "people.csv")[known["row"]]
    test[::-1].write_csv(tmp_path / "turned.csv")
    turned = evaluated(folder, tmp_path / "turned.csv")
    assert turned.test_looks == 1
    assert turned.notes == (
        f"{len(test)} of these {len(test)} rows have the inputs of test rows of the run",
        "a known test set: look 1 at it",
    )
    pl.concat([test[:7].select(sorted(test.columns)), people_frame(5, seed=9).select(sorted(test.columns))]).write_csv(
        tmp_path / "part.csv"
    )
    part = evaluated(folder, tmp_path / "part.csv")
    assert (part.test_looks, part.notes[0]) == (2, "7 of these 12 rows have the inputs of test rows of the run")
    looks = ledger.looks(folder.parent, ledger.fingerprint_of(known["y_true"], _classes(case)))
    assert [look.why for look in looks] == ["evaluate"] * 2, "both are looks at the test set of the run"


@pytest.mark.parametrize("case", ["images-forest", "words", "flags"])
def test_test_rows_of_arrays_are_known_too(copied, stored, trained, files, tmp_path, case) -> None:
    name = {"images-forest": "images"}.get(case, case)
    rows = stored(trained(case), "test")["row"][::-1]
    with np.load(files / f"{name}.npz") as arrays:
        kept = {key: values[rows[:4]] for key, values in arrays.items()}
    if kept["x"].dtype.kind in "fui":
        kept["x"] = kept["x"].astype(np.float64 if kept["x"].dtype.kind == "f" else kept["x"].dtype)
    np.savez(tmp_path / "part.npz", **kept)
    found = evaluated(copied(case), tmp_path / "part.npz")
    assert (found.test_looks, found.notes[0]) == (1, "4 of these 4 rows have the inputs of test rows of the run")


def test_runs_without_hashes_know_their_test_rows_in_order_alone(copied, stored, trained, files, tmp_path) -> None:
    folder = copied("table-linear")
    test = pl.read_csv(files / "people.csv")[stored(trained("table-linear"), "test")["row"]]
    (folder / "test_rows.npz").unlink()
    test.write_csv(tmp_path / "same.csv")
    test[::-1].write_csv(tmp_path / "turned.csv")
    assert evaluated(folder, tmp_path / "turned.csv").test_looks is None
    assert evaluated(folder, tmp_path / "same.csv").test_looks == 1


def test_the_rows_of_the_training_are_recognized(copied, files) -> None:
    folder = copied("table-linear")
    found = evaluated(folder, files / "people.csv")
    assert found.test_looks == 1
    assert found.notes[0].startswith("these are the rows that the run was made of: 120 of 150 were learned from")


@pytest.mark.parametrize("case", ["table-linear", "table-folds", "images-forest"])
def test_single_rows_of_the_training_are_recognized(copied, files, stored, trained, tmp_path, case) -> None:
    folder = copied(case)
    test = set(stored(trained(case), "test")["row"].tolist())
    if case == "images-forest":
        with np.load(files / "images.npz") as arrays:
            rows = [row for row in range(len(arrays["x"])) if row not in test][:20]
            path = tmp_path / "some.npz"
            np.savez(path, x=arrays["x"][rows][::-1], y=arrays["y"][rows][::-1])
    else:
        frame = pl.read_csv(files / "people.csv")
        rows = [row for row in range(frame.height) if row not in test][:20]
        path = tmp_path / "some.csv"
        frame[rows][::-1].write_csv(path)
    found = evaluated(folder, path)
    assert found.notes[0].startswith("20 of these 20 rows have the inputs of rows that the run learned from or was")
    assert found.test_looks is None


def test_rows_are_not_compared_with_data_that_have_changed(people_frame, tmp_path, monkeypatch) -> None:
    people_frame(80).drop("id").write_csv(tmp_path / "train.csv")
    config = f"dataset: {{kind: csv, path: {tmp_path}/train.csv, target: kind}}\nmodel: {{kind: linear}}\n"
    run = run_experiment(load_text(config, "config.yaml").experiment, runs_dir=tmp_path / "runs")
    people_frame(80)[:70].drop("id").write_csv(tmp_path / "some.csv")
    assert "have the inputs of rows that the run learned from" in evaluated(run.path, tmp_path / "some.csv").notes[0]
    people_frame(80, seed=1).drop("id").write_csv(tmp_path / "train.csv")
    not_compared = "not compared with the rows that the run learned from: "
    note, *_ = evaluated(run.path, tmp_path / "some.csv").notes
    assert note == f"{not_compared}'{tmp_path}/train.csv' has changed since"
    (tmp_path / "train.csv").unlink()
    note, *_ = evaluated(run.path, tmp_path / "some.csv").notes
    assert note == f"{not_compared}'{tmp_path}/train.csv' cannot be read any more"
    monkeypatch.setattr(evaluating, "_MOST_VALUES", 80)
    assert evaluated(run.path, tmp_path / "some.csv").notes[0] == f"{not_compared}they are too many"


def test_the_rows_of_the_training_are_recognized_beside_an_own_test_part(people_frame, tmp_path) -> None:
    people_frame(150).drop("id").write_csv(tmp_path / "train.csv")
    people_frame(40, seed=5).drop("id").write_csv(tmp_path / "test.csv")
    config = (
        f"dataset: {{kind: csv, path: {tmp_path}/train.csv, test_path: {tmp_path}/test.csv, target: kind}}\n"
        "model: {kind: linear}\nevaluation: {bootstrap: 0}\n"
    )
    run = run_experiment(load_text(config, "config.yaml").experiment, runs_dir=tmp_path / "runs")
    found = evaluated(run.path, tmp_path / "train.csv")
    assert found.test_looks is None
    (note,) = found.notes
    assert note.startswith("these are the rows that the run was made of: 150 of 150 were learned from")
    assert evaluated(run.path, tmp_path / "test.csv").notes == ("a known test set: look 2 at it",)
    people_frame(150, seed=6).drop("id").write_csv(tmp_path / "other.csv")
    assert evaluated(run.path, tmp_path / "other.csv").notes == ()


def test_labels_of_arrays(copied, files, trained, stored) -> None:
    found = evaluated(copied("images-forest"), files / "images.npz")
    with np.load(files / "images.npz") as arrays:
        assert found.num_rows == len(arrays["y"])
    many = evaluated(copied("labels-forest"), files / "words.npz")
    assert many.baseline["kind"] == "majority"
    assert set(many.scores) >= {"loss", "binary_accuracy"}


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["yes", "no", None, "no"], "no label in 'kind' for 1 row, the first is row 2"),
        (["yes", "no", "maybe", "no"], "labels that the run does not know, in 1 row: 'maybe'; it knows 'no', 'yes'"),
    ],
)
def test_labels_that_are_missing_or_unknown_are_refused(copied, people_frame, tmp_path, column, message) -> None:
    people_frame(4).with_columns(kind=pl.Series(column)).write_csv(tmp_path / "new.csv")
    with pytest.raises(DataError, match=message):
        evaluated(copied("table-linear"), tmp_path / "new.csv")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([b"\xff"] * 90), "text that is not UTF-8"),
        (np.array(["2026-01-01"] * 90, "M8[D]"), r"of type datetime64\[D\], expected numbers, booleans or text"),
        (np.zeros(90, complex), "of type complex128"),
    ],
)
def test_labels_of_other_types_are_refused(copied, files, tmp_path, labels, message) -> None:
    with np.load(files / "images.npz") as arrays:
        np.savez(tmp_path / "odd.npz", x=arrays["x"], y=labels)
    with pytest.raises(DataError, match=message):
        evaluated(copied("images-forest"), tmp_path / "odd.npz")


def test_a_file_without_rows_is_refused(copied, people_frame, tmp_path) -> None:
    people_frame(4).head(0).write_csv(tmp_path / "new.csv")
    with pytest.raises(DataError, match="has no rows"):
        evaluated(copied("table-linear"), tmp_path / "new.csv")


@pytest.mark.parametrize(
    ("classes", "values", "codes"),
    [
        (("1", "3"), pl.Series("y", ["3", "1.0", "3.0"]), [1, 0, 1]),
        (("1", "3"), pl.Series("y", [3.0, 1.0, 3.0]), [1, 0, 1]),
        (("1", "3"), pl.Series("y", [3, 1, 3]), [1, 0, 1]),
        (("false", "true"), pl.Series("y", ["True", "false", "TRUE"]), [1, 0, 1]),
        (("false", "true"), pl.Series("y", [True, False, True]), [1, 0, 1]),
    ],
)
def test_classes_are_known_however_they_are_spelled(trained, classes, values, codes) -> None:
    from dataclasses import replace

    description = replace(load_stored(open_stored(trained("table-linear").path)).description, class_names=classes)
    assert encode(pl.DataFrame([values]), description).tolist() == codes


def test_rows_of_a_dataset_that_comes_with_a_package_are_recognized(tmp_path) -> None:
    from sklearn.datasets import load_iris

    config = "dataset: iris\nmodel: linear\nevaluation: {bootstrap: 10}\n"
    run = run_experiment(load_text(config, "config.yaml").experiment, runs_dir=tmp_path / "runs")
    with np.load(run.path / "split.npz") as split:
        row = int(np.setdiff1d(np.arange(150), split["test"])[0])
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    np.savez(tmp_path / "one.npz", x=x[[row]].astype(np.float32), y=names[y[[row]]])
    note, *_ = evaluated(run.path, tmp_path / "one.npz").notes
    assert note.startswith("1 of these 1 rows has the inputs of rows that the run learned from or was chosen by")
