"""Rows with weights in ensembles: a weight of n is a row n times, in costs, methods and scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dlrun.ensembles.ensemble import run_ensemble
from dlrun.ensembles.judge import Judge
from dlrun.ensembles.members.admission import beats
from dlrun.ensembles.members.stack import Stack
from dlrun.ensembles.methods.greedy import Greedy
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.objective import Objective
from dlrun.ensembles.methods.stacking import Stacking
from dlrun.ensembles.methods.weighted import Weighted
from dlrun.ensembles.settings import Ensemble
from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation.evaluation import evaluate
from dlrun.experiment.evaluation.metrics import metrics_for
from dlrun.experiment.load import load_text
from dlrun.runs.run import run_experiment

MakeStack = Callable[..., Stack]
TASKS: tuple[Task, ...] = ("binary", "multiclass", "multilabel", "regression")
PAIRS = [(task, metric) for task in TASKS for metric in metrics_for(task) if metric != "top_5_accuracy"]


def weighted_and_repeated(make_stack: MakeStack, task: Task, folds: int = 1) -> tuple[Stack, Stack]:
    """Return a stack whose rows weigh 0 to 3, and one that holds each row so many times."""
    stack = make_stack(task, num_rows=120, folds=folds)
    times = np.random.default_rng(9).integers(0, 4, 120)
    return replace(stack, weights=times.astype(float)), stack.of_rows(np.repeat(np.arange(120), times))


@pytest.mark.parametrize(("task", "metric"), PAIRS)
@pytest.mark.parametrize("folds", [1, 3])
def test_costs(make_stack: MakeStack, task: Task, metric: str, folds: int) -> None:
    weighted, repeated = (Objective(stack, metric) for stack in weighted_and_repeated(make_stack, task, folds))
    assert np.allclose(weighted.costs_of_members(), repeated.costs_of_members(), rtol=1e-9)
    sums = [objective.material[:2].sum(axis=0) for objective in (weighted, repeated)]
    assert np.allclose(weighted.costs_after(sums[0], 2), repeated.costs_after(sums[1], 2), rtol=1e-9)
    mean = np.array([0.1, 0.2, 0.3, 0.4])
    assert weighted.cost_of_weights(mean) == pytest.approx(repeated.cost_of_weights(mean), rel=1e-9)


METHODS: list[tuple[Task, Method]] = [
    *((task, Greedy(shrinkage=0)) for task in TASKS),
    ("binary", Weighted(shrinkage=0, evaluations=200)),
    *((task, Stacking()) for task in TASKS),
    *((task, Stacking(learner="logistic")) for task in TASKS[:3]),
]


@pytest.mark.parametrize(("task", "method"), METHODS)
def test_methods(make_stack: MakeStack, task: Task, method: Method) -> None:
    stacks = weighted_and_repeated(make_stack, task)
    if isinstance(method, Stacking) and task == "regression":  # it measures targets in deviations of all rows alike
        stacks = replace(stacks[0], weights=np.full(120, 2.0)), stacks[0].of_rows(np.repeat(np.arange(120), 2))
        stacks = stacks[0], replace(stacks[1], weights=None)
    metric = "mse" if task == "regression" else "log_loss"
    fits = [method.fit(Objective(stack, metric), 1).weights for stack in stacks]
    assert np.allclose(fits[0], fits[1], atol=1e-4)


def test_ridge_stacking_weighs_rows(make_stack: MakeStack) -> None:
    """Members that are right where rows weigh count, and those that are right elsewhere do not."""
    stack = make_stack("regression", noise=(1.0, 1.0))
    first = np.arange(240) < 120
    y_pred = stack.y_pred.copy()
    y_pred[0, first], y_pred[1, ~first] = stack.y_true[first], stack.y_true[~first]
    for weights, best in ((first, 0), (~first, 1)):
        fitted = Stacking(learner="ridge", l2=1e-6).fit(
            Objective(replace(stack, y_pred=y_pred, weights=weights * 1.0), "mse"), 1
        )
        assert fitted.weights[best] > 0.999


@pytest.mark.parametrize("task", TASKS)
def test_scores_and_the_baseline_to_beat(make_stack: MakeStack, task: Task) -> None:
    weighted, repeated = weighted_and_repeated(make_stack, task, folds=2)
    metrics = tuple(name for name in metrics_for(task) if name != "top_5_accuracy")
    scores = [Judge(each, metrics, Ensemble(bootstrap=0)).scores(each.y_pred[0]) for each in (weighted, repeated)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)
    metric = "mse" if task == "regression" else "log_loss"
    common = [np.tile(each.mean(each.targets()), (each.num_rows, 1)) for each in (weighted, repeated)]
    assert np.allclose(common[0][0], common[1][0])
    assert beats(weighted, metric, common[0]).tolist() == beats(repeated, metric, common[1]).tolist()


CONFIG = "dataset: {{kind: csv, path: {}, target: ill{}}}\nevaluation: {{bootstrap: 20}}\nmodel: {}\n"


def test_an_ensemble_of_runs_with_ids_and_weights(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    frame = pl.DataFrame({"age": random.normal(size=150), "size": random.normal(size=150)})
    frame = frame.with_columns(
        ill=frame["age"] + frame["size"] + random.normal(size=150) > 0,
        w=pl.Series(random.integers(0, 3, 150)),
        code=pl.Series([f"p{row}" for row in range(150)]),
    )
    frame.write_csv(tmp_path / "t.csv")
    runs = tmp_path / "runs"

    def train(name: str, roles: str, model: str) -> Any:
        text = CONFIG.format(tmp_path / "t.csv", roles, model)
        return run_experiment(load_text(text, "c.yaml", [f"name={name}"]).experiment, runs_dir=runs)

    trained = [train(f"m{place}", ", id: code, weight: w", model) for place, model in enumerate(MODELS)]
    plain = train("plain", ", drop: [code, w]", "linear")
    made = run_ensemble([str(runs / "2*")], Ensemble(bootstrap=20), runs_dir=runs)
    reasons = {entry.id: entry.reason for entry in made.skipped}
    assert reasons[plain.id] == (
        "another dataset: its record has no weights (dataset.weight), where the members have some"
    )
    for part in ("validation", "test"):
        with (
            np.load(made.path / "predictions" / f"{part}.npz", allow_pickle=False) as own,
            np.load(trained[0].path / "predictions" / f"{part}.npz", allow_pickle=False) as member,
        ):
            order = np.argsort(member["row"])
            for name in ("row", "id", "weight", "y_true"):
                assert own[name].tolist() == member[name][order].tolist()
            scores = evaluate("binary", own["y_true"], own["y_pred"], ["accuracy", "auc"], weights=own["weight"])
        assert {name: made.metrics[part][name] for name in scores} == pytest.approx(scores)
    baseline = made.metrics["baseline"]["validation"]["accuracy"]
    assert baseline == pytest.approx(trained[0].metrics["baseline"]["validation"]["accuracy"])


MODELS = ("linear", "{kind: random_forest, num_trees: 20}", "{kind: gradient_boosting, num_iterations: 10}")
