"""The space of a config that names none: made of its own model, around the values as written, and accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlrun.experiment.load import load, load_text
from dlrun.studies.default_space import default_space, with_default_tuner

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_ready_config_gets_a_space_that_its_schema_accepts(path: Path) -> None:
    loaded = with_default_tuner(load(path))
    assert loaded.experiment.tuner is not None
    assert loaded.data["tuner"]["space"]


def test_the_space_lies_around_the_values_as_written() -> None:
    text = """
dataset: digits
model:
  kind: network
  layers:
    - dense: {units: 64, dropout: 0.3}
    - repeat: {times: 2, layers: [{dense: 32}]}
optimizer: {kind: adam, learning_rate: 2e-3}
training: {batch_size: 256}
"""
    space = default_space(load_text(text).experiment)
    assert space["optimizer.learning_rate"] == {"loguniform": [2e-4, 0.06]}
    assert space["model.layers.0.dense.units"] == {"logint": [16, 256]}
    assert space["model.layers.0.dense.dropout"] == {"uniform": [0.0, 0.6]}
    assert space["model.layers.0.dense.batch_norm"] == {"choice": [False, True]}
    assert space["model.layers.0.dense.l2"] == {"loguniform": [1e-6, 1e-2]}
    assert space["model.layers.1.repeat.times"] == {"int": [1, 4]}
    assert space["model.layers.1.repeat.layers.0.dense.units"] == {"logint": [8, 128]}
    assert space["training.batch_size"] == {"choice": [64, 128, 256, 512]}


def test_convolutions_are_searched_by_filters_and_not_by_dropout() -> None:
    text = "dataset: fashion_mnist\nmodel: {kind: network, layers: [{conv2d: 16}, flatten, {dense: 8}]}\n"
    space = default_space(load_text(text).experiment)
    assert space["model.layers.0.conv2d.filters"] == {"logint": [4, 64]}
    assert "model.layers.0.conv2d.dropout" not in space
