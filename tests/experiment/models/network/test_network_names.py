"""The names of activations and initializers that the config accepts, compared with Keras."""

from __future__ import annotations

import inspect
from typing import Any, get_args

import keras

from dlrun.experiment.models.network.layers.activation import RELU_LIKE, ActivationName
from dlrun.experiment.models.network.layers.initializers import InitializerName


def _functions(module: Any) -> set[str]:
    return {name for name, value in vars(module).items() if inspect.isfunction(value)} - {
        "get",
        "serialize",
        "deserialize",
    }


def test_activations_are_those_of_keras() -> None:
    unsuited = {"glu", "threshold"}  # one halves the axis, the other cannot do without settings
    aliases = {"hard_swish"}
    assert set(get_args(ActivationName)) == _functions(keras.activations) - unsuited - aliases
    assert get_args(ActivationName) == tuple(sorted(get_args(ActivationName)))
    assert set(get_args(ActivationName)) > RELU_LIKE


def test_every_activation_keeps_the_shape() -> None:
    for name in get_args(ActivationName):
        assert keras.activations.get(name)(keras.ops.ones((2, 3))).shape == (2, 3), name


def test_initializers_are_those_of_keras() -> None:
    unsuited = {"constant", "identity", "stft"}  # need a value, a matrix and a complex kernel
    names = {name for name in vars(keras.initializers) if name.islower() and not name.startswith("_")}
    assert set(get_args(InitializerName)) == names - unsuited - {"get", "serialize", "deserialize"}
