"""What every metric must keep: it agrees with scikit-learn under any weights, and knows its direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation.metric import Metric
from dlrun.experiment.evaluation.metrics import (
    METRICS,
    OF_POSITIVE,
    MetricName,
    default_metrics,
    higher_is_better,
    metrics_for,
)

CASES = [pytest.param(metric, task, id=f"{task}-{metric.name}") for metric in METRICS for task in metric.tasks]
every_metric = pytest.mark.parametrize(("metric", "task"), CASES)
examples = settings(max_examples=25, deadline=None)

NUM_CLASSES = 7


def make(task: Task, seed: int, num_rows: int = 80, digits: int = 9) -> tuple[Any, Any]:
    """Draw true values and predictions that are related; few digits give many ties."""
    generator = np.random.default_rng(seed)
    if task == "binary":
        y = generator.integers(0, 2, num_rows)
        y[:2] = [0, 1]
        return y, np.round(np.clip(0.3 * y[:, None] + 0.7 * generator.random((num_rows, 1)), 0, 1), digits)
    if task == "multiclass":
        y = generator.integers(0, NUM_CLASSES, num_rows)
        y[:NUM_CLASSES] = np.arange(NUM_CLASSES)
        raw = generator.random((num_rows, NUM_CLASSES)) + 0.5 * np.eye(NUM_CLASSES)[y]
        return y, raw / raw.sum(axis=1, keepdims=True)
    if task == "multilabel":
        labels = generator.integers(0, 2, (num_rows, 3)).astype(np.float32)
        labels[:2] = [[0, 0, 0], [1, 1, 1]]
        return labels, np.round(0.3 * labels + 0.7 * generator.random((num_rows, 3)), digits)
    numbers = generator.normal(3, 1, (num_rows, 2)) * [1.0, 100.0]
    return numbers, numbers + generator.normal(0, 1, (num_rows, 2)) * [0.5, 80.0]


def binary(score: Callable[..., float], **options: Any) -> Callable[..., float]:
    return lambda y, p, w: score(y, (p[:, 0] > 0.5).astype(int), sample_weight=w, **options)


def multiclass(score: Callable[..., float], **options: Any) -> Callable[..., float]:
    return lambda y, p, w: score(y, p.argmax(axis=1), sample_weight=w, **options)


def labels(score: Callable[..., float], **options: Any) -> Callable[..., float]:
    return lambda y, p, w: score(y, p > 0.5, sample_weight=w, **options)


def plain(score: Callable[..., float], **options: Any) -> Callable[..., float]:
    return lambda y, p, w: score(y, p, sample_weight=w, **options)


def each_label(score: Callable[..., float]) -> Callable[..., float]:
    return lambda y, p, w: float(np.mean([score(y[:, k], p[:, k], sample_weight=w) for k in range(y.shape[1])]))


REFERENCES: dict[tuple[str, str], Callable[..., float]] = {
    ("binary", "accuracy"): binary(sk.accuracy_score),
    ("binary", "balanced_accuracy"): binary(sk.balanced_accuracy_score),
    ("binary", "precision"): binary(sk.precision_score),
    ("binary", "recall"): binary(sk.recall_score),
    ("binary", "f1"): binary(sk.f1_score),
    ("binary", "auc"): lambda y, p, w: sk.roc_auc_score(y, p[:, 0], sample_weight=w),
    ("binary", "average_precision"): lambda y, p, w: sk.average_precision_score(y, p[:, 0], sample_weight=w),
    ("binary", "log_loss"): lambda y, p, w: sk.log_loss(y, np.clip(p[:, 0], 1e-7, 1 - 1e-7), sample_weight=w),
    ("multiclass", "accuracy"): multiclass(sk.accuracy_score),
    ("multiclass", "balanced_accuracy"): multiclass(sk.balanced_accuracy_score),
    ("multiclass", "macro_f1"): multiclass(sk.f1_score, average="macro"),
    ("multiclass", "top_5_accuracy"): plain(sk.top_k_accuracy_score, k=5),
    ("multiclass", "auc"): plain(sk.roc_auc_score, multi_class="ovr"),
    ("multiclass", "log_loss"): plain(sk.log_loss),
    ("multilabel", "binary_accuracy"): lambda y, p, w: float(np.average(((p > 0.5) == y).mean(axis=1), weights=w)),
    ("multilabel", "subset_accuracy"): labels(sk.accuracy_score),
    ("multilabel", "micro_f1"): labels(sk.f1_score, average="micro"),
    ("multilabel", "macro_f1"): labels(sk.f1_score, average="macro"),
    ("multilabel", "auc"): each_label(sk.roc_auc_score),
    ("multilabel", "average_precision"): each_label(sk.average_precision_score),
    ("multilabel", "log_loss"): each_label(
        lambda y, p, sample_weight: sk.log_loss(y, np.clip(p, 1e-7, 1 - 1e-7), sample_weight=sample_weight)
    ),
    ("regression", "mae"): plain(sk.mean_absolute_error),
    ("regression", "mse"): plain(sk.mean_squared_error),
    ("regression", "rmse"): plain(sk.root_mean_squared_error),
    ("regression", "r2"): plain(sk.r2_score),
    ("regression", "mape"): plain(sk.mean_absolute_percentage_error),
}


def weightings(num_rows: int, seed: int) -> Any:
    generator = np.random.default_rng(seed)
    return np.stack([np.ones(num_rows), generator.random(num_rows) + 0.1, generator.integers(1, 5, num_rows)])


def test_every_metric_has_a_reference_and_a_name() -> None:
    assert {(task, metric.name) for metric in METRICS for task in metric.tasks} == set(REFERENCES)
    assert {metric.name for metric in METRICS} == set(get_args(MetricName))
    assert list(get_args(MetricName)) == sorted(get_args(MetricName))


def test_every_task_has_metrics_by_default() -> None:
    for task in get_args(Task):
        assert set(default_metrics(task)) <= set(metrics_for(task))
        assert len(default_metrics(task)) >= 1


@every_metric
@examples
@given(seed=st.integers(0, 10_000), digits=st.sampled_from([1, 9]))
def test_agrees_with_scikit_learn(metric: Metric, task: Task, seed: int, digits: int) -> None:
    y_true, y_pred = make(task, seed, digits=digits)
    weights = weightings(len(y_true), seed)
    expected = [REFERENCES[task, metric.name](y_true, y_pred, row) for row in weights]
    scores = metric.scores(y_true, y_pred, weights)
    assert scores.shape == (3,)
    np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-12)
    single = metric.scores(y_true, y_pred, weights.astype(np.float32))
    np.testing.assert_allclose(single, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", OF_POSITIVE)
@examples
@given(seed=st.integers(0, 10_000), digits=st.sampled_from([1, 9]))
def test_scores_of_the_first_class_agree_with_scikit_learn(name: str, seed: int, digits: int) -> None:
    y_true, y_pred = make("binary", seed, digits=digits)
    weights = weightings(len(y_true), seed)
    if name == "average_precision":
        expected = [sk.average_precision_score(y_true == 0, -y_pred[:, 0], sample_weight=row) for row in weights]
    else:
        score = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}[name]
        decided = (y_pred[:, 0] > 0.5).astype(int)  # one half itself is the first class, as predicted labels are
        expected = [score(y_true, decided, pos_label=0, sample_weight=row, zero_division=0) for row in weights]
    scores = np.nan_to_num(metrics_for("binary")[name].scorer(y_true, y_pred, 0)(weights))
    np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-12)


@every_metric
@examples
@given(seed=st.integers(0, 10_000))
def test_other_metrics_do_not_care_for_the_positive_class(metric: Metric, task: Task, seed: int) -> None:
    y_true, y_pred = make(task, seed)
    ones = np.ones((1, len(y_true)))
    if not metric.of_positive:
        assert np.array_equal(metric.scorer(y_true, y_pred, 0)(ones), metric.scorer(y_true, y_pred)(ones))


@every_metric
@examples
@given(seed=st.integers(0, 10_000))
def test_a_weight_is_a_number_of_copies(metric: Metric, task: Task, seed: int) -> None:
    y_true, y_pred = make(task, seed, num_rows=30)
    counts = np.random.default_rng(seed).integers(0, 3, 30)
    copies = np.repeat(np.arange(30), counts)
    weighted = metric.scores(y_true, y_pred, counts[None].astype(float))
    copied = metric.scores(y_true[copies], y_pred[copies], np.ones((1, len(copies))))
    np.testing.assert_allclose(weighted, copied, rtol=1e-9)


@every_metric
def test_the_order_of_the_rows_does_not_matter(metric: Metric, task: Task) -> None:
    y_true, y_pred = make(task, 1)
    order = np.random.default_rng(0).permutation(len(y_true))
    ones = np.ones((1, len(y_true)))
    mixed = metric.scores(y_true[order], y_pred[order], ones)
    np.testing.assert_allclose(metric.scores(y_true, y_pred, ones), mixed, rtol=1e-12)


@every_metric
def test_the_truth_scores_best(metric: Metric, task: Task) -> None:
    y_true, y_pred = make(task, 2)
    exact: Any = y_true
    if task == "binary":
        exact = y_true[:, None].astype(float)
    elif task == "multiclass":
        exact = np.eye(NUM_CLASSES)[y_true]
    ones = np.ones((1, len(y_true)))
    best, other = metric.scores(y_true, exact, ones)[0], metric.scores(y_true, y_pred, ones)[0]
    assert best == pytest.approx(1.0 if metric.higher_is_better else 0.0, abs=1e-6)
    assert (best > other) == metric.higher_is_better
    assert higher_is_better(metric.name) == higher_is_better(f"val_{metric.name}") == metric.higher_is_better


@every_metric
def test_single_precision_predictions_score_alike(metric: Metric, task: Task) -> None:
    y_true, y_pred = make(task, 3)
    ones = np.ones((1, len(y_true)))
    single = metric.scores(y_true, y_pred.astype(np.float32), ones)
    np.testing.assert_allclose(metric.scores(y_true, y_pred, ones), single, rtol=1e-4)


@every_metric
def test_every_metric_is_documented(metric: Metric, task: Task) -> None:
    if metric.prepare.__name__ != "prepare_all":
        assert metric.prepare.__doc__


def poor(task: Task, generator: np.random.Generator) -> Any:
    """Draw true values of so few rows that some kind of row is often missing."""
    num_rows = int(generator.integers(1, 5))
    if task == "binary":
        return generator.integers(0, 2, num_rows)
    if task == "multiclass":
        return generator.integers(0, 3, num_rows)
    if task == "multilabel":
        return generator.integers(0, 2, (num_rows, 2)).astype(np.float32)
    return generator.integers(0, 3, (num_rows, 2)).astype(float)


@every_metric
@examples
@given(seed=st.integers(0, 10_000))
def test_tells_what_rows_lack_for_it(metric: Metric, task: Task, seed: int) -> None:
    generator = np.random.default_rng(seed)
    y_true = poor(task, generator)
    width = {"binary": 1, "multiclass": 3}.get(task, 2)
    lack = metric.lack(y_true, ("a", "b", "c")[: max(width, 2)])
    every = [np.zeros((len(y_true), width)), np.ones((len(y_true), width)), generator.random((len(y_true), width))]
    scores = [metric.scores(y_true, y_pred, np.ones((1, len(y_true))))[0] for y_pred in every]
    if lack is None:
        assert np.isfinite(scores).all()
    elif lack.is_certain:
        assert np.isnan(scores).all()
    else:
        assert np.isnan(scores[0]), "nothing is decided for"
        assert np.isfinite(scores[1]), "everything is"
