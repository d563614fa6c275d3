"""Runs that are valid and unusual: half-precision averages, folds of other widths, tiny folds, undefined scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.errors import ConfigError, DataError, RunFailed
from dlrun.experiment.load import load_text
from dlrun.runs.run import AsTrial, Run, run_experiment

NETWORK = """
dataset: iris
model: {kind: network, layers: [{dense: 8}]}
optimizer: {kind: adam, learning_rate: 1e-2}
training: {epochs: 3, batch_size: 16, device: cpu}
evaluation: {bootstrap: 200}
"""


@pytest.fixture
def train(tmp_path: Path) -> Any:
    def run(text: str, *overrides: str, **more: Any) -> Run:
        loaded = load_text(text, "test.yaml", overrides)
        return run_experiment(loaded.experiment, runs_dir=tmp_path / "runs", source=loaded, **more)

    return run


def write_counts(folder: Path, lowest: int) -> str:
    """Write a regression table; return the config of a network for it."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=60)
    y = chance.poisson(np.exp(0.5 * x)) + lowest
    (folder / "counts.csv").write_text("x,y\n" + "".join(f"{a:.4f},{b}.5\n" for a, b in zip(x, y, strict=True)))
    return NETWORK.replace("iris", f"{{kind: csv, path: {folder / 'counts.csv'}, target: y}}")


@pytest.mark.parametrize("engine", ["resident", "streaming"])
def test_half_precision_scores_the_averaged_weights_too(train: Any, engine: str) -> None:
    average = ("optimizer.use_ema=true", "optimizer.ema_momentum=0.99", f"training.engine={engine}")
    plain = train(NETWORK, "training.precision=mixed_float16", f"training.engine={engine}")
    half = train(NETWORK, "training.precision=mixed_float16", *average)
    whole = train(NETWORK, *average)
    losses = [run.metrics["validation"]["loss"] for run in (plain, half, whole)]
    assert losses[1] == pytest.approx(losses[2], rel=0.02)
    assert abs(losses[0] - losses[1]) > 0.1


@pytest.mark.parametrize("model", ["{kind: network, layers: [{dense: 4}]}", "linear"])
def test_latency_is_timed_on_inputs_of_the_last_fits_width(train: Any, tmp_path: Path, model: str) -> None:
    rows = [f"{row},{'rare' if row < 2 else 'abc'[row % 3]},{row * 0.5}" for row in range(60)]
    (tmp_path / "rare.csv").write_text("x,kind,y\n" + "\n".join(rows) + "\n")
    run = train(
        f"dataset: {{kind: csv, path: {tmp_path / 'rare.csv'}, target: y}}\nmodel: {model}\n"
        "validation: {kind: kfold, folds: 4}\nevaluation: {bootstrap: 0}\ntraining: {epochs: 1}\n",
        trial=AsTrial(latency_rows=4),
    )
    assert 0 < run.metrics["latency"] < 1


def test_every_score_of_tiny_folds_has_an_interval(train: Any, tmp_path: Path) -> None:
    rows = [f"{row},{row * 0.5 + row % 3}" for row in range(20)]
    (tmp_path / "tiny.csv").write_text("x,y\n" + "\n".join(rows) + "\n")
    run = train(
        f"dataset: {{kind: csv, path: {tmp_path / 'tiny.csv'}, target: y}}\nmodel: linear\n"
        "validation: {kind: kfold, folds: 10, test_fraction: 0}\n"
    )
    found = run.metrics["intervals"]["validation"]
    for name in ("mae", "rmse", "loss"):
        low, high = found[name]
        assert low < run.metrics["validation"][name] < high


def test_a_watched_score_that_is_never_defined_is_no_best_epoch(train: Any, tmp_path: Path) -> None:
    rows = [f"{row},{'yes' if row < 40 else 'no'}" for row in range(60)]  # in order, the last rows are of one class
    (tmp_path / "ordered.csv").write_text("x,y\n" + "\n".join(rows) + "\n")
    text = NETWORK.replace("iris", f"{{kind: csv, path: {tmp_path / 'ordered.csv'}, target: y}}")
    ordered = ("validation={kind: holdout, shuffle: false, fraction: 0.1, test_fraction: 0.1}",)
    with pytest.raises(RunFailed, match="val_auc is undefined in every epoch"):
        train(text, *ordered, "training.monitor=val_auc", "evaluation.metrics=[accuracy, auc]")


def test_counts_get_outputs_above_zero(train: Any, tmp_path: Path) -> None:
    text = write_counts(tmp_path, lowest=0)
    run = train(text, "training.loss=poisson")
    assert "activation: softplus" in (run.path / "config.yaml").read_text()
    with pytest.raises(ConfigError, match="linear gives outputs below 0"):
        train(text, "training.loss=poisson", "model.output.activation=linear")


@pytest.mark.parametrize("loss", ["poisson", "msle"])
def test_negative_targets_are_refused_where_the_loss_is_undefined(train: Any, tmp_path: Path, loss: str) -> None:
    text = write_counts(tmp_path, lowest=-3)
    with pytest.raises(DataError, match=f"{loss} takes no targets below 0, and [0-9]+ of 60 rows hold one"):
        train(text, f"training.loss={loss}")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").glob("2*"))


@pytest.mark.parametrize("model", ["{kind: network, layers: []}", "linear"])
def test_classes_that_all_weigh_nothing_are_refused(train: Any, model: str) -> None:
    weights = "training.class_weights={setosa: 0, versicolor: 0, virginica: 0}"
    with pytest.raises(ConfigError, match="all classes weigh nothing"):
        train(NETWORK, f"model={model}", weights)


def test_cycles_after_part_of_an_epoch_are_refused_by_the_warm_up() -> None:
    from dlrun.experiment.datasets.sources.packaged import Iris
    from dlrun.experiment.resolve import resolve

    schedule = "optimizer.schedule={kind: cosine, cycles: 3, warmup_epochs: 0.5}"
    loaded = load_text(NETWORK, "test.yaml", [schedule, "training.snapshots=true", "training.epochs=6"])
    facts = Iris().facts()
    assert facts is not None
    with pytest.raises(ConfigError, match=r"the warm-up of 0\.5 epochs does not end with an epoch"):
        resolve(loaded.experiment, facts)


def test_balanced_classes_that_are_learned_are_not_said_to_stand_still(train: Any, tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    x = chance.normal(size=(900, 3))
    y = x[:, 0] + 0.7 * chance.normal(size=900) > 1.9
    lines = [f"{a:.3f},{b:.3f},{c:.3f},{'yes' if label else 'no'}" for (a, b, c), label in zip(x, y, strict=True)]
    (tmp_path / "rare.csv").write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    text = NETWORK.replace("iris", f"{{kind: csv, path: {tmp_path / 'rare.csv'}, target: y}}")
    run = train(text, "training.class_weights=balanced", "training.epochs=8")
    assert run.metrics["validation"]["auc"] > 0.85
    assert run.metrics["diagnosis"]["finding"] != "does_not_train"
