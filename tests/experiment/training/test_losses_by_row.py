"""Losses: the value of each row, against scikit-learn and against formulas worked out with NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from sklearn.metrics import log_loss

from dlrun.base.settings import members
from dlrun.config.docs import descriptions
from dlrun.errors import ModelError
from dlrun.experiment.training.losses import Loss

KINDS: dict[str, Any] = members(Loss)
ROWS, CLASSES = 9, 4
NUM_OUTPUTS = {"binary": 1, "multiclass": CLASSES, "multilabel": 3, "regression": 2}


def _case(task: str) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and outputs of some rows."""
    random = np.random.default_rng(5)
    outputs = random.uniform(0.05, 0.95, (ROWS, NUM_OUTPUTS[task])).astype("float32")
    if task == "binary":
        return random.integers(0, 2, ROWS), outputs
    if task == "multiclass":
        return random.integers(0, CLASSES, ROWS), outputs / outputs.sum(axis=1, keepdims=True)
    if task == "multilabel":
        return random.integers(0, 2, (ROWS, 3)).astype("float32"), outputs
    return random.uniform(0.5, 3, (ROWS, 2)), 3 * outputs


def _rows(kind: str, task: Any, **settings: Any) -> np.ndarray:
    y, outputs = _case(task)
    return np.asarray(KINDS[kind](**settings).build(task, NUM_OUTPUTS[task]).call(y, outputs))


def _binary(
    y: np.ndarray, p: np.ndarray, *, gamma: float = 0.0, alpha: float | None = None, smooth: float = 0.0
) -> Any:
    y, p = y.reshape(len(y), -1).astype("float64"), p.astype("float64")
    y = y * (1 - smooth) + smooth / 2
    right = y * p + (1 - y) * (1 - p)
    weight = 1.0 if alpha is None else y * alpha + (1 - y) * (1 - alpha)
    entropy = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return (weight * (1 - right) ** gamma * entropy).mean(axis=1)


def _classes(y: np.ndarray, p: np.ndarray, *, gamma: float = 0.0, alpha: float = 1.0, smooth: float = 0.0) -> Any:
    targets = np.eye(CLASSES)[y] * (1 - smooth) + smooth / CLASSES
    p = p.astype("float64")
    return (-alpha * targets * (1 - p) ** gamma * np.log(p)).sum(axis=1)


