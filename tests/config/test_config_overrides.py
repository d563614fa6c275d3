"""Overrides: what `key.path=value` makes of a config."""

from __future__ import annotations

from typing import Any

import pytest

from dlrun.base.settings import Settings
from dlrun.config.load import load_settings
from dlrun.errors import ConfigError

CONFIG = """\
dataset: {kind: csv, path: a.csv, target: y}
model:
  kind: network
  layers:
    - flatten
    - dense: 64
    - dense: {units: 32, activation: relu}
    - dense:
        units: 16
        batch_norm: true
    - repeat: {layers: [flatten, {dense: 8}]}
training:
  class_weights: {0: 1.0, a.b: 2.0}
  early_stopping: false
"""


def data_of(small: type[Settings], *overrides: str, config: str = CONFIG) -> Any:
    return load_settings(config, "f.yaml", overrides, small)[1]


def settings_of(small: type[Settings], *overrides: str, config: str = CONFIG) -> Any:
    return load_settings(config, "f.yaml", overrides, small)[0]


def test_sets_what_is_written(small: type[Settings]) -> None:
    assert data_of(small, "dataset.path=b.csv")["dataset"] == {"kind": "csv", "path": "b.csv", "target": "y"}


def test_the_last_of_two_overrides_counts(small: type[Settings]) -> None:
    assert settings_of(small, "training.epochs=3", "training.epochs=4").training.epochs == 4


def test_override_beats_file_beats_default(small: type[Settings]) -> None:
    config = "dataset: iris\nmodel: linear\ntraining: {epochs: 7}\n"
    assert settings_of(small, config="dataset: iris\nmodel: linear\n").training.epochs == 20
    assert settings_of(small, config=config).training.epochs == 7
    assert settings_of(small, "training.epochs=9", config=config).training.epochs == 9


def test_values_are_yaml_and_split_at_the_first_sign(small: type[Settings]) -> None:
    assert settings_of(small, "optimizer.learning_rate=1e-2").optimizer.learning_rate == 0.01
    assert settings_of(small, "dataset.path=a=b.csv").dataset.path == "a=b.csv"
    assert settings_of(small, "dataset.path='1'").dataset.path == "1"
    assert settings_of(small, "dataset.drop=[a, b]").dataset.drop == ("a", "b")
    assert settings_of(small, "training={epochs: 3, shuffle: false}").training.shuffle is False


@pytest.mark.parametrize("mark", [",", ";", "#", "|", " ", ".", "'", '"', "%", "@", "-", "##", "# a"])
def test_a_single_mark_is_a_text_as_shells_take_its_quotes_away(small: type[Settings], mark: str) -> None:
    assert settings_of(small, f"dataset.path={mark}").dataset.path == mark


def test_the_mark_for_nothing_and_digits_are_read_as_ever(small: type[Settings]) -> None:
    assert settings_of(small, "training.early_stopping=~").training.early_stopping is None
    assert settings_of(small, "training.epochs=7").training.epochs == 7


@pytest.mark.parametrize(
    ("override", "index", "layer"),
    [
        ("model.layers.1.dense.units=32", 1, {"dense": {"units": 32}}),
        ("model.layers.1.dense.activation=relu", 1, {"dense": {"units": 64, "activation": "relu"}}),
        ("model.layers.1.dense=32", 1, {"dense": 32}),
        ("model.layers.2.dense.units=3", 2, {"dense": {"units": 3, "activation": "relu"}}),
        ("model.layers.0={dense: 3}", 0, {"dense": 3}),
        ("model.layers.0=dense: 3", 0, {"dense": 3}),
        ("model.layers.2=flatten", 2, "flatten"),
        ("model.layers.0.flatten={}", 0, {"flatten": {}}),
        (
            "model.layers.3.dense.batch_norm.momentum=0.5",
            3,
            {"dense": {"units": 16, "batch_norm": {"momentum": 0.5}}},
        ),
        (
            "model.layers.4.repeat.layers.1.dense.units=9",
            4,
            {"repeat": {"layers": ["flatten", {"dense": {"units": 9}}]}},
        ),
        ("model.layers.4.repeat.times=9", 4, {"repeat": {"layers": ["flatten", {"dense": 8}], "times": 9}}),
    ],
)
def test_paths_lead_through_bare_names_and_values(small: type[Settings], override: str, index: int, layer: Any) -> None:
    assert data_of(small, override)["model"]["layers"][index] == layer


def test_bare_kinds_are_expanded(small: type[Settings]) -> None:
    config = "dataset: iris\nmodel: linear\noptimizer: adam\n"
    data = data_of(small, "optimizer.learning_rate=1e-2", "model.l2=3", config=config)
    assert data["optimizer"] == {"kind": "adam", "learning_rate": 0.01}
    assert data["model"] == {"kind": "linear", "l2": 3}


def test_what_is_not_written_starts_from_its_default(small: type[Settings]) -> None:
    optimizer = settings_of(small, "optimizer.momentum=0.9").optimizer
    assert (optimizer.kind, optimizer.learning_rate, optimizer.momentum) == ("sgd", 0.5, 0.9)


