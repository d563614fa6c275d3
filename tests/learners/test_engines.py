"""The engines against Keras' own `fit` on the same rows in the same order, and against each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dlrun.experiment.datasets.inputs import CODES, NUMBERS, Inputs
from dlrun.learners.engines import tensorflow as starting
from dlrun.learners.engines.engine import Midway
from dlrun.learners.engines.resident import ResidentEngine, _slices
from dlrun.learners.engines.streaming import StreamingEngine

BATCH = 16
ROWS = 90  # five full batches and one of ten


@pytest.fixture(scope="module")
def data() -> tuple[Inputs, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, 6)).astype(np.float32)
    return Inputs({NUMBERS: x}), (x.sum(axis=1) > 0).astype(np.int64)


@pytest.fixture
def build() -> Callable[..., Any]:
    starting.begin("cpu")

    def model(*, dropout: float = 0.0, batch_norm: bool = True) -> Any:
        import keras

        keras.utils.set_random_seed(3)
        inputs = x = keras.Input((6,))
        x = keras.layers.Dense(8, activation="relu", kernel_regularizer="l2")(x)
        x = keras.layers.BatchNormalization()(x) if batch_norm else x
        x = keras.layers.Dropout(dropout)(x) if dropout else x
        network = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
        network.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
        network.optimizer.build(network.trainable_variables)
        return network

    return model


def rates(value: float = 1e-2) -> np.ndarray:
    return np.full(-(-ROWS // BATCH), value, np.float32)


def engines(model: Any) -> dict[str, Any]:
    return {
        "resident": ResidentEngine(model, batch_size=BATCH, jit=False, slice_steps=1000),
        "sliced": ResidentEngine(model, batch_size=BATCH, jit=False, slice_steps=2),
        "jit": ResidentEngine(model, batch_size=BATCH, jit=True, slice_steps=1000),
        "streaming": StreamingEngine(model, batch_size=BATCH, slice_steps=2),
    }


@pytest.mark.parametrize("name", ["resident", "sliced", "jit", "streaming"])
def test_an_epoch_is_what_keras_fit_makes_of_the_same_batches(
    name: str, build: Callable[..., Any], data: tuple[Inputs, np.ndarray]
) -> None:
    x, y = data
    order = np.random.default_rng(1).permutation(ROWS)
    theirs = build()
    theirs.optimizer.learning_rate = 1e-2
    history = theirs.fit(x.only[order], y[order], batch_size=BATCH, epochs=2, shuffle=False, verbose=0).history

    ours = build()
    engine = engines(ours)[name]
    engine.load(x, y, None)
    values = [engine.train_epoch(order, rates(), lambda step, values: None) for _ in range(2)]

    for key in ("loss", "accuracy"):
        np.testing.assert_allclose([value[key] for value in values], history[key], rtol=1e-5)
    for own, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(own.numpy(), other.numpy(), rtol=2e-4, atol=1e-6, err_msg=own.path)
    np.testing.assert_allclose(engine.predict(x, order[:7]), theirs.predict(x.only[order[:7]], verbose=0), rtol=1e-4)


def of_two_inputs() -> Any:
    import keras

    starting.begin("cpu")
    keras.utils.set_random_seed(3)
    inputs = {NUMBERS: keras.Input((6,), name=NUMBERS), CODES: keras.Input((1,), dtype="int32", name=CODES)}
    vector = keras.layers.Flatten()(keras.layers.Embedding(4, 2)(inputs[CODES]))
    x = keras.layers.Concatenate()([vector, inputs[NUMBERS]])
    network = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
    network.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    network.optimizer.build(network.trainable_variables)
    return network


@pytest.mark.parametrize("name", ["resident", "sliced", "jit", "streaming"])
def test_several_inputs_go_to_those_of_their_names(name: str, data: tuple[Inputs, np.ndarray]) -> None:
    numbers, y = data[0].only, data[1]
    arrays = {CODES: np.arange(ROWS, dtype=np.int32)[:, None] % 4, NUMBERS: numbers}
    weights = np.where(y == 1, 3.0, 0.5).astype(np.float32)
    order = np.random.default_rng(1).permutation(ROWS)
    theirs, ours = of_two_inputs(), of_two_inputs()
    theirs.optimizer.learning_rate = 1e-2
    shuffled = {own: array[order] for own, array in arrays.items()}
    theirs.fit(shuffled, y[order], sample_weight=weights[order], batch_size=BATCH, shuffle=False, verbose=0)
    engine, x = engines(ours)[name], Inputs(arrays)
    engine.load(x, y, weights)
    midway: list[Midway] = []

    def remember(step: int, values: Any) -> None:
        midway.append(Midway(step, [variable.numpy() for variable in ours.metrics_variables]))

    engine.train_epoch(order, rates(), remember)
    for own, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(own.numpy(), other.numpy(), rtol=2e-4, atol=1e-6, err_msg=own.path)
    expected = theirs.predict({own: array[order[:7]] for own, array in arrays.items()}, verbose=0)
    np.testing.assert_allclose(engine.predict(x, order[:7]), expected, rtol=1e-3)
    np.testing.assert_allclose(engine.predict(x.take(order[:7]), np.arange(7)), expected, rtol=1e-3)
    if midway:  # another process goes on from the last slice
        another = engines(of_two_inputs())[name]
        another.load(x, y, weights)
        trained = another.train_epoch(order, rates(), lambda *_: None, midway[-1])
        assert set(trained) == {"loss", "accuracy"}


@pytest.mark.parametrize("name", ["resident", "streaming"])
def test_row_weights_weigh_the_loss(name: str, build: Callable[..., Any], data: tuple[Inputs, np.ndarray]) -> None:
    x, y = data
    weights = np.where(y == 1, 3.0, 0.5).astype(np.float32)
    order = np.arange(ROWS)
    theirs = build()
    theirs.optimizer.learning_rate = 1e-2
    theirs.fit(x.only, y, sample_weight=weights, batch_size=BATCH, shuffle=False, verbose=0)
    ours = build()
    engine = engines(ours)[name]
    engine.load(x, y, weights)
    engine.train_epoch(order, rates(), lambda step, values: None)
    for own, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(own.numpy(), other.numpy(), rtol=2e-4, atol=1e-6, err_msg=own.path)


@pytest.mark.parametrize("name", ["sliced", "streaming"])
def test_slices_report_rising_steps_before_the_last(
    name: str, build: Callable[..., Any], data: tuple[Inputs, np.ndarray]
) -> None:
    steps: list[int] = []
    engine = engines(build())[name]
    engine.load(*data, None)
    engine.train_epoch(np.arange(ROWS), rates(), lambda step, values: steps.append(step))
    assert steps
    assert steps == sorted(steps)
    assert all(0 < step < -(-ROWS // BATCH) for step in steps)


def test_slices_change_nothing_with_dropout(build: Callable[..., Any], data: tuple[Inputs, np.ndarray]) -> None:
    whole, sliced = (build(dropout=0.4) for _ in range(2))
    order = np.random.default_rng(5).permutation(ROWS)
    for model, name in ((whole, "resident"), (sliced, "sliced")):
        engine = engines(model)[name]
        engine.load(*data, None)
        engine.train_epoch(order, rates(), lambda step, values: None)
    for own, other in zip(whole.variables, sliced.variables, strict=True):
        assert own.numpy().tobytes() == other.numpy().tobytes()


def test_every_step_takes_its_own_learning_rate(build: Callable[..., Any], data: tuple[Inputs, np.ndarray]) -> None:
    model = build()
    engine = engines(model)["resident"]
    engine.load(*data, None)
    before = [variable.numpy() for variable in model.trainable_variables]
    still = np.zeros_like(rates())
    engine.train_epoch(np.arange(ROWS), still, lambda step, values: None)
    assert all((own == variable.numpy()).all() for own, variable in zip(before, model.trainable_variables, strict=True))
    still[-1] = 0.05
    engine.train_epoch(np.arange(ROWS), still, lambda step, values: None)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    assert any((own != variable.numpy()).any() for own, variable in zip(before, model.trainable_variables, strict=True))


@pytest.mark.parametrize(
    ("num_steps", "most", "expected"),
    [
        (0, 5, []),
        (3, 5, [(0, 3)]),
        (10, 5, [(0, 5), (5, 10)]),
        (11, 5, [(0, 4), (4, 8), (8, 11)]),
    ],
)
def test_slices_are_nearly_equal(num_steps: int, most: int, expected: list[tuple[int, int]]) -> None:
    assert _slices(num_steps, most) == expected
