"""Weights against references: brute force, SciPy, scikit-learn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from dlrun.ensembles.methods import combine as combining
from dlrun.ensembles.methods.greedy import Greedy, first_picks
from dlrun.ensembles.methods.objective import Objective
from dlrun.ensembles.methods.rank import Rank
from dlrun.ensembles.methods.stacking import Stacking, features
from dlrun.ensembles.methods.vote import Votes
from dlrun.ensembles.methods.weighted import Weighted

SMOOTH = [("binary", "log_loss"), ("multiclass", "log_loss"), ("multilabel", "log_loss"), ("regression", "rmse")]
STEPPED = [("binary", "accuracy"), ("multiclass", "macro_f1"), ("binary", "auc"), ("regression", "mae")]


def grid(step: int) -> np.ndarray:
    """All weights of three members that are multiples of 1 / step."""
    whole = [(a, b, step - a - b) for a in range(step + 1) for b in range(step + 1 - a)]
    return np.array(whole) / step


@pytest.mark.parametrize(("task", "metric"), SMOOTH + STEPPED)
@pytest.mark.parametrize(
    "method", [Weighted(shrinkage=0), Weighted(search="random", shrinkage=0), Greedy(size=50, bags=1, shrinkage=0)]
)
def test_three_members_against_a_grid(make_stack, method, task: str, metric: str) -> None:
    stack = make_stack(task, noise=(0.8, 1.0, 1.4))
    objective = Objective(stack, metric)
    best = objective.costs_of_weights(grid(50)).min()
    places, combination = combining.fit(method, stack, metric, seed=0)
    cost = objective.cost(combination.combine(stack.y_pred[places]))
    allowed = 0.002 if (task, metric) in SMOOTH else 0.01
    assert cost <= best + allowed * abs(best)


@pytest.mark.parametrize("shrinkage", [0.0, 5.0, 100.0])
@pytest.mark.parametrize(("task", "metric"), SMOOTH)
def test_nelder_mead_against_sequential_quadratic_programming(
    make_stack, task: str, metric: str, shrinkage: float
) -> None:
    stack = make_stack(task)
    objective = Objective(stack, metric)
    start = np.full(stack.num_members, 1 / stack.num_members)
    guess = np.tile(stack.targets().mean(axis=0), (stack.num_rows, 1))
    worth = shrinkage / stack.num_rows * (objective.cost(guess) - objective.cost(stack.targets()))

    def cost_of(weights: np.ndarray) -> float:
        return objective.cost_of_weights(weights) + worth * np.square(weights - start).sum()

    found = minimize(
        cost_of,
        start,
        method="SLSQP",
        bounds=[(0, 1)] * len(start),
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
    )
    places, combination = combining.fit(Weighted(shrinkage=shrinkage), stack, metric, seed=0)
    weights = np.zeros(stack.num_members)
    weights[places] = combination.weights
    assert cost_of(weights) <= found.fun * 1.0005
    np.testing.assert_allclose(weights, found.x, atol=0.03)


@pytest.mark.parametrize(("task", "metric"), [*SMOOTH, *STEPPED])
def test_greedy_takes_the_best_member_at_every_step(make_stack, task: str, metric: str) -> None:
    stack = make_stack(task, num_rows=120)
    objective = Objective(stack, metric)
    taken: list[int] = []
    path = []
    for _ in range(6):
        costs = [objective.cost(stack.y_pred[[*taken, member]].mean(axis=0)) for member in range(stack.num_members)]
        taken.append(int(np.argmin(np.round(costs, 9))))
        path.append(min(costs))
    method = Greedy(size=6, start=0, bags=1, ties="better", round_decimals=9, shrinkage=0)
    places, combination = combining.fit(method, stack, metric, seed=0)
    cost = objective.cost(combination.combine(stack.y_pred[places]))
    assert cost == pytest.approx(min(path), rel=1e-6)


@pytest.mark.parametrize(
    ("task", "metric"), [("binary", "log_loss"), ("multiclass", "accuracy"), ("regression", "rmse")]
)
def test_greedy_pulled_towards_equal_weights_takes_the_best_member_at_every_step(make_stack, task, metric) -> None:
    stack = make_stack(task, num_rows=120)
    objective = Objective(stack, metric)
    pull = objective.pull(20.0)
    taken: list[int] = []
    path = []
    for _ in range(6):
        each = [np.bincount([*taken, member], minlength=4) / (len(taken) + 1) for member in range(4)]
        costs = [
            objective.cost(np.tensordot(weights, stack.y_pred, 1)) + pull * np.square(weights).sum() for weights in each
        ]
        taken.append(int(np.argmin(np.round(costs, 9))))
        path.append((min(costs), each[taken[-1]]))
    method = Greedy(size=6, start=0, bags=1, ties="better", round_decimals=9, shrinkage=20.0)
    places, combination = combining.fit(method, stack, metric, seed=0)
    weights = np.zeros(4)
    weights[places] = combination.weights
    cost = objective.cost(np.tensordot(weights, stack.y_pred, 1)) + pull * np.square(weights).sum()
    assert cost == pytest.approx(min(path, key=lambda entry: entry[0])[0], rel=1e-6)


@pytest.mark.parametrize("method", [Weighted(), Greedy(size=50, bags=1)])
def test_the_pull_fades_as_rows_become_many(make_stack, method) -> None:
    free, apart = method.model_copy(update={"shrinkage": 0.0}), []
    for num_rows in (60, 6000):
        stack = make_stack("binary", noise=(0.6, 1.5, 1.5, 1.5), num_rows=num_rows)
        spreads = []
        for each in (free, method):
            places, combination = combining.fit(each, stack, "log_loss", seed=0)
            weights = np.zeros(4)
            weights[places] = combination.weights
            spreads.append(np.square(weights - 0.25).sum())
        assert spreads[1] <= spreads[0]
        apart.append(spreads[0] - spreads[1])
    assert apart[0] > 0.05 > 0.01 > apart[1]


def test_greedy_starts_with_the_best_prefix(make_stack) -> None:
    stack = make_stack("binary", noise=(3.0, 0.8, 2.9, 0.9))
    objective = Objective(stack, "log_loss")
    places, combination = combining.fit(Greedy(size=2, start=2, bags=1), stack, "log_loss", seed=0)
    assert places.tolist() == [1, 3]
    assert combination.weights.tolist() == [0.5, 0.5]
    alone = objective.costs_of_members()
    assert sorted(np.argsort(alone)[:2].tolist()) == [1, 3]


def test_greedy_ties_and_rounding(make_stack) -> None:
    stack = make_stack("binary", noise=(0.8, 0.8, 0.8))
    used = combining.fit(Greedy(size=30, start=1, bags=1, round_decimals=0, shrinkage=0), stack, "accuracy", seed=0)
    assert len(used[0]) == 1, "where rounding makes all gains ties, the member that is in already is preferred"
    spread = combining.fit(
        Greedy(size=30, bags=1, round_decimals=0, ties="random", start=2, shrinkage=0), stack, "accuracy", seed=0
    )
    assert len(spread[0]) > 1, "the start of two is kept, since nothing scores better by rounded scores"
    assert (
        combining.fit(Greedy(ties="random"), stack, "log_loss", seed=3)[1]
        == combining.fit(Greedy(ties="random"), stack, "log_loss", seed=3)[1]
    ), "the same seed gives the same weights"


def test_bags_spread_the_weight(make_stack) -> None:
    stack = make_stack("binary", noise=[0.6, *[1.5] * 29], num_rows=200)
    one = combining.fit(Greedy(bags=1), stack, "log_loss", seed=0)
    many = combining.fit(Greedy(), stack, "log_loss", seed=0)
    assert len(many[0]) > len(one[0])


def test_first_picks_are_different_members(make_stack) -> None:
    stack = make_stack("multiclass", noise=(0.9, 0.9, 1.0, 4.0, 1.1))
    picked = first_picks(Objective(stack, "log_loss"), 3)
    assert len(set(picked.tolist())) == 3
    assert 3 not in picked


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_nonnegative_stacking_of_probabilities_against_scikit_learn(make_stack, task: str) -> None:
    stack = make_stack(task)
    columns = stack.y_pred.reshape(stack.num_members, -1).T
    model = LinearRegression(positive=True, fit_intercept=False).fit(columns, stack.targets().reshape(-1))
    places, combination = combining.fit(Stacking(), stack, "log_loss", seed=0)
    weights = np.zeros(stack.num_members)
    weights[places] = combination.weights
    np.testing.assert_allclose(weights, model.coef_ / model.coef_.sum(), atol=1e-8)


def test_nonnegative_stacking_of_numbers_keeps_the_scale(make_stack) -> None:
    stack = make_stack("regression", noise=(0.5, 0.8))
    target = stack.targets()[:, :1]
    single = type(stack)("regression", target, stack.y_pred[:, :, :1], stack.rows, stack.folds)
    model = LinearRegression(positive=True, fit_intercept=False).fit(single.y_pred[:, :, 0].T, target[:, 0])
    _, combination = combining.fit(Stacking(), single, "rmse", seed=0)
    np.testing.assert_allclose(combination.factors, model.coef_, atol=1e-8)
    assert sum(combination.factors) < 1, "noise shrinks the sum below 1"


def test_logistic_stacking_against_scikit_learn(make_stack) -> None:
    for task in ("binary", "multiclass"):
        stack = make_stack(task)
        inputs = features(task, stack.y_pred).transpose(1, 0, 2).reshape(stack.num_rows, -1)
        model = LogisticRegression(C=1 / 2.0, max_iter=5000, tol=1e-8).fit(inputs, stack.y_true)
        _, combination = combining.fit(Stacking(learner="logistic", l2=2.0), stack, "log_loss", seed=0)
        expected = model.predict_proba(inputs)
        np.testing.assert_allclose(
            combination.combine(stack.y_pred), expected[:, 1:] if task == "binary" else expected, atol=2e-3
        )


def test_ridge_stacking_against_scikit_learn(make_stack) -> None:
    stack = make_stack("regression")
    for output in range(2):
        target = stack.targets()[:, output]
        inputs = stack.y_pred[:, :, output].T / target.std()
        model = Ridge(alpha=1.0).fit(inputs, target / target.std())
        _, combination = combining.fit(Stacking(learner="ridge"), stack, "rmse", seed=0)
        expected = model.predict(inputs) * target.std()
        np.testing.assert_allclose(combination.combine(stack.y_pred)[:, output], expected, rtol=1e-8)


def test_logistic_stacking_rules_out_a_class_that_no_row_has(make_stack) -> None:
    stack = make_stack("multiclass")
    without = stack.of_rows(np.flatnonzero(stack.y_true != 2))
    _, combination = combining.fit(Stacking(learner="logistic"), without, "log_loss", seed=0)
    assert combination.combine(stack.y_pred)[:, 2].max() < 1e-6
    two = stack.of_rows(np.flatnonzero(stack.y_true < 2))
    _, combination = combining.fit(Stacking(learner="logistic"), two, "log_loss", seed=0)
    predicted = combination.combine(two.y_pred)
    assert ((predicted.argmax(axis=1) == two.y_true).mean()) > 0.85


def test_votes_decide_by_majority_and_break_ties_by_the_mean() -> None:
    for wins in itertools.product([0.2, 0.9], repeat=3):
        y_pred = np.array(wins)[:, None, None]
        decided = Votes(num_members=3, task="binary").combine(y_pred)[0, 0] > 0.5
        assert decided == (sum(value > 0.5 for value in wins) >= 2)
    tied = np.array([[[0.6]], [[0.1]]])
    assert Votes(num_members=2, task="binary").combine(tied)[0, 0] == pytest.approx((1 + 0.35) / 3)


def test_ranks_make_scales_alike(make_stack) -> None:
    stack = make_stack("binary", noise=(0.9, 0.9))
    squeezed = stack.y_pred.copy()
    squeezed[0] = 0.5 + (squeezed[0] - 0.5) * 1e-3
    other = type(stack)("binary", stack.y_true, squeezed, stack.rows, stack.folds)
    ranked, plain = (
        Objective(stack, "auc").cost(combining.predict(combining.fit(Rank(), one, "auc", seed=0), one.y_pred))
        for one in (other, stack)
    )
    assert ranked == pytest.approx(plain, abs=0.005)
    assert Objective(stack, "auc").cost(squeezed.mean(axis=0)) > ranked + 0.01
