"""Stored runs predict what they predicted when they were trained."""

from __future__ import annotations

import io
import json
import pickle
import shutil

import numpy as np
import polars as pl
import pytest

from dlrun.errors import DataError, StorageError, UsageError
from dlrun.experiment.load import load
from dlrun.predictions.load import load as load_run

CASES = [
    "table-network",
    "table-folds",
    "table-refit",
    "table-ema",
    "table-forest",
    "table-boosting-folds",
    "table-linear",
    "numbers-network",
    "numbers-log-folds",
    "two-numbers",
    "images",
    "images-forest",
    "words",
    "flags",
    "labels-forest",
]


def test_every_case_is_tried(cases) -> None:
    assert cases == CASES


@pytest.mark.parametrize("case", CASES)
def test_predictions_are_those_of_the_training(trained, stored, case) -> None:
    run = trained(case)
    dataset = load(run.path / "config.yaml").experiment.dataset.load()
    known = stored(run, "test")
    y_pred = load_run(run.path).predict(dataset.x[known["row"]])
    assert y_pred.shape == known["y_pred"].shape
    np.testing.assert_allclose(y_pred, known["y_pred"], rtol=0, atol=1e-6 * np.abs(known["y_pred"]).max())


def test_labels_are_names_of_classes(trained, people_frame) -> None:
    predictor = load_run(trained("table-forest").path)
    frame = people_frame(30, seed=5)
    probabilities, labels = predictor.predict(frame), predictor.predict_labels(frame)
    assert labels.tolist() == np.where(probabilities[:, 0] > 0.5, "yes", "no").tolist()
    assert predictor.class_names == ("no", "yes")
    assert predictor.predict_labels(frame[:0]).shape == (0,)


def test_chunks_change_nothing(trained, people_frame, monkeypatch) -> None:
    predictor = load_run(trained("table-folds").path)
    frame = people_frame(50, seed=5)
    whole = predictor.predict(frame)
    monkeypatch.setattr("dlrun.predictions.predictor._MOST_ROWS", 7)
    assert predictor.rows_at_once == 7
    np.testing.assert_allclose(predictor.predict(frame), whole, atol=1e-6)
    assert predictor.notes == ("the predictions of 2 folds are averaged",)


def test_the_order_of_columns_and_further_ones_change_nothing(trained, people_frame) -> None:
    predictor = load_run(trained("table-linear").path)
    frame = people_frame(20, seed=5)
    turned = frame.select(reversed(frame.columns))
    assert np.array_equal(predictor.predict(turned), predictor.predict(frame))


def test_data_of_another_form_are_refused(trained, people_frame) -> None:
    table, images = (load_run(trained(case).path) for case in ("table-linear", "images-forest"))
    with pytest.raises(DataError, match="no column 'city'"):
        table.predict(people_frame(5).drop("city"))
    with pytest.raises(DataError, match="are an array, expected a table"):
        table.predict(np.zeros((5, 4)))
    with pytest.raises(DataError, match=r"shape \(5, 6\), expected \(6, 6\)"):
        images.predict(np.zeros((2, 5, 6), np.uint8))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"age": [3.0]}, "the inputs are a dict, expected an array, a data frame or the path of a file"),
        ([[1.0, 2.0]], "the inputs are a list"),
        (np.array([["a"] * 4]), "an array of type <U1 and shape"),
        (np.float64(3) * np.ones(()), "shape \\(\\), expected numbers of shape|are a float64"),
    ],
)
def test_inputs_of_other_types_are_refused(trained, inputs, message) -> None:
    for case in ("table-linear", "images-forest"):
        with pytest.raises(DataError, match=message):
            load_run(trained(case).path).predict(inputs)


def test_unknown_words_are_refused(trained) -> None:
    predictor = load_run(trained("words").path)
    with pytest.raises(DataError, match="word index 30, the network knows 0 to 29"):
        predictor.predict(np.full((2, 5), 30))


