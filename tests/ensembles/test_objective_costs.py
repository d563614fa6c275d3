"""The fast costs are those of the metrics themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dlrun.ensembles.methods.objective import Objective
from dlrun.experiment.evaluation.metrics import METRICS

CASES = [pytest.param(task, metric.name, id=f"{task}-{metric.name}") for metric in METRICS for task in metric.tasks]


@pytest.mark.parametrize("folds", [1, 3])
@pytest.mark.parametrize(("task", "metric"), CASES)
def test_costs_of_weights_are_scores_of_the_weighted_mean(make_stack, task: str, metric: str, folds: int) -> None:
    stack = make_stack(task, folds=folds, num_rows=90)
    objective = Objective(stack, metric)
    weights = np.random.default_rng(1).dirichlet(np.ones(stack.num_members), 5)
    direct = [objective.cost(np.tensordot(own, stack.y_pred, axes=1)) for own in weights]
    np.testing.assert_allclose(objective.costs_of_weights(weights), direct, rtol=1e-9)


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_costs_after_an_addition(make_stack, task: str, metric: str) -> None:
    stack = make_stack(task, num_rows=90)
    objective = Objective(stack, metric)
    taken = [0, 0, 2]
    total = objective.material[taken].sum(axis=0)
    direct = [objective.cost(stack.y_pred[[*taken, member]].mean(axis=0)) for member in range(stack.num_members)]
    np.testing.assert_allclose(objective.costs_after(total, 3), direct, rtol=1e-9)


@pytest.mark.parametrize("sharpness", [1, 4])
def test_rows_that_no_member_can_turn_are_counted_once_for_all(make_stack, sharpness: int) -> None:
    stack = make_stack("multiclass", num_rows=300, folds=3, noise=(0.6, 0.9, 1.2, 1.5))
    sharp = stack.y_pred**sharpness
    stack = replace(stack, y_pred=sharp / sharp.sum(axis=2, keepdims=True))
    objective = Objective(stack, "accuracy")
    for count in (1, 4, 40):
        taken = np.random.default_rng(count).integers(0, 4, count)
        total = objective.material[taken].sum(axis=0)
        lead = np.abs(total[0] - total[1:].max(axis=0))
        assert count == 1 or (lead > 1).any(), "some rows are settled"
        direct = [objective.cost(stack.y_pred[[*taken, member]].mean(axis=0)) for member in range(4)]
        np.testing.assert_allclose(objective.costs_after(total, count), direct, rtol=1e-12)


def test_equal_sums_are_decided_as_the_metric_does(make_stack) -> None:
    stack = make_stack("multiclass", num_rows=400, noise=(1.0, 1.5, 2.0))
    stack = replace(stack, y_pred=np.eye(4)[stack.y_pred.argmax(axis=2)])
    objective = Objective(stack, "accuracy")
    for taken in ([0], [0, 1], [1, 2, 2]):
        means = [stack.y_pred[[*taken, member]].mean(axis=0) for member in range(3)]
        assert any((np.sort(mean, axis=1)[:, -1] == np.sort(mean, axis=1)[:, -2]).any() for mean in means)
        costs = objective.costs_after(objective.material[taken].sum(axis=0), len(taken), np.array([2, 0]))
        np.testing.assert_allclose(costs, [objective.cost(means[2]), objective.cost(means[0])], rtol=1e-12)


def test_without_a_close_call_no_member_is_looked_at(make_stack) -> None:
    stack = make_stack("multiclass", num_rows=60)
    sure = np.eye(4)[stack.y_true]
    objective = Objective(replace(stack, y_pred=np.stack([sure, sure, sure, 1 - sure])), "accuracy")
    np.testing.assert_allclose(objective.costs_after(9 * objective.material[0], 9), np.full(4, -1.0), rtol=1e-12)


def test_predictions_beyond_one_settle_nothing(make_stack) -> None:
    stack = make_stack("multiclass", num_rows=120)
    stack = replace(stack, y_pred=stack.y_pred * [[[1.0]], [[9.0]], [[1.0]], [[1.0]]])
    objective = Objective(stack, "accuracy")
    direct = [objective.cost(stack.y_pred[[0, 2, member]].mean(axis=0)) for member in range(4)]
    np.testing.assert_allclose(objective.costs_after(objective.material[[0, 2]].sum(axis=0), 2), direct, rtol=1e-12)


def test_scores_are_means_over_folds(make_stack) -> None:
    stack = make_stack("binary", num_rows=100, folds=2)
    stack = replace(stack, folds=np.where(np.arange(100) < 20, 0, 1))
    right = (stack.y_pred[0, :, 0] > 0.5) == stack.y_true
    objective = Objective(stack, "accuracy")
    expected = (right[:20].mean() + right[20:].mean()) / 2
    assert objective.score(objective.costs_of_members()[0]) == pytest.approx(expected)
    assert objective.score(objective.cost(stack.y_pred[0])) == pytest.approx(expected)


def test_equal_probabilities_are_decided_as_the_metric_does(make_stack) -> None:
    stack = make_stack("multiclass", num_rows=400, noise=(1.0, 1.5, 2.0))
    votes = np.eye(4)[stack.y_pred.argmax(axis=2)]
    objective = Objective(replace(stack, y_pred=votes), "accuracy")
    pairs = np.array([[0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]])
    direct = [objective.cost(np.tensordot(own, votes, axes=1)) for own in pairs]
    assert (np.sort(np.tensordot(pairs[0], votes, axes=1), axis=1)[:, -2] == 0.5).any()
    np.testing.assert_allclose(objective.costs_of_weights(pairs), direct, rtol=1e-12)


def test_single_precision_beyond_a_size_costs_little(make_stack, monkeypatch) -> None:
    stack = make_stack("multiclass", num_rows=500)
    exact = Objective(stack, "log_loss").costs_of_members()
    monkeypatch.setattr("dlrun.ensembles.methods.objective._EXACT_UP_TO", 0)
    single = Objective(replace(stack, y_pred=stack.y_pred.astype(np.float32)), "log_loss")
    assert single.material.dtype == np.float32
    np.testing.assert_allclose(single.costs_of_members(), exact, rtol=1e-5)
