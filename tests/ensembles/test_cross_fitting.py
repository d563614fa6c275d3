"""Cross-fitted scores are those of members, methods and weights that were chosen without the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dlrun.ensembles.choice import Choice, choose, select
from dlrun.ensembles.choice import Trial as Tried
from dlrun.ensembles.cross_fit import CrossFit, divide
from dlrun.ensembles.members.admission import Admission, Contest
from dlrun.ensembles.members.stack import Stack
from dlrun.ensembles.methods import combine as combining
from dlrun.ensembles.methods.best import Best
from dlrun.ensembles.methods.greedy import Greedy
from dlrun.ensembles.methods.median import Median
from dlrun.ensembles.methods.objective import Objective
from dlrun.ensembles.methods.uniform import Uniform
from dlrun.ensembles.methods.weighted import Weighted
from dlrun.ensembles.settings import Ensemble
from dlrun.errors import UsageError


def admission(stack: Stack, *, keep_all: bool = True) -> Admission:
    return Admission(np.tile(stack.targets().mean(axis=0), (stack.num_rows, 1)), keep_all)


def crossed(stack: Stack, metric: str, *, keep_all: bool = True, parts: int = 5) -> CrossFit:
    return CrossFit(stack, metric, divide(stack, parts, seed=0), admission(stack, keep_all=keep_all), seed=0)


def chosen(stack: Stack, metric: str, *, keep_all: bool = True, **settings: object) -> Choice:
    wanted = Ensemble.model_validate(settings)
    admitting = admission(stack, keep_all=keep_all)
    members = admitting.places(stack, metric, np.arange(stack.num_rows))
    return choose(wanted, stack, metric, admitting, members, lambda text: None)


def guessing(num_members: int, num_rows: int, seed: int = 0) -> Stack:
    """Members that know nothing."""
    generator = np.random.default_rng(seed)
    y_pred = generator.uniform(0.4, 0.6, (num_members, num_rows, 1))
    y_true = generator.integers(0, 2, num_rows)
    return Stack("binary", y_true, y_pred, np.arange(num_rows), np.zeros(num_rows, np.int64))


def test_parts_are_even_and_stratified(make_stack) -> None:
    parts = divide(make_stack("multiclass", num_rows=200), 5, seed=0)
    stack = make_stack("multiclass", num_rows=200)
    for part in range(5):
        np.testing.assert_array_equal(np.bincount(stack.y_true[parts == part]), [10, 10, 10, 10])
    assert (divide(stack, 5, seed=0) == parts).all()
    assert (divide(stack, 5, seed=1) != parts).any()


def test_predictions_of_the_same_row_stay_together(make_stack) -> None:
    stack = make_stack("regression", num_rows=120, folds=2)
    repeated = replace(stack, rows=np.arange(120) % 60)
    parts = divide(repeated, 5, seed=0)
    np.testing.assert_array_equal(parts[:60], parts[60:])


def test_few_rows_make_few_parts(make_stack) -> None:
    assert sorted(divide(make_stack("binary", num_rows=3), 5, seed=0).tolist()) == [0, 1, 2]


def test_a_method_without_weights_scores_as_in_sample(make_stack) -> None:
    stack = make_stack("binary")
    found = crossed(stack, "log_loss").predictions(Uniform())
    np.testing.assert_allclose(found, stack.y_pred.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("keep_all", [True, False])
@pytest.mark.parametrize("parts", [2, 3, 5, 9])
def test_no_label_of_a_row_reaches_its_own_prediction(keep_all: bool, parts: int) -> None:
    """Neither through weights, nor through who beats the baseline, the best of a study, or the choice of a method."""
    stack = guessing(12, 90)
    cells = divide(stack, parts, seed=42)
    flipped = replace(stack, y_true=np.where(cells == 1, 1 - stack.y_true, stack.y_true))
    common = np.full((90, 1), 0.5)
    admitting = Admission(common, keep_all, (Contest(tuple(range(8)), "auc", 3),))
    for method in (Weighted(), Best(), Uniform(), Greedy()):
        ours, theirs = (CrossFit(one, "log_loss", cells, admitting, seed=0) for one in (stack, flipped))
        for predict in ("predictions", "predictions_without"):
            arguments = (method,) if predict == "predictions" else (method, 1)
            first, second = (getattr(one, predict)(*arguments) for one in (ours, theirs))
            if first is None:
                assert parts == 2
                continue
            inside = cells == 1 if predict == "predictions" else np.ones(len(first), bool)
            np.testing.assert_array_equal(first[inside], second[inside])


def test_overfitted_weights_show() -> None:
    """Of many members that guess, weights find some that were lucky; only the cross-fitted score tells."""
    stack = guessing(20, 60)
    objective = Objective(stack, "auc")
    fitted = combining.fit(Weighted(), stack, "auc", seed=0)
    inside = objective.score(objective.cost(combining.predict(fitted, stack.y_pred)))
    outside = objective.score(objective.cost(crossed(stack, "auc").predictions(Weighted())))
    assert inside > 0.7
    assert outside < 0.65


def test_fifty_members_of_noise_score_as_chance() -> None:
    """Chosen by all rows, those that beat the baseline look as if they knew something."""
    flattering, honest = [], []
    for seed in range(8):
        stack = guessing(50, 200, seed)
        common = np.full((200, 1), stack.y_true.mean())
        admitting = Admission(common)
        members = admitting.places(stack, "log_loss", np.arange(200))
        assert 0 < len(members) < 50
        choice = choose(Ensemble(), stack, "log_loss", admitting, members, lambda text: None)
        for predictions, found in (
            (stack.y_pred[members].mean(axis=0), flattering),
            (choice.predictions, honest),
            (choice.uniform, honest),
            (choice.best, honest),
        ):
            found.append(((predictions[:, 0] > 0.5) == stack.y_true).mean())
    assert np.mean(flattering) > 0.58
    deviation = 0.5 / np.sqrt(200 * 8)
    for place in range(3):
        assert abs(np.mean(honest[place::3]) - 0.5) < 3 * deviation


def test_the_best_trials_of_a_study_are_chosen_without_the_row() -> None:
    stack = guessing(40, 200)
    admitting = Admission(np.full((200, 1), 0.5), True, (Contest(tuple(range(1, 40)), "accuracy", 3),))
    every = admitting.places(stack, "log_loss", np.arange(200))
    right = ((stack.y_pred[1:, :, 0] > 0.5) == stack.y_true).mean(axis=1)
    assert every.tolist() == sorted([0, *(1 + np.argsort(-right, kind="stable")[:3])])
    half = admitting.places(stack, "log_loss", np.arange(100))
    assert 0 in half
    assert len(half) == 4
    assert half.tolist() != every.tolist()


def test_where_nobody_is_admitted_the_baseline_speaks() -> None:
    stack = guessing(3, 100)
    worse = replace(stack, y_pred=np.where(stack.y_true[None, :, None] == 1, 0.2, 0.8) + 0 * stack.y_pred)
    found = CrossFit(worse, "log_loss", divide(worse, 5, 0), Admission(np.full((100, 1), 0.5)), seed=0)
    np.testing.assert_array_equal(found.predictions(Greedy()), np.full((100, 1), 0.5))


def test_auto_tells_every_score_best_first(make_stack) -> None:
    stack = make_stack("multiclass", noise=(0.8, 2.5, 3.0))
    choice = chosen(stack, "log_loss")
    known = [score for score in choice.scores.values() if score is not None]
    assert len(known) == 10
    assert known == sorted(known)
    assert choice.method.title in choice.scores
    assert choice.why


def trial(method, predictions: np.ndarray, objective: Objective) -> Tried:
    return Tried(method, objective.cost(predictions), predictions)


def test_a_lead_that_a_few_rows_make_is_not_taken(make_stack) -> None:
    """One row with a huge error decides the squared error; the other 199 say the opposite."""
    generator = np.random.default_rng(0)
    y = generator.normal(0, 1, (200, 1))
    stack = Stack("regression", y, y[None], np.arange(200), np.zeros(200, np.int64))
    objective = Objective(stack, "rmse")
    good = y + generator.normal(0, 0.3, y.shape)
    good[7] += 30
    worse = y + generator.normal(0, 0.6, y.shape)
    worse[7] += 27
    trials = [trial(Median(), worse, objective), trial(Greedy(), good, objective)]
    assert trials[0].cost < trials[1].cost
    taken, why = select(trials, objective, seed=0)
    assert taken.method.title == "greedy"
    assert why.startswith("it is the standard")


def test_a_clear_lead_is_taken(make_stack) -> None:
    stack = make_stack("binary", num_rows=300)
    objective = Objective(stack, "log_loss")
    trials = [trial(Greedy(), stack.y_pred[3], objective), trial(Median(), stack.y_pred[0], objective)]
    taken, why = select(trials, objective, seed=0)
    assert taken.method.title == "median"
    assert "better than greedy by" in why
    assert select(trials[:1], objective, seed=0)[0] is trials[0]


@pytest.mark.parametrize(("task", "metric"), [("binary", "auc"), ("multiclass", "log_loss"), ("regression", "rmse")])
def test_the_spread_of_a_difference_is_that_of_other_rows(task: str, metric: str, make_stack) -> None:
    """Against drawing the rows anew, many times."""
    found, differences = [], []
    for seed in range(40):
        stack = make_stack(task, num_rows=200, noise=(0.8, 1.2), seed=seed)
        objective = Objective(stack, metric)
        found.append(objective.spread_of_difference(stack.y_pred[0], stack.y_pred[1], seed=0))
        differences.append(objective.cost(stack.y_pred[0]) - objective.cost(stack.y_pred[1]))
    assert np.median(found) == pytest.approx(np.std(differences), rel=0.35)


def test_methods_that_cannot_combine_these_members_are_named(make_stack) -> None:
    stack = make_stack("multiclass")
    alone = stack.of_rows(np.flatnonzero(stack.y_true == 1))
    choice = chosen(alone, "log_loss")
    assert [title for title, score in choice.scores.items() if score is None] == ["stacking (logistic)"]


def test_auto_takes_no_mean_of_logarithms_of_numbers(make_stack) -> None:
    """It would fail on the first new row that a member predicts below 0."""
    assert "geometric" not in chosen(make_stack("regression"), "rmse").scores


def test_a_method_that_was_asked_for_is_not_replaced(make_stack) -> None:
    with pytest.raises(UsageError, match="vote does not combine predictions of a regression task"):
        chosen(make_stack("regression"), "rmse", method="vote")
    choice = chosen(make_stack("binary"), "auc", method="best")
    assert choice.scores.keys() == {"best"}
    assert choice.why == ""
    assert len(choice.places) == 1