def test_nothing_is_unpickled(trained, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    for case in ("table-forest", "table-boosting-folds", "numbers-log-folds"):
        load_run(trained(case).path)


def test_only_finished_runs_predict(copied) -> None:
    folder = copied("table-linear")
    (folder / "status.json").write_text(
        (folder / "status.json").read_text().replace('"finished",', '"interrupted",', 1)
    )
    with pytest.raises(UsageError, match="is interrupted, only a finished run predicts"):
        load_run(folder)


def test_a_run_without_its_model_says_so(copied) -> None:
    folder = copied("table-linear")
    shutil.rmtree(folder / "model")
    with pytest.raises(UsageError, match="keeps no model, as a study keeps those of its best trials only") as caught:
        load_run(folder)
    assert "dlrun reproduce" in caught.value.remedy


@pytest.mark.parametrize(
    ("case", "name", "content"),
    [
        ("table-network", "checkpoints/best/fold-0.safetensors", b"\x08\0\0\0\0\0\0\0{}      "),
        ("table-network", "checkpoints/best/fold-0.safetensors", b"short"),
        ("table-network", "model/model.preprocessing.json", b'{"inputs": {"kind": "tabel"}, "target": null}'),
        ("table-network", "model/model.preprocessing.json", b"[]"),
        ("table-network", "config.yaml", b"model: {kind: netwrk}"),
        ("table-network", "dataset.json", b"{}"),
        ("table-network", "dataset.json", b"{"),
        ("table-linear", "model/model.skops", b"PK"),
        ("numbers-network", "predictions/validation.npz", b"PK"),
    ],
)
def test_damaged_files_are_named(copied, case, name, content) -> None:
    folder = copied(case)
    (folder / name).write_bytes(content)
    with pytest.raises(StorageError) as caught:
        load_run(folder)
    assert name in caught.value.message
    assert "damaged" in caught.value.message


def test_missing_weights_are_named(copied) -> None:
    folder = copied("table-network")
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises(StorageError, match=r"cannot read .*fold-0\.safetensors"):
        load_run(folder)


def test_weights_of_another_network_are_refused(copied, trained) -> None:
    folder = copied("table-network")
    other = trained("flags").path / "checkpoints/best/fold-0.safetensors"
    shutil.copy(other, folder / "checkpoints/best/fold-0.safetensors")
    with pytest.raises(StorageError, match="do not belong to this network"):
        load_run(folder)


def test_models_of_other_types_are_refused(copied) -> None:
    import skops.io
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import FunctionTransformer

    folder = copied("table-linear")
    file = folder / "model/model.skops"
    file.write_bytes(skops.io.dumps(FunctionTransformer(pl.read_csv)))
    with pytest.raises(StorageError, match="is a FunctionTransformer, the config asks for a LogisticRegression"):
        load_run(folder)
    file.write_bytes(skops.io.dumps(Ridge()))
    with pytest.raises(StorageError, match="is a Ridge, the config asks for a LogisticRegression"):
        load_run(folder)


@pytest.mark.parametrize("child", [0, 10_000])
def test_trees_that_lead_outside_or_back_are_refused(copied, child) -> None:
    import skops.io

    folder = copied("table-forest")
    file = folder / "model/model.skops"
    forest = skops.io.loads(file.read_bytes(), trusted=["sklearn.tree._tree.Tree"])
    tree = forest.estimators_[0].tree_
    state = tree.__getstate__()
    state["nodes"]["left_child"][0] = child
    tree.__setstate__(state)
    file.write_bytes(skops.io.dumps(forest))
    with pytest.raises(StorageError, match=r"estimators_\[0\]\.tree_ leads to a node that does not exist, or back"):
        load_run(folder)


def test_arrays_of_objects_are_refused(copied) -> None:
    folder = copied("numbers-network")
    buffer = io.BytesIO()
    np.savez(buffer, y_true=np.array([[object()]]), y_pred=np.zeros((1, 1)), allow_pickle=True)
    (folder / "predictions/validation.npz").write_bytes(buffer.getvalue())
    with pytest.raises(StorageError, match=r"validation\.npz is damaged"):
        load_run(folder)


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("table-forest", lambda targets: targets.update(classes=["yes"])),
        ("table-forest", lambda targets: targets.update(classes=["yes", "yes"])),
        ("table-forest", lambda targets: targets.update(classes=["a", "b", "c"])),
        ("two-numbers", lambda targets: targets.update(names=["a"])),
        ("two-numbers", lambda targets: targets.update(names=["a", "a"])),
        ("labels-forest", lambda targets: targets.update(classes=["a"])),
    ],
)
def test_names_of_classes_and_targets_fit_what_is_predicted(copied, case, change) -> None:
    folder = copied(case)
    facts = json.loads((folder / "dataset.json").read_text())
    load_run(folder)
    change(facts["targets"])
    (folder / "dataset.json").write_text(json.dumps(facts))
    with pytest.raises(StorageError, match=r"dataset\.json is damaged"):
        load_run(folder)
