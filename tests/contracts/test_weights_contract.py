"""What every way to combine members must keep."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from dlrun.base.settings import members
from dlrun.ensembles.members.stack import Stack
from dlrun.ensembles.methods import combine as combining
from dlrun.ensembles.methods.methods import AnyMethod, tried
from dlrun.experiment.datasets.dataset import Task

METRIC = {"binary": "log_loss", "multiclass": "log_loss", "multilabel": "log_loss", "regression": "rmse"}
CASES = [
    pytest.param(method, task, id=f"{task}-{method.title}".replace(" ", ""))
    for task in get_args(Task)
    for method in tried(task)
]
every_method = pytest.mark.parametrize(("method", "task"), CASES)


def make(task: Task, num_members: int = 5, num_rows: int = 120) -> Stack:
    """Draw members of different quality; a regression's predictions are above 0, as geometric means need."""
    generator = np.random.default_rng(7)
    noise = np.linspace(0.5, 1.5, num_members)[:, None, None]
    rows = np.arange(num_rows)
    if task == "regression":
        y = generator.uniform(2, 5, (num_rows, 2))
        return Stack(task, y, np.abs(y + noise * generator.normal(0, 0.5, (num_members, num_rows, 2))), rows, rows % 2)
    if task == "multiclass":
        y = rows % 3
        powers = np.exp(2 * np.eye(3)[y] + noise * generator.normal(0, 1, (num_members, num_rows, 3)))
        return Stack(task, y, powers / powers.sum(axis=2, keepdims=True), rows, rows % 2)
    labels = (generator.random((num_rows, 1 if task == "binary" else 3)) < 0.5).astype(np.float32)
    odds = 4 * labels - 2 + 2 * noise * generator.normal(0, 1, (num_members, *labels.shape))
    y = labels[:, 0].astype(np.int64) if task == "binary" else labels
    return Stack(task, y, 1 / (1 + np.exp(-odds)), rows, rows % 2)


def test_every_method_is_tried() -> None:
    kinds = {method.kind for task in get_args(Task) for method in tried(task)}
    assert kinds == set(members(AnyMethod)) - {"auto", "weighted"}


@every_method
def test_the_order_of_members_does_not_matter(method, task: Task) -> None:
    stack = make(task)
    order = np.random.default_rng(0).permutation(stack.num_members)
    shuffled = stack.of_members(order)
    ours, theirs = (combining.fit(method, one, METRIC[task], seed=1) for one in (stack, shuffled))
    np.testing.assert_allclose(
        combining.predict(ours, stack.y_pred), combining.predict(theirs, shuffled.y_pred), rtol=1e-10, atol=1e-12
    )
    weights = [np.zeros(stack.num_members), np.zeros(stack.num_members)]
    weights[0][ours[0]] = ours[1].weights
    weights[1][order[theirs[0]]] = theirs[1].weights
    np.testing.assert_allclose(*weights, rtol=1e-10)


@every_method
def test_predictions_are_of_the_kind_that_members_make(method, task: Task) -> None:
    stack = make(task)
    predicted = combining.predict(combining.fit(method, stack, METRIC[task], seed=1), stack.y_pred)
    assert predicted.shape == stack.y_pred.shape[1:]
    assert np.isfinite(predicted).all()
    if task != "regression":
        assert predicted.min() >= 0
        assert predicted.max() <= 1
    if task == "multiclass":
        np.testing.assert_allclose(predicted.sum(axis=1), 1)


@every_method
def test_it_beats_the_worst_member_and_weighs_sensibly(method, task: Task) -> None:
    stack = make(task)
    places, combination = combining.fit(method, stack, METRIC[task], seed=1)
    assert combination.weights.sum() == pytest.approx(1)
    assert (combination.weights > 0).all()
    assert (np.diff(places) > 0).all()
    errors = [np.square(own - stack.targets()).mean() for own in stack.y_pred]
    predicted = combining.predict((places, combination), stack.y_pred)
    assert np.square(predicted - stack.targets()).mean() < max(errors)


@every_method
def test_what_is_stored_predicts_the_same_row_by_row(method, task: Task) -> None:
    stack = make(task)
    places, combination = combining.fit(method, stack, METRIC[task], seed=1)
    y_pred = stack.y_pred[places]
    again = combining.load_combination(combination.model_dump_json())
    whole = combination.combine(y_pred)
    pieces = [again.combine(y_pred[:, start : start + 7]) for start in range(0, stack.num_rows, 7)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-12, atol=1e-15)


@every_method
def test_the_same_seed_gives_the_same_outcome(method, task: Task) -> None:
    stack = make(task)
    once, again = (combining.fit(method, stack, METRIC[task], seed=5) for _ in range(2))
    assert once[0].tolist() == again[0].tolist()
    assert once[1] == again[1]


@every_method
def test_one_member_is_enough(method, task: Task) -> None:
    stack = make(task, num_members=1)
    places, combination = combining.fit(method, stack, METRIC[task], seed=1)
    predicted = combination.combine(stack.y_pred[places])
    own = stack.y_pred[0]
    if task in {"binary", "multiclass"}:
        decided = [own > 0.5, predicted > 0.5] if task == "binary" else [own.argmax(axis=1), predicted.argmax(axis=1)]
        assert np.mean(decided[0] == decided[1]) > 0.95
    else:
        assert np.corrcoef(own.ravel(), predicted.ravel())[0, 1] > 0.9


@every_method
def test_max_members_is_kept(method, task: Task) -> None:
    places, combination = combining.fit(method, make(task), METRIC[task], seed=1, max_members=2)
    assert len(places) == len(combination.weights) <= 2


@pytest.mark.parametrize("name", sorted(members(AnyMethod)))
def test_every_method_says_what_it_does(name: str) -> None:
    assert members(AnyMethod)[name].__doc__