def test_switches_are_turned_on_by_what_is_set_below_them(small: type[Settings]) -> None:
    early_stopping = settings_of(small, "training.early_stopping.patience=3").training.early_stopping
    assert (early_stopping.monitor, early_stopping.patience) == ("val_loss", 3)
    assert settings_of(small, "training.early_stopping=true").training.early_stopping.patience == 5


def test_free_keys_may_hold_dots(small: type[Settings]) -> None:
    weights = data_of(
        small, "training.class_weights.a.b=3", "training.class_weights.c.d=4", "training.class_weights.0=5"
    )
    assert weights["training"]["class_weights"] == {"0": 5, "a.b": 3, "c.d": 4}


def test_paths_of_a_space_may_be_set(small: type[Settings]) -> None:
    config = CONFIG + "tuner: {kind: tpe, space: {training.epochs: {int: [1, 2]}}}\n"
    tuner = settings_of(
        small,
        "tuner.space.optimizer.learning_rate={loguniform: [1e-4, 1e-1]}",
        "tuner.space.model.layers.1.dense.units.int=[8, 16]",
        "tuner.space.training.epochs.int=[3, 4]",
        config=config,
    ).tuner
    assert {path: distribution.bounds for path, distribution in tuner.space.items()} == {
        "training.epochs": (3, 4),
        "optimizer.learning_rate": (1e-4, 1e-1),
        "model.layers.1.dense.units": (8, 16),
    }


def test_another_kind_drops_what_was_written_for_the_old_one(small: type[Settings]) -> None:
    assert data_of(small, "dataset.kind=iris")["dataset"] == {"kind": "iris"}
    assert data_of(small, "dataset=iris")["dataset"] == "iris"


def test_another_kind_of_search_keeps_what_all_of_them_know(small: type[Settings]) -> None:
    config = CONFIG + "tuner: {kind: tpe, random_trials: 3, trials: 7, space: {training.epochs: {int: [1, 2]}}}\n"
    tuner = settings_of(small, "tuner.kind=anneal", config=config).tuner
    assert (tuner.kind, tuner.trials, list(tuner.space)) == ("anneal", 7, ["training.epochs"])
    with pytest.raises(ConfigError, match=r"tuner\.points: required setting is missing"):
        settings_of(small, "tuner.kind=manual", config=config)


def test_a_place_in_brackets_is_pointed_out(small: type[Settings]) -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'layers\[0\]'\. Write layers\.0\."):
        settings_of(small, "model.layers[0]=flatten")


def test_the_same_kind_again_drops_nothing(small: type[Settings]) -> None:
    assert data_of(small, "dataset.kind=csv")["dataset"] == {"kind": "csv", "path": "a.csv", "target": "y"}


@pytest.mark.parametrize(
    "overrides",
    [
        ("optimizer.kind=adam", "optimizer.beta_1=0.5", "optimizer.learning_rate=0.1"),
        ("optimizer.beta_1=0.5", "optimizer.kind=adam", "optimizer.learning_rate=0.1"),
        ("optimizer.beta_1=0.5", "optimizer.learning_rate=0.1", "optimizer.kind=adam"),
    ],
)
def test_other_overrides_apply_on_top_of_a_new_kind(small: type[Settings], overrides: tuple[str, ...]) -> None:
    config = CONFIG + "optimizer: {kind: sgd, momentum: 0.9, learning_rate: 1.0}\n"
    expected = {"kind": "adam", "beta_1": 0.5, "learning_rate": 0.1}
    assert data_of(small, *overrides, config=config)["optimizer"] == expected


def test_a_kind_stays_behind_the_section_that_is_set_as_a_whole(small: type[Settings]) -> None:
    config = "dataset: iris\nmodel: linear\n"
    overrides = ("model.l2=1", "model={kind: network, layers: []}", "model.kind=linear")
    assert data_of(small, *overrides, config=config)["model"] == {"kind": "linear"}
    assert data_of(small, *overrides[:2], config=config)["model"] == {"kind": "network", "layers": []}


def test_errors_of_the_file_stay_with_the_file_and_those_of_overrides_with_them(small: type[Settings]) -> None:
    with pytest.raises(ConfigError) as raised:
        settings_of(small, "training.epochs=0", "model.layers.1.dense.activation=rellu", config=CONFIG + "seed: -1\n")
    assert [(problem.place, problem.path) for problem in raised.value.problems] == [
        ("f.yaml:15:7", "seed"),
        ("override 'training.epochs=0'", "training.epochs"),
        ("override 'model.layers.1.dense.activation=rellu'", "model.layers.1.dense.activation"),
    ]


def test_expanding_a_bare_value_keeps_its_place(small: type[Settings]) -> None:
    config = "dataset: iris\nmodel:\n  kind: network\n  layers:\n    - dense: 0\n"
    with pytest.raises(ConfigError) as raised:
        settings_of(small, "model.layers.0.dense.activation=relu", config=config)
    (problem,) = raised.value.problems
    assert (problem.place, problem.path) == ("f.yaml:5:14", "model.layers.0.dense.units")


def test_text_that_is_no_utf8_is_shown_and_refused(small: type[Settings]) -> None:
    with pytest.raises(ConfigError, match="character U\\+DCE9 cannot stand in a config") as raised:
        settings_of(small, "dataset.path=caf\udce9")
    assert str(raised.value).isprintable()
