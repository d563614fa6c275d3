"""What every optimizer must do: agree with Keras, build, move weights and stay reproducible."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from dlrun.base.settings import members
from dlrun.config.docs import descriptions
from dlrun.experiment.optimizers.optimizers import Optimizer

KINDS: dict[str, Any] = members(Optimizer)

EXCLUDED = {
    "Optimizer": "the base class",
    "LossScaleOptimizer": "Keras wraps optimizers in it itself, for training.precision: mixed_float16",
    "MultiOptimizer": "holds several optimizers for different layers",
    "OptimizerMap": "says which layer goes to which optimizer of a MultiOptimizer",
}

NOT_SETTINGS = {
    "self": "",
    "kwargs": "",
    "name": "follows from the kind",
    "loss_scale_factor": "belongs to training.precision",
}


def test_every_optimizer_of_keras_is_here_or_left_out_with_a_reason() -> None:
    classes = {name for name, value in vars(keras.optimizers).items() if inspect.isclass(value)}
    assert {settings.keras_name for settings in KINDS.values()} == classes - set(EXCLUDED)
    assert set(EXCLUDED) <= classes


@pytest.mark.parametrize("kind", KINDS)
def test_settings_and_defaults_are_those_of_keras(kind: str) -> None:
    signature = inspect.signature(getattr(keras.optimizers, KINDS[kind].keras_name).__init__)
    theirs = {name: parameter.default for name, parameter in signature.parameters.items() if name not in NOT_SETTINGS}
    ours = KINDS[kind]().model_dump(exclude={"kind", "schedule"})
    if kind == "muon":
        assert (ours.pop("exclude_layers"), theirs.pop("exclude_layers")) == ((), None)
    assert ours == theirs


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_is_described(kind: str) -> None:
    assert inspect.getdoc(KINDS[kind])
    assert {"kind", *descriptions(KINDS[kind])} == set(KINDS[kind].model_fields)
    assert next(iter(KINDS[kind].model_fields)) == "kind"


@pytest.mark.parametrize("kind", KINDS)
def test_settings_reach_keras(kind: str) -> None:
    settings = KINDS[kind](
        learning_rate=0.25, weight_decay=0.125, clipnorm=2, use_ema=True, gradient_accumulation_steps=3
    )
    optimizer = settings.build()
    assert type(optimizer).__name__ == settings.keras_name
    assert optimizer.name == kind
    assert float(optimizer.learning_rate) == 0.25
    config = optimizer.get_config()
    assert (config["weight_decay"], config["clipnorm"], config["gradient_accumulation_steps"]) == (0.125, 2.0, 3)
    assert config["use_ema"] is True


def _trained(settings: Any) -> np.ndarray:
    """Take three steps towards the middle of a bowl."""
    matrix = keras.Variable(np.array([[2.0, -3.0], [1.0, 4.0]], "float32"), name="matrix")
    optimizer = settings.build()
    for _ in range(3):
        optimizer.apply([2 * np.asarray(matrix)], [matrix])
    return np.asarray(matrix)


@pytest.mark.parametrize("kind", KINDS)
def test_goes_downhill_reproducibly(kind: str) -> None:
    start = np.array([[2.0, -3.0], [1.0, 4.0]])
    end = _trained(KINDS[kind](learning_rate=0.01))
    assert np.square(end).sum() < np.square(start).sum()
    np.testing.assert_array_equal(end, _trained(KINDS[kind](learning_rate=0.01)))


@pytest.mark.parametrize(
    "kind", sorted(set(KINDS) - {"nadam"})
)  # Keras numbers one variable of Nadam anew in every build
def test_variables_have_the_same_names_in_every_build(kind: str) -> None:
    paths = []
    for _ in range(2):
        optimizer = KINDS[kind]().build()
        optimizer.build([keras.Variable(np.zeros((2, 2)), name="matrix")])
        paths.append([variable.path for variable in optimizer.variables])
    assert paths[0] == paths[1]


@pytest.mark.parametrize("kind", KINDS)
def test_bare_name_and_mapping_are_read(kind: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Optimizer)
    assert adapter.validate_python(kind) == KINDS[kind]()
    settings = adapter.validate_python({"kind": kind, "learning_rate": 1, "schedule": {"kind": "cosine", "alpha": 0.1}})
    assert settings.learning_rate == 1.0
    assert adapter.validate_python(adapter.dump_python(settings)) == settings


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "wrong", [{"learning_rate": 0}, {"learning_rate": float("inf")}, {"clipnorm": 1, "clipvalue": 1}]
)
def test_bad_settings_are_refused(kind: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KINDS[kind](**wrong)
