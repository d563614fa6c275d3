"""Whole runs through `run_experiment`, in this process: what they compute, and what they leave behind."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.errors import ConfigError
from dlrun.experiment.load import load_text
from dlrun.runs.run import Run, run_experiment

NETWORK = """
name: small
dataset: {kind: iris}
model: {kind: network, layers: [{dense: {units: 8, batch_norm: true, dropout: 0.2}}]}
training: {epochs: 4, batch_size: 16}
"""


@pytest.fixture
def train(tmp_path: Path) -> Any:
    def run(text: str, *overrides: str) -> Run:
        loaded = load_text(text, "test.yaml", overrides)
        return run_experiment(loaded.experiment, runs_dir=tmp_path / "runs", source=loaded)

    return run


def npz(run: Run, name: str) -> dict[str, np.ndarray]:
    with np.load(run.path / name, allow_pickle=False) as arrays:
        return dict(arrays)


def history(run: Run) -> list[dict[str, str]]:
    with (run.path / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_metrics_follow_the_contract(train: Any) -> None:
    run = train(NETWORK)
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["task"] == "multiclass"
    assert metrics["monitor"] == "val_loss"
    assert 1 <= metrics["best_epoch"] <= 4
    assert (
        set(metrics["train"]) == set(metrics["validation"]) == set(metrics["test"]) == {"loss", "accuracy", "macro_f1"}
    )
    for part in ("validation", "test"):
        low, high = metrics["intervals"][part]["accuracy"]
        assert low <= metrics[part]["accuracy"] <= high
        assert metrics["baseline"][part]["accuracy"] == pytest.approx(1 / 3, abs=0.02)
    assert metrics["baseline"]["kind"] == "majority"
    assert metrics["folds"][0]["validation"] == metrics["validation"]
    assert metrics["num_parameters"] == 4 * 8 + 4 * 8 + 8 * 3 + 3
    assert {"total", "load", "build", "fit", "per_epoch"} <= set(metrics["seconds"])
    assert json.loads(json.dumps(run.metrics)) == metrics


def test_the_best_epoch_is_the_one_that_is_scored(train: Any) -> None:
    run = train(NETWORK, "training.epochs=12", "optimizer.learning_rate=0.05")
    losses = [float(row["val_loss"]) for row in history(run)]
    assert run.metrics["best_epoch"] == int(np.argmin(losses)) + 1
    assert run.metrics["validation"]["loss"] == pytest.approx(min(losses), rel=1e-6)


def test_predictions_score_as_the_metrics_say(train: Any) -> None:
    run = train(NETWORK)
    for part in ("validation", "test"):
        arrays = npz(run, f"predictions/{part}.npz")
        accuracy = float((arrays["y_pred"].argmax(axis=1) == arrays["y_true"]).mean())
        assert accuracy == pytest.approx(run.metrics[part]["accuracy"])
    split = npz(run, "split.npz")
    assert sorted(npz(run, "predictions/test.npz")["row"]) == sorted(split["test"])
    assert sorted(np.concatenate([split["test"], split["training_0"], split["validation_0"]])) == list(range(150))


def test_a_network_loads_in_plain_keras(train: Any) -> None:
    import keras

    run = train(NETWORK)
    model = keras.saving.load_model(run.path / "model" / "model.keras")
    saved = json.loads((run.path / "model" / "model.preprocessing.json").read_text())
    assert saved["target"] is None
    from dlrun.experiment.datasets.sources.sources import Iris
    from dlrun.experiment.preprocessing.preprocessing import load_fitted

    inputs = load_fitted(saved["inputs"]).transform(Iris().load().x).only
    test = npz(run, "predictions/test.npz")
    np.testing.assert_allclose(model.predict(inputs[test["row"]], verbose=0), test["y_pred"], rtol=1e-5, atol=1e-6)


def test_kfold_predicts_every_development_row_once_and_averages_the_scores(train: Any) -> None:
    run = train(NETWORK, "validation={kind: kfold, folds: 3, test_fraction: 0.2}")
    validation, split = npz(run, "predictions/validation.npz"), npz(run, "split.npz")
    assert sorted(validation["row"]) == sorted(set(range(150)) - set(split["test"].tolist()))
    assert [len(run.metrics["folds"]), set(validation["fold"])] == [3, {0, 1, 2}]
    accuracies = [fold["validation"]["accuracy"] for fold in run.metrics["folds"]]
    assert run.metrics["validation"]["accuracy"] == pytest.approx(np.mean(accuracies))
    low, high = run.metrics["intervals"]["validation"]["accuracy"]
    assert low <= run.metrics["validation"]["accuracy"] <= high
    assert {row["fold"] for row in history(run)} == {"0", "1", "2"}
    assert {path.name for path in (run.path / "model").glob("*.keras")} == {f"fold-{k}.keras" for k in range(3)}


def test_all_folds_share_one_trace(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlrun.learners.engines.resident import ResidentEngine

    traced: list[ResidentEngine] = []
    original = ResidentEngine._step

    def step(self: ResidentEngine, *arguments: Any) -> None:
        traced.append(self)  # Python is here only while a graph is made
        original(self, *arguments)

    monkeypatch.setattr(ResidentEngine, "_step", step)
    train(NETWORK, "validation={kind: repeated_kfold, folds: 3, repeats: 2}", "training.epochs=2")
    assert len(traced) == 1


def test_repeats_reshuffle(train: Any) -> None:
    run = train(NETWORK, "validation={kind: repeated_kfold, folds: 3, repeats: 2}", "training.epochs=1")
    arrays = npz(run, "predictions/validation.npz")
    first, second = (arrays["row"][arrays["fold"] == fold].tolist() for fold in (0, 3))
    assert first != second
    assert np.bincount(arrays["row"]).max() == 2


def test_folds_start_from_weights_of_their_own(train: Any) -> None:
    run = train(NETWORK, "validation={kind: kfold, folds: 3}", "training.epochs=1")
    losses = [row["loss"] for row in history(run)]
    assert len(set(losses)) == 3


def test_refit_trains_on_everything_but_the_test_for_the_best_number_of_epochs(train: Any) -> None:
    run = train(NETWORK, "training.refit=true", "training.epochs=6")
    rows = [row for row in history(run) if row["fold"] == "-1"]
    assert len(rows) == run.metrics["best_epoch"] == run.metrics["refit"]["epochs"]
    assert all(row["val_loss"] == "" for row in rows)
    assert (run.path / "checkpoints" / "best" / "refit.safetensors").is_file()
    assert [path.name for path in (run.path / "model").glob("*.keras")] == ["model.keras"]


def test_regression_is_scored_in_original_units(train: Any) -> None:
    run = train(NETWORK, "dataset.kind=diabetes", "training.epochs=30", "optimizer.learning_rate=0.01")
    test = npz(run, "predictions/test.npz")
    assert test["y_true"].mean() == pytest.approx(152, abs=15)
    assert test["y_pred"].mean() == pytest.approx(152, abs=25)
    errors = np.abs(test["y_true"] - test["y_pred"])
    assert run.metrics["test"]["mae"] == pytest.approx(errors.mean())
    assert run.metrics["test"]["rmse"] < run.metrics["baseline"]["test"]["rmse"]
    assert run.metrics["baseline"]["kind"] == "mean"


@pytest.mark.parametrize("kind", ["linear", "random_forest", "gradient_boosting"])
@pytest.mark.parametrize("dataset", ["wine", "breast_cancer", "diabetes"])
def test_estimators_run_through_the_same_folds_and_records(train: Any, kind: str, dataset: str) -> None:
    run = train(
        f"dataset: {dataset}\nmodel: {kind}\nvalidation: {{kind: kfold, folds: 3, test_fraction: 0.2}}\n",
        "training.refit=true",
    )
    main = "r2" if dataset == "diabetes" else "accuracy"
    assert run.metrics["validation"][main] > run.metrics["baseline"]["validation"][main] + 0.2
    assert run.metrics["best_epoch"] is None
    assert run.metrics["num_parameters"] is None
    assert [path.name for path in (run.path / "model").glob("*.skops")] == ["model.skops"]
    assert len(npz(run, "predictions/validation.npz")["row"]) == sum(
        len(rows) for name, rows in npz(run, "split.npz").items() if name.startswith("validation")
    )


def test_the_resolved_config_reproduces_the_run(train: Any, tmp_path: Path) -> None:
    run = train(NETWORK)
    again = train((run.path / "config.yaml").read_text())
    assert (run.path / "history.csv").read_bytes() == (again.path / "history.csv").read_bytes()
    assert (run.path / "config.yaml").read_bytes() == (again.path / "config.yaml").read_bytes()
    assert "auto" not in (run.path / "config.yaml").read_text()


def test_both_engines_leave_the_same_kind_of_record(train: Any) -> None:
    resident, streaming = (train(NETWORK, f"training.engine={engine}") for engine in ("resident", "streaming"))
    files = [
        {str(path.relative_to(run.path)) for path in run.path.rglob("*") if "tfevents" not in path.name}
        for run in (resident, streaming)
    ]
    assert files[0] == files[1]
    assert history(resident)[0].keys() == history(streaming)[0].keys()
    for ours, theirs in zip(history(resident), history(streaming), strict=True):
        assert float(ours["val_loss"]) == pytest.approx(float(theirs["val_loss"]), rel=1e-3)


def test_balanced_class_weights_help_the_rare_class(train: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    y = (random.random(600) < 0.06).astype(np.int64)
    x = random.normal(size=(600, 3)).astype(np.float32) + y[:, None]
    np.savez(tmp_path / "rare.npz", x=x, y=y)
    text = f"dataset: {{kind: npz, path: '{tmp_path / 'rare.npz'}'}}\nmodel: network\n"
    text += "training: {epochs: 20}\noptimizer: {kind: rmsprop, learning_rate: 0.05}\n"
    plain = train(text, "evaluation.metrics=[recall]")
    weighted = train(text, "evaluation.metrics=[recall]", "training.class_weights=balanced")
    assert weighted.metrics["validation"]["recall"] > plain.metrics["validation"]["recall"] + 0.2


def test_an_average_of_weights_is_what_is_validated_and_kept(train: Any) -> None:
    text = NETWORK + "optimizer: {kind: sgd, learning_rate: 0.5, use_ema: true, ema_momentum: 0.9}\n"
    run = train(text)
    plain = train(text, "optimizer.use_ema=false")
    assert [row["loss"] for row in history(run)] == [row["loss"] for row in history(plain)]
    assert [row["val_loss"] for row in history(run)] != [row["val_loss"] for row in history(plain)]
    assert run.metrics["validation"]["loss"] == pytest.approx(min(float(r["val_loss"]) for r in history(run)), rel=1e-6)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_learns_and_predicts_in_float32(train: Any, precision: str) -> None:
    run = train(NETWORK, f"training.precision={precision}", "training.epochs=15", "optimizer.learning_rate=0.02")
    assert npz(run, "predictions/test.npz")["y_pred"].dtype == np.float32
    assert run.metrics["validation"]["accuracy"] > 0.7


def test_a_schedule_reaches_the_history(train: Any) -> None:
    run = train(NETWORK, "optimizer.schedule={kind: exponential, decay_rate: 0.5}", "training.epochs=3")
    rates = [float(row["learning_rate"]) for row in history(run)]
    assert rates[0] > rates[1] > rates[2]


@pytest.mark.parametrize(
    "text",
    [
        "dataset: {kind: iris}\nmodel: {kind: random_forest, num_trees: 9}\n",
        "dataset: {kind: breast_cancer}\nmodel: {kind: network, layers: [dense: 4]}\ntraining: {epochs: 2}\n",
    ],
    ids=["forest", "network"],
)
@pytest.mark.parametrize("scheme", ["{kind: kfold, folds: 3}", "{kind: repeated_kfold, folds: 2, repeats: 2}"])
def test_every_test_score_of_folds_is_that_of_the_averaged_prediction(train: Any, text: str, scheme: str) -> None:
    run = train(f"name: folds\n{text}validation: {scheme}\nevaluation: {{metrics: [log_loss], bootstrap: 50}}\n")
    stored, metrics = npz(run, "predictions/test.npz"), run.metrics
    y_true, y_pred = stored["y_true"], stored["y_pred"].astype(np.float64)
    of_truth = y_pred[np.arange(len(y_true)), y_true] if y_pred.shape[1] > 1 else np.abs(1 - y_true - y_pred[:, 0])
    expected = -np.log(np.clip(of_truth, 1e-7, 1 - 1e-7)).mean()
    assert metrics["test"]["log_loss"] == pytest.approx(expected, rel=1e-5)
    assert metrics["test"]["loss"] == pytest.approx(expected, rel=1e-4)
    assert metrics["intervals"]["test"]["loss"] == pytest.approx(metrics["intervals"]["test"]["log_loss"], rel=1e-4)
    baseline = metrics["baseline"]["test"]
    assert baseline["loss"] == pytest.approx(baseline["log_loss"], rel=1e-4)


def test_the_test_loss_of_folds_is_on_the_mean_of_their_scales(train: Any) -> None:
    run = train(
        "name: scales\ndataset: {kind: diabetes}\nmodel: linear\nvalidation: {kind: kfold, folds: 3}\n"
        "evaluation: {metrics: [mse], bootstrap: 0}\n"
    )
    files = run.path.glob("model/*.preprocessing.json")
    scales = [json.loads(path.read_text())["target"]["scale"][0] for path in files]
    assert len(set(scales)) == 3
    factor = np.mean([scale**-2 for scale in scales])
    assert run.metrics["test"]["loss"] == pytest.approx(run.metrics["test"]["mse"] * factor, rel=1e-4)


@pytest.fixture
def priced(tmp_path: Path) -> str:
    """Write a table whose prices are proportional to one column, which a line through logarithms overshoots."""
    random = np.random.default_rng(1)
    area = random.lognormal(5, 1, 600)
    price = 1000 * area * np.exp(random.normal(0, 0.2, 600))
    lines = [f"{one:.1f},{other:.0f}" for one, other in zip(area, price, strict=True)]
    (tmp_path / "prices.csv").write_text("\n".join(["area,price", *lines]) + "\n")
    return f"name: prices\ndataset: {{kind: csv, path: {tmp_path}/prices.csv, target: price, target_transform: log}}\n"


def test_predictions_of_logarithms_stay_near_the_training_range(train: Any, priced: str, tmp_path: Path) -> None:
    free = train(priced + "model: linear\n", "dataset.target_margin=null")
    run = train(priced + "model: linear\n")
    assert "target_margin: 0.05" in (run.path / "config.yaml").read_text()
    assert free.metrics["validation"]["r2"] < 0 < 0.4 < run.metrics["validation"]["r2"]
    (low, high), *_ = json.loads((run.path / "model/model.preprocessing.json").read_text())["target"]["bounds"]
    y = np.genfromtxt(tmp_path / "prices.csv", delimiter=",", skip_header=1)[:, 1]
    known = np.log1p(y[npz(run, "split.npz")["training_0"]])
    room = 0.05 * (known.max() - known.min())
    assert (low, high) == pytest.approx((known.min() - room, known.max() + room))
    predicted = npz(run, "predictions/validation.npz")["y_pred"]
    num = int((predicted == np.expm1(high)).sum())
    assert num > 0
    assert predicted.max() == np.expm1(high)
    told = f"{num} validation row{'s' * (num > 1)} predicted outside the range of the training targets"
    assert told in (run.path / "output.log").read_text()
    assert "outside the range" not in (free.path / "output.log").read_text()


def test_a_bounded_network_watches_the_loss_of_what_it_delivers(train: Any, priced: str) -> None:
    network = "model: {kind: network, layers: []}\ntraining: {epochs: 5}\n"
    run = train(priced + network, "optimizer.learning_rate=0.05")
    losses = [float(row["val_loss"]) for row in history(run)]
    assert "outside the range" in (run.path / "output.log").read_text()
    assert run.metrics["validation"]["loss"] == pytest.approx(min(losses), rel=1e-6)


def test_classes_that_only_test_rows_hold_are_not_said_to_be_generalized_to(train: Any) -> None:
    text = "name: sorted\ndataset: {kind: iris}\nmodel: linear\n"
    run = train(text + "validation: {kind: holdout, fraction: 0.3, test_fraction: 0.33, shuffle: false}\n")
    assert run.metrics["test"]["accuracy"] == 0
    assert "generalizes" not in run.metrics["diagnosis"]["summary"]
    assert any("'virginica', which no training row does" in line for line in run.metrics["diagnosis"]["evidence"])


@pytest.mark.parametrize("model", ["gradient_boosting", "random_forest"])
def test_threads_of_trees_change_no_bit(train: Any, model: str) -> None:
    text = f"name: trees\ndataset: {{kind: breast_cancer}}\nmodel: {model}\nevaluation: {{bootstrap: 0}}\n"
    runs = [train(text, f"training.threads={threads}") for threads in (1, 2, 3)]
    for part in ("validation", "test"):
        first, *others = (npz(run, f"predictions/{part}.npz")["y_pred"] for run in runs)
        assert all(np.array_equal(first, other) for other in others)
    assert "threads: 3" in (runs[2].path / "config.yaml").read_text()
    assert json.loads((runs[2].path / "environment.json").read_text())["threads"] == 3


def test_a_small_estimator_takes_one_thread_and_says_so(train: Any) -> None:
    run = train("name: small\ndataset: {kind: iris}\nmodel: gradient_boosting\n")
    assert "threads: 1" in (run.path / "config.yaml").read_text()


@pytest.fixture
def churning(tmp_path: Path) -> str:
    """Write a table with a rare class that comes first by name."""
    random = np.random.default_rng(7)
    a, b = random.normal(size=(2, 400))
    states = np.where(a + 0.5 * b + random.normal(0, 0.5, 400) > 1.2, "churned", "stayed")
    lines = [f"{one:.4f},{other:.4f},{state}" for one, other, state in zip(a, b, states, strict=True)]
    (tmp_path / "states.csv").write_text("\n".join(["x1,x2,state", *lines]) + "\n")
    return (
        f"name: states\ndataset: {{kind: csv, path: {tmp_path}/states.csv, target: state}}\nmodel: linear\n"
        "evaluation: {metrics: [f1, precision, recall, average_precision, auc], bootstrap: 100}\n"
    )


@pytest.mark.parametrize(("named", "positive"), [(None, "stayed"), ("churned", "churned"), ("stayed", "stayed")])
def test_the_positive_class_is_named_and_can_be_set(
    train: Any, churning: str, named: str | None, positive: str
) -> None:
    from sklearn import metrics as sk

    run = train(churning, *([f"evaluation.positive_class={named}"] if named else []))
    assert f"positive_class: {positive}" in (run.path / "config.yaml").read_text()
    assert run.metrics["positive_class"] == positive
    stored = npz(run, "predictions/test.npz")
    code = ["churned", "stayed"].index(positive)
    true = stored["y_true"] == code
    score = stored["y_pred"][:, 0] if code else 1 - stored["y_pred"][:, 0].astype(np.float64)
    expected = {
        "f1": sk.f1_score(true, score > 0.5),
        "precision": sk.precision_score(true, score > 0.5),
        "recall": sk.recall_score(true, score > 0.5),
        "average_precision": sk.average_precision_score(true, score),
        "auc": sk.roc_auc_score(true, score),
    }
    assert {name: run.metrics["test"][name] for name in expected} == pytest.approx(expected)
    low, high = run.metrics["intervals"]["test"]["f1"]
    assert low <= run.metrics["test"]["f1"] <= high
    told = " ".join((run.path / "output.log").read_text().split())
    assert f"f1, precision, recall and average precision: of the class '{positive}'" in told


def test_training_does_not_depend_on_the_positive_class(train: Any, churning: str) -> None:
    ours, theirs = (train(churning, f"evaluation.positive_class={name}") for name in ("churned", "stayed"))
    for part in ("validation", "test"):
        one, other = (npz(run, f"predictions/{part}.npz") for run in (ours, theirs))
        assert all(one[name].tobytes() == other[name].tobytes() for name in one)
        assert ours.metrics[part]["loss"] == theirs.metrics[part]["loss"]
        assert ours.metrics[part]["auc"] == theirs.metrics[part]["auc"]


def test_a_network_is_watched_for_the_positive_class(train: Any, churning: str) -> None:
    text = churning.replace("model: linear", "model: {kind: network, layers: [dense: 4]}\ntraining: {epochs: 4}")
    run = train(text, "evaluation.positive_class=churned", "training.monitor=val_f1")
    scores = [float(row["val_f1"] or "nan") for row in history(run)]
    assert run.metrics["validation"]["f1"] == pytest.approx(np.nanmax(scores), rel=1e-6)


@pytest.mark.parametrize(
    ("text", "override", "message"),
    [
        (None, "evaluation.positive_class=gone", "no class is called 'gone'"),
        ("name: x\ndataset: {kind: iris}\nmodel: linear\n", "evaluation.positive_class=setosa", "no positive class"),
        ("name: x\ndataset: {kind: diabetes}\nmodel: linear\n", "evaluation.positive_class=1", "no positive class"),
    ],
)
def test_a_positive_class_that_there_is_not(
    train: Any, churning: str, tmp_path: Path, text: str | None, override: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        train(text or churning, override)
    if text is None:
        assert "The classes are 'churned' and 'stayed'." in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_classes_that_are_numbers_are_named_as_yaml_reads_them(train: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=100)
    lines = [f"{one:.3f},{int(one > 0.5)}" for one in x]
    (tmp_path / "zeros.csv").write_text("\n".join(["x,y", *lines]) + "\n")
    text = f"name: zeros\ndataset: {{kind: csv, path: {tmp_path}/zeros.csv, target: y}}\nmodel: linear\n"
    assert train(text, "evaluation.positive_class=0").metrics["positive_class"] == "0"
