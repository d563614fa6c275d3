"""Writing configs: readable, complete, and read back as the same settings."""

from __future__ import annotations

import pytest
import yaml

from dlrun.base.settings import Settings
from dlrun.config.load import load_settings
from dlrun.config.write import plain, to_yaml

LONG = """\
dataset: {kind: csv, path: no, target: [y, "1e-3"]}
model:
  kind: network
  layers:
    - flatten
    - dense: {units: 64, activation: relu, dropout: 1e-5}
    - repeat:
        layers:
          - dense: {units: 8, batch_norm: true}
          - conv: {filters: 3, kernel_size: [3, 5]}
optimizer: {kind: adam, learning_rate: 1e-7}
training: {class_weights: {0: 1, a: 2.5}, early_stopping: {patience: 3}, metrics: [metric_a, metric_b]}
"""

EXPECTED = """\
name: experiment
seed: 42
dataset:
  kind: csv
  path: 'no'
  target: [y, '1e-3']
  drop: []
model:
  kind: network
  layers:
    - flatten
    - dense: {units: 64, activation: relu, batch_norm: false, dropout: 1.0e-05}
    - repeat:
        times: 2
        layers:
          - dense: {units: 8, activation: linear, batch_norm: {momentum: 0.99, position: after}, dropout: null}
          - conv: {filters: 3, kernel_size: [3, 5], strides: 1, dilation: 1}
optimizer: {kind: adam, learning_rate: 1.0e-07, beta_1: 0.9}
training:
  epochs: 20
  batch_size: auto
  threads: auto
  shuffle: true
  class_weights: {'0': 1.0, a: 2.5}
  early_stopping: {monitor: val_loss, patience: 3}
  metrics: [metric_a, metric_b]
tuner: null
"""


def reread(text: str, settings_class: type[Settings]) -> Settings:
    return load_settings(text, "f.yaml", (), settings_class)[0]


def test_writes_every_setting_in_order_and_layers_one_a_line(small: type[Settings]) -> None:
    experiment = reread(LONG, small)
    assert to_yaml(experiment) == EXPECTED.replace(
        "dataset:\n  kind: csv\n  path: 'no'\n  target: [y, '1e-3']\n  drop: []",
        "dataset: {kind: csv, path: 'no', target: [y, '1e-3'], drop: []}",
    )
    assert reread(to_yaml(experiment), small) == experiment


@pytest.mark.parametrize("number", [1e-4, 1e-5, 1e16, 1.5e-7, 3e300, 5e-324, 0.1, 1.0, -0.0, 123456789.123])
def test_any_reader_of_yaml_takes_floats_for_floats(small: type[Settings], number: float) -> None:
    text = to_yaml(small.model_validate({"dataset": "iris", "model": {"kind": "linear", "l2": abs(number)}}))
    found = yaml.safe_load(text)["model"]["l2"]
    assert type(found) is float
    assert found == abs(number)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "1e-3",
        "1e5",
        "010",
        "0x10",
        "1_000",
        "1:30",
        "null",
        "~",
        "",
        "=",
        "<<",
        "2020-01-01",
        " a",
        "a: b",
        "a #b",
        "é\u2028\t",
        "\U0001f600",
        "-",
        "'",
        "*a",
        "&a",
        "!x",
    ],
)
def test_text_stays_text_for_any_reader(small: type[Settings], text: str) -> None:
    experiment = small.model_validate({"dataset": {"kind": "csv", "path": text, "target": [text]}, "model": "linear"})
    assert yaml.safe_load(to_yaml(experiment))["dataset"]["path"] == text
    assert reread(to_yaml(experiment), small) == experiment


def test_plain_leaves_out_what_was_not_set_if_asked(small: type[Settings]) -> None:
    experiment = reread("dataset: iris\nmodel: {kind: network, layers: [{dense: 3}]}\n", small)
    assert plain(experiment, only_set=True) == {
        "dataset": {"kind": "iris"},
        "model": {"kind": "network", "layers": [{"dense": 3}]},
    }
