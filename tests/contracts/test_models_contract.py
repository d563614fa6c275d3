"""What every kind of model tells of itself, so that nothing else needs to know its name."""

from __future__ import annotations

from typing import Any

import pytest

from dlrun.experiment.datasets.inputs import InputForm
from dlrun.experiment.load import load_text
from dlrun.experiment.models.models import model_kinds
from dlrun.experiment.models.network.network import Network, OutputHead
from dlrun.studies.default_space import with_default_tuner

KINDS = model_kinds()
every_kind = pytest.mark.parametrize("kind", KINDS)


def test_kinds_are_called_differently() -> None:
    assert len({model.phrase for model in KINDS.values()}) == len(KINDS)


@every_kind
def test_has_a_space_of_its_own_settings_that_its_schema_accepts(kind: str) -> None:
    layers = "[dense: 8]" if kind == "network" else ""
    model = f"{{kind: {kind}{', layers: ' + layers if layers else ''}}}"
    loaded = with_default_tuner(load_text(f"dataset: iris\nmodel: {model}\n"))
    assert loaded.experiment.tuner is not None
    own = loaded.experiment.model.default_space()
    assert own
    assert own.items() <= loaded.data["tuner"]["space"].items()
    assert all(path.startswith("model.") for path in own)
    others = {path for path in loaded.data["tuner"]["space"] if path not in own}
    assert others == ({"optimizer.learning_rate", "training.batch_size"} if KINDS[kind].has_epochs else set())


@every_kind
def test_what_has_parameters_has_them_before_it_is_fitted(kind: str) -> None:
    model: Any = KINDS[kind]()
    assert KINDS[kind].has_parameters == isinstance(model, Network)
    if isinstance(model, Network):
        assert model.build(InputForm.one((3,)), OutputHead(2, "softmax")).count_params() == 3 * 2 + 2


def test_kinds_that_are_advised_for_columns_are_in_one_order() -> None:
    adds = [model.adds_on_columns for model in KINDS.values() if model.adds_on_columns]
    assert len(set(adds)) == len(adds)
