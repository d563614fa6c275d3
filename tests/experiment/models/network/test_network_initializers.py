"""Starts of kernels: what `auto`, `keras` and names stand for, measured on the weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest


def _deviation(kernel: Any) -> float:
    return float(np.asarray(kernel).std())


@pytest.mark.parametrize(
    ("layer", "settings", "area"),
    [
        ("separable_conv2d", {"filters": 8, "kernel_size": 3}, 9),
        ("separable_conv2d", {"filters": 8, "kernel_size": [5, 3]}, 15),
        ("separable_conv1d", {"filters": 8, "kernel_size": 7}, 7),
        ("depthwise_conv2d", {"kernel_size": 5}, 25),
    ],
)
def test_window_alone_is_the_fan_in(build: Any, layer: str, settings: dict[str, Any], area: int) -> None:
    keras.utils.set_random_seed(0)
    shape = (9, 1024) if layer.endswith("1d") else (9, 9, 1024)
    built = build([{layer: settings}, "flatten"], shape).get_layer(f"{layer}_0")
    kernel = built.kernel if layer == "depthwise_conv2d" else built.depthwise_kernel
    assert _deviation(kernel) == pytest.approx(area**-0.5, rel=0.05)


@pytest.mark.parametrize(
    ("activation", "variance"),
    [("relu", 2 / 256), ("gelu", 2 / 256), ("selu", 1 / 256), ("tanh", 2 / (256 + 512)), ("linear", 2 / (256 + 512))],
)
def test_pointwise_start_follows_the_activation(build: Any, activation: str, variance: float) -> None:
    keras.utils.set_random_seed(0)
    settings = {"filters": 512, "kernel_size": 1, "activation": activation}
    kernel = (
        build([{"separable_conv2d": settings}, "flatten"], (1, 1, 256)).get_layer("separable_conv2d_0").pointwise_kernel
    )
    assert _deviation(kernel) == pytest.approx(variance**0.5, rel=0.05)


def test_keras_restores_the_old_start(build: Any) -> None:
    settings = {"filters": 32, "initializer": "keras"}
    layer = build([{"separable_conv2d": settings}, "flatten"], (8, 8, 64)).get_layer("separable_conv2d_0")
    assert isinstance(layer.depthwise_initializer, keras.initializers.GlorotUniform)
    assert isinstance(layer.pointwise_initializer, keras.initializers.GlorotUniform)


def test_signal_survives_six_separable_layers(build: Any) -> None:
    """Keras' start shrinks it by orders of magnitude; ours keeps it."""
    spread = {}
    for initializer in ("auto", "keras"):
        keras.utils.set_random_seed(0)
        widths = (32, 64, 64, 128, 64, 128)
        layers = [{"separable_conv2d": {"filters": n, "padding": "same", "initializer": initializer}} for n in widths]
        model = build([*layers, "global_average_pooling2d"], (12, 12, 3))
        features = keras.Model(model.input, model.layers[-2].output)
        images = np.random.default_rng(0).random((8, 12, 12, 3)).astype(np.float32)
        spread[initializer] = _deviation(features(images))
    assert spread["keras"] < 1e-4
    assert 1e-2 < spread["auto"] < 10


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, keras.initializers.GlorotUniform),
        ({"activation": "selu"}, keras.initializers.LecunNormal),
        ({"activation": "selu", "initializer": "keras"}, keras.initializers.GlorotUniform),
        ({"initializer": "he_uniform"}, keras.initializers.HeUniform),
    ],
)
def test_start_of_dense_and_convolution(build: Any, settings: dict[str, Any], expected: type) -> None:
    model = build([{"conv2d": {"filters": 2, **settings}}, "flatten", {"dense": {"units": 2, **settings}}], (5, 5, 1))
    assert type(model.get_layer("conv2d_0").kernel_initializer) is expected
    assert type(model.get_layer("dense_2").kernel_initializer) is expected


def test_named_start_reaches_both_separable_kernels(build: Any) -> None:
    settings = {"filters": 2, "initializer": "lecun_normal"}
    layer = build([{"separable_conv1d": settings}, "flatten"], (5, 2)).get_layer("separable_conv1d_0")
    assert isinstance(layer.depthwise_initializer, keras.initializers.LecunNormal)
    assert isinstance(layer.pointwise_initializer, keras.initializers.LecunNormal)


def test_like_layers_start_differently(build: Any) -> None:
    model = build([{"separable_conv2d": {"filters": 3, "padding": "same"}}] * 2 + ["flatten"], (4, 4, 3))
    kernels = [model.get_layer(f"separable_conv2d_{i}").depthwise_kernel for i in (0, 1)]
    assert not np.allclose(*map(np.asarray, kernels))
