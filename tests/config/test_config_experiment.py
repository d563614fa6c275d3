"""Configs of real experiments: the packaged one, the ready ones, and what loading keeps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dlrun.base.settings import members
from dlrun.config.find import QUICKSTART, find
from dlrun.config.reference import reference
from dlrun.config.schema import json_schema
from dlrun.config.write import to_yaml
from dlrun.errors import ConfigError
from dlrun.experiment.datasets.sources.sources import DatasetSource
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.load import load, load_text

CONFIG = """\
dataset: digits
model:
  kind: network
  layers:
    - dense: {units: 64, activation: relu}
    - dense: 32
"""


def test_the_quickstart_is_valid_and_says_more_than_defaults() -> None:
    loaded = load(None) if find(None) == QUICKSTART else load(QUICKSTART)
    assert loaded.experiment.dataset.kind == "digits"
    assert loaded.experiment.training.early_stopping is not None
    assert loaded.source_name == "quickstart.yaml (packaged with dlrun)"
    assert loaded.source_text == QUICKSTART.read_text()


def test_loading_keeps_where_things_come_from() -> None:
    loaded = load_text(CONFIG, "a.yaml", ["training.epochs=3", "model.layers.1.dense.units=8"])
    assert loaded.overrides == ("training.epochs=3", "model.layers.1.dense.units=8")
    assert loaded.source_text == CONFIG
    assert loaded.data["training"] == {"epochs": 3}
    assert loaded.place("model.layers.0.dense.units") == "a.yaml:5:15"
    assert loaded.place("model.layers.0.dense.l2") == "a.yaml:5:7"
    assert loaded.place("model.layers.0.dense") == "a.yaml:5:7"
    assert loaded.place("training.epochs") == "override 'training.epochs=3'"
    assert loaded.place("model.layers.1.dense.units") == "override 'model.layers.1.dense.units=8'"
    assert loaded.place("evaluation.bootstrap") == "a.yaml:1:1"


def test_the_resolved_config_is_complete_and_says_the_same() -> None:
    experiment = load_text(CONFIG).experiment
    text = to_yaml(experiment)
    assert [line.split(":")[0] for line in text.splitlines() if line[0].isalpha()] == list(Experiment.model_fields)
    assert load_text(text).experiment == experiment


@pytest.mark.parametrize("kind", ["iris", "wine", "diabetes"])
def test_another_dataset_is_one_override_away(kind: str) -> None:
    config = CONFIG.replace("dataset: digits", "dataset: {kind: csv, path: a.csv, target: y}")
    assert load_text(config, overrides=[f"dataset.kind={kind}"]).experiment.dataset.kind == kind


def test_mistakes_in_real_settings_name_the_nearest() -> None:
    config = CONFIG.replace("activation: relu", "activation: rellu") + "optimizer: {kind: adm}\ntrainig: {}\n"
    with pytest.raises(ConfigError) as raised:
        load_text(config, "a.yaml")
    assert [(problem.place, problem.hint) for problem in raised.value.problems] == [
        ("a.yaml:5:38", "Did you mean 'relu'?"),
        ("a.yaml:7:19", "Did you mean 'adam'?"),
        ("a.yaml:8:1", "Did you mean 'training'?"),
    ]


def test_a_search_space_is_checked_against_the_config() -> None:
    space = "tuner:\n  kind: tpe\n  space:\n    model.layers.0.dense.units: {choice: [32, 64]}\n"
    assert load_text(CONFIG + space).experiment.tuner is not None
    with pytest.raises(ConfigError, match="unknown setting 'unit'") as raised:
        load_text(CONFIG + space.replace(".units", ".unit"), "a.yaml")
    assert raised.value.problems[0].place == "a.yaml:10:5"


def test_the_schema_and_the_reference_describe_every_kind() -> None:
    definitions = json_schema(Experiment)["$defs"]
    page = reference(Experiment)
    assert {"Dense", "Repeat", "Adam", "TPE"} <= set(definitions)
    for name in (
        "### `dense` (layer)",
        "### `repeat` (layer)",
        "### `csv`",
        "### `adam`",
        "### `holdout`",
        "### `tpe`",
    ):
        assert page.count(f"\n{name}\n") == 1


def test_every_ready_config_is_valid() -> None:
    folder = Path(__file__).parents[2] / "configs"
    for path in folder.glob("*.yaml"):
        assert load(path).experiment


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys; from dlrun.config.find import QUICKSTART; from dlrun.experiment.load import load; "
        "load(QUICKSTART); print(*sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {module.partition(".")[0] for module in result.stdout.split()}
    assert "dlrun" in loaded
    assert not loaded & {"tensorflow", "keras", "sklearn", "hyperopt", "scipy", "matplotlib", "polars", "skops"}


CSV = "dataset: {kind: csv, path: a.csv, target: y}\nmodel: linear\n"


@pytest.mark.parametrize(
    ("setting", "one", "read"),
    [
        ("dataset.target", "price", "price"),
        ("dataset.drop", "PassengerId", "PassengerId"),
        ("dataset.missing", "'?'", "?"),
        ("evaluation.metrics", "accuracy", "accuracy"),
        ("optimizer.exclude_layers", "dense_1", "dense_1"),
    ],
)
def test_one_name_stands_for_a_list_of_it(setting: str, one: str, read: str) -> None:
    config = CSV + ("optimizer: {kind: muon}\n" if setting.startswith("optimizer") else "")
    alone = load_text(config, overrides=[f"{setting}={one}"]).experiment
    section, name = setting.split(".")
    assert getattr(getattr(alone, section), name) == (read,)
    assert alone == load_text(config, overrides=[f"{setting}=[{one}]"]).experiment
    assert load_text(to_yaml(alone)).experiment == alone
    schema = json_schema(Experiment)["$defs"][type(getattr(alone, section)).__name__]["properties"][name]
    assert {form.get("type") for form in schema["anyOf"]} >= {"string", "array"}


def test_auto_is_a_word_where_names_may_stand() -> None:
    config = CSV + "tuner: {kind: random, trials: 3, space: {preprocessing.scaling: {choice: [minmax, none]}}}\n"
    for word, read in (("auto", "auto"), ("accuracy", ("accuracy",)), ("[loss, latency]", ("loss", "latency"))):
        tuner = load_text(config, overrides=[f"tuner.objectives={word}"]).experiment.tuner
        assert tuner is not None
        assert tuner.objectives == read
    assert load_text(config, overrides=["evaluation.metrics=auto"]).experiment.evaluation.metrics == "auto"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dataset.drop=3", "expected text or a list of text, found 3"),
        (
            "evaluation.metrics=acuracy",
            "expected one of 19 names or a list of them, found 'acuracy'",
        ),
    ],
)
def test_what_is_no_name_is_told_with_both_forms(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_text(CSV, overrides=[override])


def test_every_kind_of_a_family_is_listed() -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(CSV, overrides=["dataset={kind: something}"])
    for kind in members(DatasetSource):
        assert kind in str(caught.value)
