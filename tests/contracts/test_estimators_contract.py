"""What every model of scikit-learn must do, for every task."""

from __future__ import annotations

import inspect
import io
from typing import Any

import numpy as np
import pytest
import skops.io
from pydantic import TypeAdapter

from dlrun.base.settings import members
from dlrun.config.docs import descriptions
from dlrun.experiment.models.estimator import EstimatorSettings
from dlrun.experiment.models.models import Model

KINDS: dict[str, Any] = {name: kind for name, kind in members(Model).items() if issubclass(kind, EstimatorSettings)}
SMALL = {"random_forest": {"num_trees": 20}, "gradient_boosting": {"num_iterations": 20}}
TASKS = [("binary", 1), ("multiclass", 3), ("multilabel", 3), ("regression", 1), ("regression", 2)]
TREES = {"sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"}


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(200, 5)).astype("float32")


def _targets(x: np.ndarray, task: str, num_outputs: int) -> np.ndarray:
    score = x[:, :3] + 0.1 * x[:, 3:4]
    if task == "binary":
        return (score[:, 0] > 0).astype("int64")
    if task == "multiclass":
        return score.argmax(axis=1)
    if task == "multilabel":
        return (score > 0).astype("float32")
    return score[:, 0].astype("float64") if num_outputs == 1 else score[:, :num_outputs].astype("float64")


def _fitted(kind: str, task: Any, num_outputs: int, x: np.ndarray, seed: int = 3) -> Any:
    settings = KINDS[kind](**SMALL.get(kind, {}))
    estimator = settings.build_estimator(task, num_outputs, seed)
    return estimator.fit(x, _targets(x, task, num_outputs), sample_weight=np.ones(len(x)))


def _predicted(estimator: Any, task: str, x: np.ndarray) -> np.ndarray:
    if task == "regression":
        return estimator.predict(x)
    probabilities = estimator.predict_proba(x)
    return np.stack([label[:, 1] for label in probabilities], axis=1) if task == "multilabel" else probabilities


def test_there_are_such_models() -> None:
    assert set(KINDS) >= {"linear", "random_forest", "gradient_boosting"}


@pytest.mark.parametrize(("task", "num_outputs"), TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_learns_and_is_kept_without_pickle(kind: str, task: str, num_outputs: int, x: np.ndarray) -> None:
    y = _targets(x, task, num_outputs)
    estimator = _fitted(kind, task, num_outputs, x)
    predicted = _predicted(estimator, task, x)
    if task == "regression":
        assert predicted.shape == y.shape
        assert np.square(predicted - y).mean() < 0.2 * np.square(y - y.mean(axis=0)).mean()
    else:
        guessed = predicted > 0.5 if task == "multilabel" else predicted.argmax(axis=1)
        assert (guessed == y).mean() > 0.9
    stored = skops.io.dumps(estimator)
    untrusted = skops.io.get_untrusted_types(data=stored)
    assert set(untrusted) <= TREES
    loaded = skops.io.load(io.BytesIO(stored), trusted=untrusted)
    np.testing.assert_array_equal(_predicted(loaded, task, x), predicted)


@pytest.mark.parametrize(("task", "num_outputs"), TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_predictions(kind: str, task: str, num_outputs: int, x: np.ndarray) -> None:
    first, second = (_predicted(_fitted(kind, task, num_outputs, x), task, x) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_bare_name_is_read_and_every_setting_is_described(kind: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Model)
    settings = adapter.validate_python(kind)
    assert settings == KINDS[kind]()
    assert adapter.validate_python(adapter.dump_python(settings)) == settings
    assert inspect.getdoc(KINDS[kind])
    assert {"kind", *descriptions(KINDS[kind])} == set(KINDS[kind].model_fields)


@pytest.mark.parametrize(("task", "num_outputs"), TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_open_when_resolved(kind: str, task: Any, num_outputs: int) -> None:
    settings = KINDS[kind]()
    resolved = settings.resolved(task)
    assert "auto" not in resolved.model_dump().values()
    one, other = (each.build_estimator(task, num_outputs, 0).get_params() for each in (settings, resolved))
    assert str(one) == str(other)