@pytest.mark.parametrize(
    ("kind", "task", "settings", "reference"),
    [
        ("binary_crossentropy", "binary", {}, _binary),
        ("binary_crossentropy", "multilabel", {}, _binary),
        ("binary_crossentropy", "binary", {"label_smoothing": 0.2}, lambda y, p: _binary(y, p, smooth=0.2)),
        ("categorical_crossentropy", "multiclass", {}, _classes),
        ("categorical_crossentropy", "multiclass", {"label_smoothing": 0.2}, lambda y, p: _classes(y, p, smooth=0.2)),
        ("focal", "binary", {}, lambda y, p: _binary(y, p, gamma=2)),
        ("focal", "multilabel", {"gamma": 1.5, "alpha": 0.25}, lambda y, p: _binary(y, p, gamma=1.5, alpha=0.25)),
        ("focal", "multiclass", {}, lambda y, p: _classes(y, p, gamma=2)),
        ("focal", "multiclass", {"gamma": 1, "alpha": 0.3}, lambda y, p: _classes(y, p, gamma=1, alpha=0.3)),
        ("focal", "binary", {"gamma": 0}, _binary),
        ("mse", "regression", {}, lambda y, p: np.square(y - p).mean(axis=1)),
        ("mae", "regression", {}, lambda y, p: np.abs(y - p).mean(axis=1)),
        (
            "huber",
            "regression",
            {"delta": 0.5},
            lambda y, p: np.where(np.abs(y - p) < 0.5, (y - p) ** 2 / 2, 0.5 * np.abs(y - p) - 0.125).mean(axis=1),
        ),
        ("log_cosh", "regression", {}, lambda y, p: np.log(np.cosh(y - p)).mean(axis=1)),
        ("mape", "regression", {}, lambda y, p: 100 * np.abs((y - p) / y).mean(axis=1)),
        ("msle", "regression", {}, lambda y, p: np.square(np.log1p(y) - np.log1p(p)).mean(axis=1)),
        ("poisson", "regression", {}, lambda y, p: (p - y * np.log(p)).mean(axis=1)),
    ],
)
def test_value_of_each_row(
    kind: str, task: str, settings: dict[str, Any], reference: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    found = _rows(kind, task, **settings)
    assert found.shape == (ROWS,)
    np.testing.assert_allclose(found, reference(*_case(task)), rtol=2e-5)


@pytest.mark.parametrize(
    ("kind", "task"), [("binary_crossentropy", "binary"), ("categorical_crossentropy", "multiclass")]
)
def test_mean_over_rows_is_that_of_scikit_learn(kind: str, task: str) -> None:
    y, outputs = _case(task)
    probabilities = np.hstack([1 - outputs, outputs]) if task == "binary" else outputs
    expected = log_loss(y, probabilities / probabilities.sum(axis=1, keepdims=True))
    assert _rows(kind, task).mean() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_codes_may_come_as_a_column(kind: str) -> None:
    for task in KINDS[kind].keras_names:
        y, outputs = _case(task)
        loss = KINDS[kind]().build(task, NUM_OUTPUTS[task])
        if y.ndim == 1:
            np.testing.assert_array_equal(loss.call(y[:, None], outputs), loss.call(y, outputs))


@pytest.mark.parametrize("kind", KINDS)
def test_weights_count_by_row(kind: str) -> None:
    weights = np.linspace(0, 2, ROWS).astype("float32")
    for task in KINDS[kind].keras_names:
        y, outputs = _case(task)
        loss = KINDS[kind]().build(task, NUM_OUTPUTS[task])
        expected = (np.asarray(loss.call(y, outputs)) * weights).mean()
        assert float(loss(y, outputs, sample_weight=weights)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_training_lowers_the_loss(kind: str) -> None:
    for task in KINDS[kind].keras_names:
        y, _ = _case(task)
        activation = "softmax" if task == "multiclass" else "sigmoid"
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(NUM_OUTPUTS[task], activation=activation)])
        model.compile("sgd", KINDS[kind]().build(task, NUM_OUTPUTS[task]), run_eagerly=True)
        x = np.random.default_rng(0).normal(size=(ROWS, 3))
        losses = [model.train_on_batch(x, y, sample_weight=np.ones(ROWS)) for _ in range(3)]
        assert losses[2] < losses[0]


def test_unsuited_tasks_are_refused(golden: Any) -> None:
    texts = []
    for kind, settings in KINDS.items():
        for task in sorted(set(NUM_OUTPUTS) - set(settings.keras_names)):
            with pytest.raises(ModelError) as caught:
                settings().build(task, NUM_OUTPUTS[task])
            texts.append(f"## {kind} for {task}\n{caught.value}\n")
    golden("models/loss_errors.txt", "\n".join(texts))


def test_losses_on_a_logarithm_or_share_want_targets_as_they_are() -> None:
    assert {kind for kind, settings in KINDS.items() if settings.needs_positive} == {"mape", "msle", "poisson"}


@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_read_and_described(kind: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Loss)
    loss = adapter.validate_python(kind)
    assert adapter.validate_python(adapter.dump_python(loss)) == loss
    assert loss.tasks == frozenset(KINDS[kind].keras_names)
    assert {"kind", *descriptions(KINDS[kind])} == set(KINDS[kind].model_fields)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("binary_crossentropy", {"label_smoothing": 1.0}),
        ("categorical_crossentropy", {"label_smoothing": -0.1}),
        ("focal", {"gamma": -1}),
        ("focal", {"alpha": 1}),
        ("huber", {"delta": 0}),
        ("mse", {"label_smoothing": 0.1}),
    ],
)
def test_bad_settings_are_refused(kind: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KINDS[kind](**settings)
