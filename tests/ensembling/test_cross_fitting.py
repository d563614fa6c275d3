"""Cross-fitted scores are those of weights that have not seen the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dlrun.ensembling import combining
from dlrun.ensembling.choosing import choose
from dlrun.ensembling.cross_fitting import cross_fitted, divide
from dlrun.ensembling.methods.best import Best
from dlrun.ensembling.methods.uniform import Uniform
from dlrun.ensembling.methods.weighted import Weighted
from dlrun.ensembling.objective import Objective
from dlrun.ensembling.settings import Ensemble
from dlrun.errors import UsageError


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
    parts = divide(stack, 5, seed=0)
    np.testing.assert_allclose(
        cross_fitted(Uniform(), stack, "log_loss", parts, seed=0), stack.y_pred.mean(axis=0), rtol=1e-12
    )


def test_no_label_of_a_row_reaches_its_own_prediction(make_stack) -> None:
    stack = make_stack("binary")
    parts = divide(stack, 5, seed=0)
    flipped = np.where(parts == 2, 1 - stack.y_true, stack.y_true)
    ours, theirs = (
        cross_fitted(Weighted(), replace(stack, y_true=y_true), "log_loss", parts, seed=0)
        for y_true in (stack.y_true, flipped)
    )
    np.testing.assert_array_equal(ours[parts == 2], theirs[parts == 2])
    assert (ours[parts != 2] != theirs[parts != 2]).any()


def test_overfitted_weights_show(make_stack) -> None:
    """Of many members that guess, weights find some that were lucky; only the cross-fitted score tells."""
    generator = np.random.default_rng(0)
    stack = make_stack("binary", noise=[1.0] * 20, num_rows=60)
    guessing = replace(stack, y_pred=generator.uniform(0.05, 0.95, (20, 60, 1)))
    objective = Objective(guessing, "auc")
    fitted = combining.fit(Weighted(), guessing, "auc", seed=0)
    inside = objective.score(objective.cost(combining.predict(fitted, guessing.y_pred)))
    parts = divide(guessing, 5, seed=0)
    outside = objective.score(objective.cost(cross_fitted(Weighted(), guessing, "auc", parts, seed=0)))
    assert inside > 0.75
    assert outside < 0.65


def test_auto_takes_the_best_cross_fitted_score(make_stack) -> None:
    stack = make_stack("multiclass", noise=(0.8, 2.5, 3.0))
    choice = choose(Ensemble(), stack, "log_loss", lambda text: None)
    known = [score for score in choice.scores.values() if score is not None]
    assert len(known) == 12
    assert known == sorted(known)
    assert Objective(stack, "log_loss").cost(choice.trial.predictions) == pytest.approx(known[0], rel=1e-6)


def test_auto_names_methods_that_cannot_combine_these_members(make_stack) -> None:
    stack = make_stack("regression")
    negative = replace(stack, y_pred=stack.y_pred - 3, y_true=stack.y_true - 3)
    choice = choose(Ensemble(), negative, "rmse", lambda text: None)
    assert [title for title, score in choice.scores.items() if score is None] == ["geometric"]


def test_a_method_that_was_asked_for_is_not_replaced(make_stack) -> None:
    with pytest.raises(UsageError, match="vote does not combine predictions of a regression task"):
        choose(Ensemble.model_validate({"method": "vote"}), make_stack("regression"), "rmse", lambda text: None)
    choice = choose(Ensemble(method=Best()), make_stack("binary"), "auc", lambda text: None)
    assert choice.scores.keys() == {"best"}
    assert len(choice.places) == 1
