"""Weights of rows: a weight of 2 is a row twice, equal weights are none, and networks take them by their mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.datasets.role import Role
from dlrun.experiment.evaluation.metrics import metrics_for
from dlrun.experiment.load import load_text
from dlrun.experiment.training.class_weights import row_weights
from dlrun.experiment.validation.plan import Fold, SplitPlan
from dlrun.learners.listener import Listener
from dlrun.learners.make import make_learner
from dlrun.runs.average import RowLosses
from dlrun.runs.fit import Context, fit_fold, prepare
from dlrun.runs.run import settled
from dlrun.runs.score import Outcome, score

_ROWS = 90
_GENERATOR = np.random.default_rng(3)
X = _GENERATOR.normal(size=(_ROWS, 3))
TIMES = _GENERATOR.integers(1, 4, _ROWS)
TARGETS: dict[str, Any] = {
    "binary": (X[:, 0] + _GENERATOR.normal(size=_ROWS) > 0).astype(np.int64),
    "multiclass": np.digitize(X[:, 0] + _GENERATOR.normal(size=_ROWS), [-0.5, 0.5]),
    "multilabel": (X[:, :2] + _GENERATOR.normal(size=(_ROWS, 2)) > 0).astype(np.float32),
    "regression": X[:, :1] * 2 + _GENERATOR.normal(size=(_ROWS, 1)),
}
NAMES = {"binary": ("a", "b"), "multiclass": ("a", "b", "c"), "multilabel": ("a", "b"), "regression": ()}
LINEAR = "model: {kind: linear, l2: 0.1, tolerance: 1e-9}\npreprocessing: {scaling: none}\n"
TREES = "model: {kind: random_forest, num_trees: 2, bootstrap: false, max_features: 1.0, max_depth: 4}\n"
NETWORK = "model: {kind: network, layers: [dense: 4]}\ntraining: {epochs: 2, batch_size: 16}\n"


def dataset_of(task: Any, weights: Any = None, rows: Any = slice(None)) -> Dataset:
    roles: Any = {} if weights is None else {"weight": Role("w", np.asarray(weights, np.float64))}
    targets = ("y",) if task == "regression" else ()
    y = TARGETS[task][rows]
    return Dataset("made", "features", X[rows], y, task, NAMES[task], ("p", "q", "r"), targets, roles=roles)


def outcome_of(
    config: str,
    dataset: Dataset,
    num_training: int = 60,
    num_validation: int = 15,
    *,
    bootstrap: int = 200,
    metrics: str = "auto",
) -> tuple[Any, Any]:
    """Fit on the first rows, validate on the next and test on the rest; return what was fitted, and all scores."""
    text = f"dataset: {{kind: npz, path: none.npz, target_transform: none}}\n{config}"
    loaded = load_text(text, "c.yaml", [f"evaluation.bootstrap={bootstrap}", f"evaluation.metrics={metrics}"])
    experiment = settled(loaded.experiment, dataset)
    every = np.arange(dataset.num_rows)
    fold = Fold(0, every[:num_training], every[num_training : num_training + num_validation])
    plan = SplitPlan((fold,), every[num_training + num_validation :])
    learner = make_learner(experiment, dataset.facts)
    nothing: Any = lambda *_: None  # noqa: E731
    stored: Any = lambda _: (None, None)  # noqa: E731
    context = Context(experiment, dataset, plan, learner, Listener(), nothing, nothing, stored)
    fitted = fit_fold(context, fold, prepare(experiment, dataset, learner, fold.training))
    losses = RowLosses.of(experiment, dataset, learner, [fitted])
    return fitted, score(experiment, dataset, Outcome((fitted,), None, losses))


def assert_close(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            assert_close(one[name], other[name])
    elif isinstance(one, list):
        for first, second in zip(one, other, strict=True):
            assert_close(first, second)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=2e-4, abs=2e-5)
    else:
        assert one == other


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
@pytest.mark.parametrize("model", [LINEAR, TREES])
def test_a_weight_of_n_is_a_row_n_times(task: Any, model: str) -> None:
    rows = np.repeat(np.arange(_ROWS), TIMES)
    parts = int(TIMES[:60].sum()), int(TIMES[60:75].sum())
    metrics = f"[{', '.join(name for name in metrics_for(task) if name != 'top_5_accuracy')}]"
    _, ours = outcome_of(model, dataset_of(task, TIMES), bootstrap=0, metrics=metrics)
    fitted, theirs = outcome_of(model, dataset_of(task, rows=rows), *parts, bootstrap=0, metrics=metrics)
    assert len(fitted.validation.rows) == parts[1]
    assert_close(ours, theirs)


@pytest.mark.parametrize("model", [LINEAR, TREES, NETWORK, "model: gradient_boosting\n"])
@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_equal_weights_are_none(model: str, weight: float) -> None:
    plain, expected = outcome_of(model, dataset_of("binary"))
    equal, scores = outcome_of(model, dataset_of("binary", [weight] * _ROWS))
    if weight == 1 or model == NETWORK:
        assert np.array_equal(plain.test.y_pred, equal.test.y_pred)
        assert scores == expected


def test_networks_take_weights_by_their_mean_and_the_unit_does_not_matter() -> None:
    plain, _ = outcome_of(NETWORK, dataset_of("binary"))
    one, ours = outcome_of(NETWORK, dataset_of("binary", TIMES))
    other, theirs = outcome_of(NETWORK, dataset_of("binary", TIMES * 1024.0))
    assert np.array_equal(one.test.y_pred, other.test.y_pred)
    assert not np.array_equal(one.test.y_pred, plain.test.y_pred)
    assert_close(ours, theirs)


def test_rows_without_weight_are_not_learned_from() -> None:
    weights = np.where(np.arange(_ROWS) % 3 == 0, 0.0, 1.0)
    changed = replace(dataset_of("regression", weights), y=np.where(weights[:, None] == 0, 30.0, TARGETS["regression"]))
    one, ours = outcome_of(LINEAR, dataset_of("regression", weights))
    other, theirs = outcome_of(LINEAR, changed)
    assert np.allclose(one.test.y_pred, other.test.y_pred)
    assert_close(ours, theirs)


def test_weights_are_multiplied_by_those_of_classes() -> None:
    dataset = dataset_of("binary", TIMES)
    training = np.arange(60)
    by_name = row_weights({"b": 3.0}, dataset, training)
    assert by_name is not None
    assert np.array_equal(by_name, (np.where(dataset.y == 1, 3.0, 1.0) * TIMES).astype(np.float32))
    balanced = row_weights("balanced", dataset, training)
    assert balanced is not None
    sums = [balanced[training][dataset.y[training] == code].sum() for code in (0, 1)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-6)
    assert sum(sums) == pytest.approx(TIMES[training].sum(), rel=1e-6)


def test_intervals_take_weights_along() -> None:
    """A row that weighs nothing can be in any draw and changes none."""
    weights = np.where(np.arange(_ROWS) < 75, 1.0, 0.0)
    weights[80:] = 2.0
    y = TARGETS["regression"].copy()
    y[75:80] = 1e6
    _, scores = outcome_of(LINEAR, replace(dataset_of("regression", weights), y=y))
    low, high = scores["intervals"]["test"]["mae"]
    assert low < scores["test"]["mae"] < high < 10
