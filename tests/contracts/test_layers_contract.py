"""What every layer must do; a new layer costs one line in EXAMPLES."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from dlrun.base.settings import members
from dlrun.config.docs import descriptions
from dlrun.experiment.datasets.inputs import InputForm
from dlrun.experiment.models.network.layers.layer import Flow, shape_of
from dlrun.experiment.models.network.layers.structure import Layer
from dlrun.experiment.models.network.network import Network, OutputHead
from dlrun.experiment.models.network.summary import summary

IMAGE, STEPS, ROW = (9, 8, 3), (9, 4), (6,)
BLOCK = {"activation": "elu", "batch_norm": {"position": "after"}, "dropout": 0.2, "l1": 1e-3, "l2": 1e-3}

EXAMPLES: dict[str, tuple[object, tuple[int, ...]]] = {
    "dense": ({"units": 5, **BLOCK}, ROW),
    "conv1d": ({"filters": 5, "padding": "causal", **BLOCK}, STEPS),
    "conv2d": ({"filters": 5, "kernel_size": [3, 2], "strides": [2, 1], **BLOCK}, IMAGE),
    "separable_conv1d": ({"filters": 5, "padding": "same", "depth_multiplier": 2, **BLOCK}, STEPS),
    "separable_conv2d": ({"filters": 5, "strides": 2, "depth_multiplier": 2, **BLOCK}, IMAGE),
    "depthwise_conv2d": ({"kernel_size": [2, 3], "dilation_rate": 2, **BLOCK}, IMAGE),
    "max_pooling1d": ({"pool_size": 3, "strides": 2, "padding": "same"}, STEPS),
    "max_pooling2d": ({"pool_size": [3, 2], "strides": [2, 1]}, IMAGE),
    "average_pooling1d": (3, STEPS),
    "average_pooling2d": (2, IMAGE),
    "global_max_pooling1d": (None, STEPS),
    "global_max_pooling2d": (None, IMAGE),
    "global_average_pooling1d": (None, STEPS),
    "global_average_pooling2d": (None, IMAGE),
    "flatten": (None, IMAGE),
    "reshape": ([2, 3], ROW),
    "dropout": (0.3, ROW),
    "spatial_dropout": (0.3, IMAGE),
    "alpha_dropout": (0.3, ROW),
    "batch_norm": ({"momentum": 0.9, "scale": False}, IMAGE),
    "layer_norm": ({"axis": 1}, STEPS),
    "activation": ("leaky_relu", ROW),
    "embedding": ({"input_dim": 7, "output_dim": 3}, ROW),
    "rescaling": ({"scale": 0.5, "offset": -1}, ROW),
    "repeat": ({"times": 2, "layers": [{"dense": 6}, "batch_norm"]}, ROW),
    "residual": ([{"conv2d": {"filters": 4, "padding": "same", "strides": 2}}, "batch_norm"], IMAGE),
    # A new layer: its settings and the shape of a row, on one line above this one.
}

VARIANTS: list[tuple[object, tuple[int, ...]]] = [
    ({"conv1d": {"filters": 2, "strides": 2, "padding": "same"}}, STEPS),
    ({"conv1d": {"filters": 2, "dilation_rate": 3, "padding": "causal"}}, STEPS),
    ({"conv2d": {"filters": 2, "dilation_rate": [1, 2]}}, IMAGE),
    ({"separable_conv1d": {"filters": 2, "strides": 2}}, STEPS),
    ({"separable_conv1d": {"filters": 2, "dilation_rate": 2, "padding": "same"}}, STEPS),
    ({"separable_conv2d": {"filters": 2, "dilation_rate": 2, "padding": "same"}}, IMAGE),
    ({"separable_conv2d": {"filters": 2, "kernel_size": [1, 3], "strides": 2, "padding": "same"}}, IMAGE),
    ({"depthwise_conv2d": {"strides": 2, "padding": "same", "depth_multiplier": 3}}, IMAGE),
    ({"spatial_dropout": 0.4}, STEPS),
    ({"batch_norm": {"axis": 1}}, IMAGE),
    ({"residual": {"layers": [{"dense": 3}], "activation": "relu"}}, ROW),
    ({"residual": [{"separable_conv1d": {"filters": 3, "padding": "same", "strides": 2}}]}, STEPS),
    ({"conv2d": 2}, (9, 8)),
    ({"separable_conv2d": {"filters": 2, "batch_norm": True}}, (9, 8)),
    ({"dense": {"units": 3, "activation": "selu", "batch_norm": True}}, (9, 8)),
]


def _written(name: str) -> object:
    settings = EXAMPLES[name][0]
    return name if settings is None else {name: settings}


def _padded(name: str) -> object:
    """The example, with windows that are padded if it has any."""
    settings = EXAMPLES[name][0]
    layer_class = members(Layer)[name]
    if "padding" not in layer_class.model_fields:
        return _written(name)
    given = settings if isinstance(settings, dict) else {str(layer_class.main): settings}
    return {name: {**given, "padding": "same"}}


def _build(layer: object, shape: tuple[int, ...]) -> tuple[keras.Model, np.ndarray]:
    tokens = isinstance(layer, dict) and "embedding" in layer
    keras.utils.set_random_seed(3)
    layers = [layer, "flatten"]
    model = Network.model_validate({"layers": layers}).build(
        InputForm.one(shape, "int32" if tokens else "float32"), OutputHead(2, "softmax")
    )
    random = np.random.default_rng(0)
    x = (
        random.integers(0, 7, (8, *shape)).astype("int32")
        if tokens
        else random.normal(size=(8, *shape)).astype("float32")
    )
    return model, x


def _values(weights: Any) -> list[np.ndarray]:
    return [np.asarray(weight).copy() for weight in weights]


def _train_one_step(model: keras.Model, x: np.ndarray) -> None:
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    model.train_on_batch(x, np.arange(8) % 2)


def test_every_layer_has_an_example() -> None:
    assert list(EXAMPLES) == list(members(Layer))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras copies tensors the old way
@pytest.mark.parametrize("name", EXAMPLES)
def test_trains_and_loads_in_plain_keras(name: str, tmp_path: Path) -> None:
    model, x = _build(_written(name), EXAMPLES[name][1])
    before = _values(model.trainable_weights)
    _train_one_step(model, x)
    assert all(np.isfinite(value).all() for value in _values(model.weights))
    assert any(not np.array_equal(*pair) for pair in zip(before, _values(model.trainable_weights), strict=True))
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    keras.Model(model.input, model.output, name=model.name).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.parametrize("name", EXAMPLES)
def test_tells_without_keras_what_comes_out_and_what_it_takes(name: str) -> None:
    """Threads and the compilation are chosen by it, for windows that are padded and without projections."""
    written, shape = _padded(name), EXAMPLES[name][1]
    model, _ = _build(written, shape)
    flow = TypeAdapter(Layer).validate_python(written).pass_on(Flow(shape))
    before_flatten = model.get_layer("flatten_1").input
    assert flow.shape == shape_of(before_flatten)
    rows = [row for row in summary(model) if not row.name.endswith("projection") and row.name != "output"]
    assert flow.multiply_adds == sum(row.multiply_adds for row in rows)


@pytest.mark.parametrize("name", EXAMPLES)
def test_tells_whether_it_draws(name: str) -> None:
    layer = TypeAdapter(Layer).validate_python(_written(name))
    model, x = _build(_written(name), EXAMPLES[name][1])
    differs = not np.array_equal(model(x, training=True), model(x, training=True))
    assert layer.draws == differs


@pytest.mark.parametrize(("layer", "shape"), VARIANTS)
def test_every_combination_that_is_accepted_trains(layer: object, shape: tuple[int, ...]) -> None:
    model, x = _build(layer, shape)
    _train_one_step(model, x)
    assert np.isfinite(np.asarray(model(x))).all()


@pytest.mark.parametrize("name", EXAMPLES)
def test_written_form_is_read_back(name: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Layer)
    layer = adapter.validate_python(_written(name))
    assert adapter.validate_python(adapter.dump_python(layer)) == layer
    assert adapter.validate_python(adapter.dump_python(layer, mode="json")) == layer
    assert next(iter(type(layer).model_fields)) == "kind"


@pytest.mark.parametrize("name", EXAMPLES)
def test_schema_describes_every_setting(name: str) -> None:
    settings_class = members(Layer)[name]
    assert inspect.getdoc(settings_class)
    schema = TypeAdapter(Layer).json_schema()["$defs"][settings_class.__name__]
    assert schema["additionalProperties"] is False
    for setting, described in schema["properties"].items():
        assert described, setting
        assert setting == "kind" or descriptions(settings_class)[setting], setting


@pytest.mark.parametrize("name", EXAMPLES)
def test_unknown_settings_are_refused(name: str) -> None:
    settings = EXAMPLES[name][0]
    settings = settings if isinstance(settings, dict) else {}
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        TypeAdapter(Layer).validate_python({name: {**settings, "colour": 1}})


@pytest.mark.parametrize(
    ("layer", "place"),
    [
        ({"dense": 0}, "units"),
        ({"dense": "64"}, "units"),
        ({"dense": {"units": 4, "activation": "rlu"}}, "activation"),
        ({"dense": {"units": 4, "dropout": 1.0}}, "dropout"),
        ({"dense": {"units": 4, "l2": -1e-4}}, "l2"),
        ({"dense": {"units": 4, "initializer": "he"}}, "initializer"),
        ({"dense": {"units": 4, "batch_norm": {"position": "between"}}}, "position"),
        ({"dense": {"units": 4, "batch_norm": {"kind": "batch_norm"}}}, "kind"),
        ({"conv2d": {"filters": 4, "kernel_size": [3, 3, 3]}}, "kernel_size"),
        ({"conv2d": {"filters": 4, "kernel_size": True}}, "kernel_size"),
        ({"conv2d": {"filters": 4, "kernel_size": 0}}, "kernel_size"),
        ({"conv2d": {"filters": 4, "padding": "causal"}}, "padding"),
        ({"separable_conv1d": {"filters": 4, "padding": "causal"}}, "padding"),
        ({"conv2d": {"filters": 4, "strides": 2, "dilation_rate": 2}}, "conv2d"),
        ({"dropout": -0.1}, "rate"),
        ({"reshape": []}, "shape"),
        ({"repeat": {"times": 1, "layers": []}}, "layers"),
        ({"repeat": {"times": -1, "layers": ["flatten"]}}, "times"),
        ({"residual": []}, "layers"),
    ],
)
def test_bad_settings_are_refused_at_their_place(layer: object, place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Layer).validate_python(layer)
    assert any(place in error["loc"] for error in caught.value.errors())


def test_names_say_nothing_of_other_builds() -> None:
    for name, (_, shape) in EXAMPLES.items():
        first, second = (_build(_written(name), shape)[0] for _ in range(2))
        assert [weight.path for weight in first.trainable_weights] == [
            weight.path for weight in second.trainable_weights
        ]
