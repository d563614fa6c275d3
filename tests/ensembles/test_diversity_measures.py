"""Measures of diversity against hand-computed values, NumPy, and the identity that they must keep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrun.ensembles import diversity
from dlrun.ensembles.members.stack import Stack
from dlrun.ensembles.methods import combine as combining
from dlrun.ensembles.methods.combination import WeightedMean
from dlrun.ensembles.methods.median import Median
from dlrun.ensembles.methods.objective import Objective

TASKS = ("binary", "multiclass", "multilabel", "regression")


def two(first: list[float], second: list[float], y_true: list[int]) -> Stack:
    rows = np.arange(len(y_true))
    return Stack("binary", np.array(y_true), np.array([first, second])[:, :, None], rows, np.zeros_like(rows))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.booleans())
def test_the_ambiguity_decomposition_is_an_identity(seed: int, num_members: int, numbers: bool) -> None:
    generator = np.random.default_rng(seed)
    y_pred = generator.normal(0, 10, (num_members, 30, 2)) if numbers else generator.random((num_members, 30, 2))
    y_true = generator.normal(0, 10, (30, 2)) if numbers else generator.integers(0, 2, 30)
    stack = Stack("regression" if numbers else "multiclass", y_true, y_pred, np.arange(30), np.zeros(30, np.int64))
    parts = diversity.decompose(stack, generator.dirichlet(np.ones(num_members)))
    assert parts.error == pytest.approx(parts.mean_error - parts.ambiguity, rel=1e-10, abs=1e-10)
    assert parts.ambiguity >= 0


def test_q_and_disagreement_by_hand() -> None:
    # right: first 1 1 1 0 0 0, second 1 1 0 1 0 0: both 2, neither 2, one only 1 and 1
    stack = two([0.9, 0.9, 0.9, 0.1, 0.1, 0.1], [0.9, 0.9, 0.1, 0.9, 0.1, 0.1], [1] * 6)
    statistic = diversity.q_statistic(stack)
    assert statistic is not None
    assert statistic[0, 1] == pytest.approx((2 * 2 - 1) / (2 * 2 + 1))
    assert diversity.disagreement(stack)[0, 1] == pytest.approx(2 / 6)
    assert diversity.disagreement(stack)[0, 0] == 0


def test_q_is_undefined_where_nothing_can_be_compared() -> None:
    stack = two([0.9, 0.9], [0.9, 0.9], [1, 1])
    statistic = diversity.q_statistic(stack)
    assert statistic is not None
    assert np.isnan(statistic).all()
    assert diversity.mean_of_pairs(statistic) is None


@pytest.mark.parametrize("task", TASKS)
def test_correlations_against_numpy(make_stack, task: str) -> None:
    stack = make_stack(task)
    one_output = Stack(task, stack.y_true, stack.y_pred, stack.rows, stack.folds)
    errors = one_output.y_pred - one_output.targets()
    scaled = errors / one_output.targets().std(axis=0) if task == "regression" else errors
    centered = (scaled - scaled.mean(axis=1, keepdims=True)).reshape(stack.num_members, -1)
    np.testing.assert_allclose(diversity.error_correlation(stack), np.corrcoef(centered), atol=1e-10)
    assert diversity.prediction_correlation(stack).shape == (4, 4)


@pytest.mark.parametrize("task", TASKS)
def test_disagreement_has_a_zero_diagonal_and_is_symmetric(make_stack, task: str) -> None:
    matrix = diversity.disagreement(make_stack(task))
    np.testing.assert_allclose(np.diag(matrix), 0, atol=1e-12)
    np.testing.assert_allclose(matrix, matrix.T)
    assert (matrix[np.triu_indices(4, 1)] > 0).all()
    if task != "regression":
        assert matrix.max() <= 1


def test_gains_are_those_of_leaving_a_member_out(make_stack) -> None:
    stack = make_stack("binary")
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    objective = Objective(stack, "log_loss")
    found = diversity.gains(objective, WeightedMean(factors=tuple(weights)))
    for member in range(4):
        rest = np.where(np.arange(4) == member, 0, weights)
        expected = objective.cost_of_weights(rest / rest.sum()) - objective.cost_of_weights(weights)
        assert found[member] == pytest.approx(expected, rel=1e-9)


def test_gains_of_a_method_without_weights(make_stack) -> None:
    stack = make_stack("regression", noise=(0.5, 0.5, 0.6, 5.0))
    _, combination = combining.fit(Median(), stack, "rmse", seed=0)
    found = diversity.gains(Objective(stack, "rmse"), combination)
    assert found.shape == (4,)
    assert found[3] < min(found[:3]), "the bad member helps least"


def test_a_member_alone_has_no_gain(make_stack) -> None:
    stack = make_stack("binary", noise=(1.0,))
    assert np.isnan(diversity.gains(Objective(stack, "auc"), WeightedMean(factors=(1.0,)))).all()


def test_near_copies_by_config_and_by_predictions(make_stack) -> None:
    stack = make_stack("multiclass", noise=(1.0, 1.0, 1.0, 1.0))
    y_pred = stack.y_pred.copy()
    y_pred[1] = 0.93 * y_pred[0] + 0.07 * y_pred[2]
    stack = replace(stack, y_pred=y_pred)
    matrices = diversity.prediction_correlation(stack), diversity.error_correlation(stack)
    copies, groups = diversity.near_copies(*matrices, ["a", "b", "c", "c"], 0.98)
    assert [group.members for group in copies] == [(0, 1), (2, 3)]
    assert copies[0].reason.startswith("nearly the same predictions; they correlate 0.99")
    assert copies[1].reason.startswith("configs that differ in name or seed alone")
    assert len(set(groups.tolist())) == 2


def test_good_members_on_easy_data_are_no_copies() -> None:
    """Where nearly all rows are easy, predictions of any good models correlate; their errors tell them apart."""
    generator = np.random.default_rng(0)
    y = np.arange(400) % 2
    y_pred = np.tile(np.where(y == 1, 0.999, 0.001), (2, 1))
    for member in y_pred:
        member[generator.choice(400, 3, replace=False)] = 0.5
    stack = Stack("binary", y, y_pred[:, :, None], np.arange(400), np.zeros(400, np.int64))
    predictions, errors = diversity.prediction_correlation(stack), diversity.error_correlation(stack)
    assert predictions[0, 1] > 0.98
    assert diversity.near_copies(predictions, errors, ["a", "b"], 0.98)[0] == ()


def test_effective_number() -> None:
    assert diversity.effective_number(np.eye(4)) == pytest.approx(4)
    assert diversity.effective_number(np.ones((4, 4))) == pytest.approx(1)
