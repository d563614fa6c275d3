"""Networks: which Keras layers come from which settings, in which order and under which names."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from dlrun.experiment.datasets.inputs import InputForm
from dlrun.experiment.models.network.network import Network, OutputHead

DESIGN = [
    {"dense": {"units": 64, "activation": "relu", "batch_norm": True, "dropout": 0.3, "l2": 1e-4}},
    {"dense": 64},
]


def _names(model: Any) -> list[str]:
    return [layer.name for layer in model.layers]


def test_example_of_the_design(build: Any) -> None:
    model = build(DESIGN, (64,), OutputHead(10, "softmax"))
    assert _names(model) == [
        "input",
        "dense_0",
        "dense_0_batch_norm",
        "dense_0_activation",
        "dense_0_dropout",
        "dense_1",
        "output",
    ]
    first, second, output = (model.get_layer(name) for name in ("dense_0", "dense_1", "output"))
    assert first.activation is keras.activations.linear
    assert not first.use_bias
    assert first.kernel_regularizer.l2 == pytest.approx(1e-4)
    assert model.get_layer("dense_0_activation").activation is keras.activations.relu
    assert model.get_layer("dense_0_dropout").rate == pytest.approx(0.3)
    assert (second.units, second.activation, second.use_bias) == (64, keras.activations.relu, True)
    assert (output.units, output.activation) == (10, keras.activations.softmax)
    assert model.output_shape == (None, 10)


def test_normalization_after_the_activation(build: Any) -> None:
    model = build(
        [{"conv2d": {"filters": 2, "batch_norm": {"position": "after", "momentum": 0.9}}}, "flatten"], (5, 5, 1)
    )
    assert _names(model)[1:3] == ["conv2d_0", "conv2d_0_batch_norm"]
    convolution = model.get_layer("conv2d_0")
    assert convolution.activation is keras.activations.relu
    assert convolution.use_bias
    assert model.get_layer("conv2d_0_batch_norm").momentum == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("settings", "has_bias"),
    [
        ({}, True),
        ({"batch_norm": True}, False),
        ({"batch_norm": {"center": False}}, True),
        ({"batch_norm": {"position": "after"}}, True),
        ({"batch_norm": True, "use_bias": True}, True),
        ({"use_bias": False}, False),
    ],
)
def test_bias_is_left_out_only_where_it_would_be_idle(build: Any, settings: dict[str, Any], has_bias: bool) -> None:
    assert build([{"dense": {"units": 4, **settings}}], (3,)).get_layer("dense_0").use_bias is has_bias


def test_settings_reach_batch_normalization(build: Any) -> None:
    settings = {"axis": 1, "momentum": 0.8, "epsilon": 0.01, "center": False, "scale": False}
    layer = build([{"batch_norm": settings}, "flatten"], (4, 5)).get_layer("batch_norm_0")
    found = {"axis": layer.axis, "momentum": layer.momentum, "epsilon": layer.epsilon}
    found |= {"center": layer.center, "scale": layer.scale}
    assert found == settings
    assert layer.moving_mean.shape == (4,)


def test_data_as_they_come_are_flattened(build: Any) -> None:
    assert _names(build([{"dense": 4}], (8, 8)))[1:] == ["dense_0_flatten", "dense_0", "output"]
    assert _names(build([], (8, 8, 3)))[1:] == ["output_flatten", "output"]
    assert _names(build([], (8,)))[1:] == ["output"]


def test_images_without_channels_get_one(build: Any) -> None:
    model = build([{"conv2d": 2}, "global_max_pooling2d"], (8, 8))
    assert _names(model)[1:3] == ["conv2d_0_channel", "conv2d_0"]
    assert model.get_layer("conv2d_0").kernel.shape == (3, 3, 1, 2)


def test_pixels_are_scaled_by_the_network(build: Any) -> None:
    model = build([], (2, 2), OutputHead(1, "linear"), dtype="uint8", scale=1 / 255)
    assert _names(model)[:2] == ["input", "input_rescaling"]
    model.get_layer("output").set_weights([np.full((4, 1), 0.25), np.zeros(1)])
    pixels = np.array([[[0, 51], [102, 255]]], np.uint8)
    np.testing.assert_allclose(model(pixels), [[102 / 255]], rtol=1e-6)


def test_indicators_are_only_cast(build: Any) -> None:
    model = build([], (2,), OutputHead(1, "linear"), dtype="uint8")
    model.get_layer("output").set_weights([np.array([[2.0], [3.0]]), np.zeros(1)])
    np.testing.assert_allclose(model(np.array([[1, 1]], np.uint8)), [[5.0]])


def test_start_of_the_output_bias(build: Any) -> None:
    model = build([], (2,), OutputHead(3, "softmax", bias=[0.5, -1.0, 2.0]))
    np.testing.assert_allclose(model.get_layer("output").bias, [0.5, -1.0, 2.0])


def test_repeat_builds_anew(build: Any) -> None:
    model = build([{"repeat": {"times": 2, "layers": [{"dense": 4}, {"dropout": 0.1}]}}], (4,))
    assert _names(model)[1:5] == [
        "repeat_0_0_dense_0",
        "repeat_0_0_dropout_1",
        "repeat_0_1_dense_0",
        "repeat_0_1_dropout_1",
    ]
    first, second = (model.get_layer(f"repeat_0_{round_}_dense_0").kernel for round_ in (0, 1))
    assert not np.allclose(first, second)


def test_repeat_no_times_is_nothing(build: Any) -> None:
    assert _names(build([{"repeat": {"times": 0, "layers": [{"dense": 4}]}}], (4,))) == ["input", "output"]


def test_residual_adds_its_input(build: Any) -> None:
    model = build([{"residual": [{"dense": {"units": 3, "initializer": "zeros"}}]}], (3,))
    inner = keras.Model(model.input, model.get_layer("residual_0_add").output)
    x = np.array([[1.0, -2.0, 3.0]], np.float32)
    np.testing.assert_array_equal(inner(x), x)
    assert "residual_0_projection" not in _names(model)


@pytest.mark.parametrize(
    ("layer", "input_shape", "kernel", "strides"),
    [
        ({"dense": 5}, (3,), (3, 5), None),
        ({"conv1d": {"filters": 5, "padding": "same", "strides": 2}}, (7, 3), (1, 3, 5), (2,)),
        ({"conv2d": {"filters": 5, "padding": "same", "strides": [2, 1]}}, (7, 6, 3), (1, 1, 3, 5), (2, 1)),
        ({"max_pooling2d": {"pool_size": 2, "padding": "same"}}, (7, 6, 3), (1, 1, 3, 3), (2, 2)),
    ],
)
def test_residual_projects_where_shapes_differ(
    build: Any, layer: Any, input_shape: tuple[int, ...], kernel: tuple[int, ...], strides: tuple[int, ...] | None
) -> None:
    model = build([{"residual": {"layers": [layer], "activation": "relu"}}, "flatten"], input_shape)
    projection = model.get_layer("residual_0_projection")
    assert projection.kernel.shape == kernel
    assert getattr(projection, "strides", None) == strides
    assert not projection.use_bias
    assert projection.activation is keras.activations.linear
    assert model.get_layer("residual_0_activation").activation is keras.activations.relu


def test_residual_may_always_project(build: Any) -> None:
    model = build([{"residual": {"layers": [{"dense": 3}], "projection": "always"}}], (3,))
    assert model.get_layer("residual_0_projection").kernel.shape == (3, 3)


def test_structures_nest(build: Any) -> None:
    block = {"residual": [{"repeat": {"times": 2, "layers": [{"dense": 4}]}}]}
    model = build([{"repeat": {"times": 1, "layers": [block]}}], (4,))
    assert "repeat_0_0_residual_0_repeat_0_1_dense_0" in _names(model)


def test_order_of_axes_does_not_hang_on_the_configuration_of_keras(build: Any) -> None:
    layers: list[Any] = [{"residual": [{"conv2d": {"filters": 4, "padding": "same", "strides": 2}}]}]
    layers += [{"separable_conv2d": 5}, {"depthwise_conv2d": 2}, "max_pooling2d", {"spatial_dropout": 0.1}]
    before = keras.config.image_data_format()
    expected = [layer.output.shape for layer in build([*layers, "flatten"], (16, 14, 3)).layers]
    keras.config.set_image_data_format("channels_first")
    try:
        model = build([*layers, "flatten"], (16, 14, 3))
        pooled = build([*layers, "global_average_pooling2d"], (16, 14, 3))
    finally:
        keras.config.set_image_data_format(before)
    assert [layer.output.shape for layer in model.layers] == expected
    assert pooled.get_layer("output").kernel.shape == (5, 3)
    assert {layer.data_format for layer in model.layers if hasattr(layer, "data_format")} == {"channels_last"}


def test_two_builds_have_the_same_names_and_with_one_seed_the_same_weights() -> None:
    network = Network.model_validate({"layers": [*DESIGN, {"residual": [{"dense": 8}]}]})
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        models.append(network.build(InputForm.one((5,)), OutputHead(2, "softmax")))
    first, second = models
    assert _names(first) == _names(second)
    for one, other in zip(first.weights, second.weights, strict=True):
        assert one.path == other.path
        np.testing.assert_array_equal(one, other)


def test_output_reckons_in_float32_under_mixed_precision(build: Any) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build([{"dense": 4}], (3,), dtype="uint8", scale=1 / 255)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("dense_0").compute_dtype == "bfloat16"
    assert model.get_layer("output").compute_dtype == "float32"
    assert model.output.dtype == "float32"


def test_dropout_and_penalties_act_in_training_only(build: Any) -> None:
    model = build([{"dense": {"units": 50, "dropout": 0.5, "l1": 0.1, "l2": 0.01}}], (4,))
    x = np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(model(x, training=False), model(x, training=False))
    assert not np.allclose(model(x, training=True), model(x, training=True))
    kernel = np.asarray(model.get_layer("dense_0").kernel)
    penalty = 0.1 * np.abs(kernel).sum() + 0.01 * np.square(kernel).sum()
    np.testing.assert_allclose(np.asarray(model.losses[0]), penalty, rtol=1e-5)


def test_separable_penalties_reach_both_kernels(build: Any) -> None:
    model = build([{"separable_conv2d": {"filters": 2, "l2": 0.1}}, "flatten"], (5, 5, 3))
    layer = model.get_layer("separable_conv2d_0")
    kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
    found = sorted(float(loss) for loss in model.losses)
    np.testing.assert_allclose(
        found, sorted(0.1 * np.square(np.asarray(kernel)).sum() for kernel in kernels), rtol=1e-5
    )


def test_everything_left_open_is_resolved() -> None:
    layers: list[Any] = [{"separable_conv2d": {"filters": 4, "batch_norm": True}}, "flatten"]
    layers += [{"repeat": {"times": 1, "layers": [{"residual": [{"dense": {"units": 4, "activation": "selu"}}]}]}}]
    resolved = Network.model_validate({"layers": layers}).resolved("binary")
    assert "auto" not in str(resolved.model_dump())
    again = Network.model_validate(resolved.model_dump())
    assert again == resolved
    written = resolved.model_dump()["layers"]
    assert written[0]["separable_conv2d"]["use_bias"] is False
    assert written[0]["separable_conv2d"]["initializer"] == "window"
    dense = written[2]["repeat"]["layers"][0]["residual"]["layers"][0]["dense"]
    assert (dense["use_bias"], dense["initializer"]) == (True, "lecun_normal")


def test_resolving_does_not_change_the_network() -> None:
    layers = [
        {"separable_conv2d": {"filters": 4, "batch_norm": True}},
        "flatten",
        {"dense": {"units": 3, "activation": "selu"}},
    ]
    network = Network.model_validate({"layers": layers})
    built = []
    for candidate in (network, network.resolved("multiclass")):
        keras.utils.set_random_seed(1)
        built.append(candidate.build(InputForm.one((6, 6, 2)), OutputHead(3, "softmax")))
    for one, other in zip(built[0].weights, built[1].weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_output_settings(build: Any) -> None:
    output = {"activation": "softplus", "initializer": "zeros", "l2": 0.5}
    layer = build([], (3,), OutputHead(2, "linear"), output=output).get_layer("output")
    assert layer.activation is keras.activations.softplus
    assert layer.kernel_regularizer.l2 == pytest.approx(0.5)
    np.testing.assert_array_equal(layer.kernel, np.zeros((3, 2)))
