"""The ready experiments of configs/: valid, complete, listed, and as different from each other as they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlrun.config.find import QUICKSTART
from dlrun.config.write import to_yaml
from dlrun.experiment.datasets.inputs import InputForm
from dlrun.experiment.load import load, load_text
from dlrun.experiment.models.network.network import Network, OutputHead
from dlrun.experiment.resolve import resolve

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("**/*.yaml"))

every_config = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)


def test_there_are_configs() -> None:
    assert {"default", "digits-convolution", "wine-random-forest"} <= {path.stem for path in CONFIGS}


@every_config
def test_is_valid_and_suits_its_data(path: Path) -> None:
    experiment = load(path).experiment
    facts = experiment.dataset.facts()
    assert facts is not None
    resolved = resolve(experiment, facts)
    assert load_text(to_yaml(resolved), "resolved").experiment == resolved


@every_config
def test_model_can_be_built(path: Path) -> None:
    experiment = load(path).experiment
    facts = experiment.dataset.facts()
    assert facts is not None
    if isinstance(experiment.model, Network):
        model = experiment.model.build(InputForm.one(facts.input_shape), OutputHead.of(facts.task, facts.num_outputs))
        assert model.output_shape == (None, facts.num_outputs)
    else:
        estimator = experiment.model.build_estimator(facts.task, facts.num_outputs, experiment.seed)
        assert callable(estimator.fit)


@every_config
def test_says_what_it_shows_and_is_named_after_its_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.match(r"# [A-Z0-9].{20,}\n", text)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 120
    if path.stem != "default":
        assert load(path).experiment.name == path.stem


def test_default_is_the_quickstart_with_a_search_space() -> None:
    default, quickstart = load(ROOT / "configs" / "default.yaml").experiment, load(QUICKSTART).experiment
    assert default.tuner is not None
    assert default.model_copy(update={"tuner": None}) == quickstart


PAIRS: list[tuple[str, str, dict[str, Any]]] = [
    ("learning-rate-too-high", "learning-rate-right", {"optimizer.learning_rate": 1e-2}),
    ("reviews-16-16", "reviews-4-4", {"model.layers.0.dense.units": 4, "model.layers.1.dense.units": 4}),
    ("reviews-16-16", "reviews-512-512", {"model.layers.0.dense.units": 512, "model.layers.1.dense.units": 512}),
    ("reviews-16-16", "reviews-l2", {"model.layers.0.dense.l2": 0.002, "model.layers.1.dense.l2": 0.002}),
    ("reviews-16-16", "reviews-dropout", {"model.layers.0.dense.dropout": 0.5, "model.layers.1.dense.dropout": 0.5}),
    (
        "softmax-regression",
        "two-hidden-layers",
        {"model.layers": "[{dense: {units: 96, activation: relu}}, {dense: {units: 96, activation: relu}}]"},
    ),
    (
        "diabetes-network",
        "diabetes-repeated-kfold",
        {"validation": "{kind: repeated_kfold, repeats: 3}", "training.refit": "false"},
    ),
    ("default", "digits-kfold-refit", {"validation": "{kind: kfold, stratify: true}", "training.refit": "true"}),
]


@pytest.mark.parametrize(("first", "second", "differences"), PAIRS, ids=lambda value: str(value)[:30])
def test_pairs_differ_only_in_what_they_compare(first: str, second: str, differences: dict[str, Any]) -> None:
    overrides = [f"{path}={value}" for path, value in {**differences, "name": second, "tuner": "null"}.items()]
    changed = load(ROOT / "configs" / f"{first}.yaml", overrides).experiment
    assert changed == load(ROOT / "configs" / f"{second}.yaml").experiment


def test_separable_and_plain_convolutions_share_a_layout() -> None:
    separable = (ROOT / "configs" / "fashion-mnist-separable.yaml").read_text(encoding="utf-8")
    changed = separable.replace("separable_conv2d", "conv2d").replace("-separable\n", "-convolution\n")
    assert (
        load_text(changed, "changed").experiment == load(ROOT / "configs" / "fashion-mnist-convolution.yaml").experiment
    )


def test_index_lists_every_config_once() -> None:
    index = (ROOT / "configs" / "README.md").read_text(encoding="utf-8")
    rows = [line for line in index.splitlines() if line.startswith("| [")]
    linked = [match[1] for row in rows if (match := re.match(r"\| \[([\w-]+)\]\(\1\.yaml\) \|", row))]
    assert sorted(linked) == sorted(path.stem for path in CONFIGS)
    assert all(row.count("|") == 6 for row in rows)
    assert all(re.search(r"\d\.\d{3} \[|not measured", row) for row in rows)


def smoke(*configs: Path, keras_home: Path) -> subprocess.CompletedProcess[str]:
    """Run the smoke training on some configs, with nothing in Keras' cache."""
    runs = keras_home.parent / "runs"
    return subprocess.run(
        [sys.executable, str(ROOT / "tests" / "smoke_configs.py"), "--runs-dir", str(runs), *map(str, configs)],
        env={**os.environ, "KERAS_HOME": str(keras_home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_smoke_training_skips_what_is_not_cached_and_nothing_else(tmp_path: Path) -> None:
    broken, missing = tmp_path / "broken.yaml", tmp_path / "missing.yaml"
    broken.write_text("dataset: iris\nmodel: linear\ntraining: {epoch: 1}\n")
    missing.write_text("dataset: {kind: npz, path: nowhere.npz}\nmodel: linear\n")
    trained, needs_data = ROOT / "configs" / "iris-linear.yaml", ROOT / "configs" / "reviews-4-4.yaml"

    good = smoke(trained, needs_data, keras_home=tmp_path / "keras")
    assert good.returncode == 0, good.stdout + good.stderr
    assert "iris-linear.yaml  ok\n" in good.stdout
    assert "reviews-4-4.yaml  skipped: its data are not cached here\n" in good.stdout
    assert good.stdout.endswith("1 trained, 0 failed, 1 skipped\n")

    bad = smoke(broken, missing, keras_home=tmp_path / "keras")
    assert bad.returncode == 1
    assert "broken.yaml  failed: " in bad.stdout
    assert "epoch" in bad.stdout
    assert "missing.yaml  failed: " in bad.stdout
    assert bad.stdout.endswith("0 trained, 2 failed, 0 skipped\n")
