"""Ensembles of different learners on tables: mean test scores over ten seeds beside those of the best member.

Members are scikit-learn's, fitted in seconds: two networks of different shapes, a forest, boosted trees, and a
linear model.
"""

from __future__ import annotations

import csv
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dlrun.ensembling import combining
from dlrun.ensembling.methods.best import Best
from dlrun.ensembling.methods.greedy import Greedy
from dlrun.ensembling.methods.uniform import Uniform
from dlrun.ensembling.methods.weighted import Weighted
from dlrun.ensembling.objective import Objective
from dlrun.ensembling.stack import Stack

NUM_SEEDS = 10
NUM_FOLDS = 4
METHODS = {"best": Best(), "uniform": Uniform(), "weighted": Weighted(), "greedy": Greedy()}


def columns(path: Path, target: str) -> tuple[np.ndarray, list[str]]:
    """Read a table: numbers with the mean for missing ones, other columns one-hot."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name == target:
            continue
        try:
            numbers = np.array([float(value) if value not in {"", "NA"} else np.nan for value in values])
            found.append(np.where(np.isnan(numbers), np.nanmean(numbers), numbers))
        except ValueError:
            found += [np.array([value == one for value in values], float) for one in sorted(set(values))]
    return np.column_stack(found), [row[target] for row in rows]


def load(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray, str]:
    if name == "breast_cancer":
        x, y = load_breast_cancer(return_X_y=True)
        return x, y, "binary"
    if name == "made":
        x, y = make_classification(1500, 20, n_informative=8, n_redundant=4, flip_y=0.08, class_sep=0.8, random_state=0)
        return x, y, "binary"
    if name == "titanic":
        x, told = columns(folder / "titanic.csv", "survived")
        return x, (np.array(told) == "yes").astype(np.int64), "binary"
    x, told = columns(folder / "carseats.csv", "Sales")
    return x, np.array(told, float), "regression"


def learners(task: str, seed: int) -> list[Any]:
    if task == "regression":
        return [
            make_pipeline(
                StandardScaler(), MLPRegressor(hidden_layer_sizes=(32,), alpha=0.1, max_iter=200, random_state=seed)
            ),
            make_pipeline(
                StandardScaler(),
                MLPRegressor(hidden_layer_sizes=(64, 32), alpha=1.0, max_iter=200, random_state=seed + 1),
            ),
            RandomForestRegressor(100, random_state=seed),
            HistGradientBoostingRegressor(max_iter=60, random_state=seed),
            make_pipeline(StandardScaler(), Ridge()),
        ]
    return [
        make_pipeline(StandardScaler(), MLPClassifier((32,), alpha=0.1, max_iter=100, random_state=seed)),
        make_pipeline(StandardScaler(), MLPClassifier((64, 32), alpha=1.0, max_iter=100, random_state=seed + 1)),
        RandomForestClassifier(100, min_samples_leaf=3, random_state=seed),
        HistGradientBoostingClassifier(max_iter=60, random_state=seed),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    ]


def study(x: np.ndarray, y: np.ndarray, task: str, seed: int) -> dict[str, float]:
    """Return the test score of each method: log loss or root mean squared error."""
    numbers = task == "regression"
    development, test = train_test_split(
        np.arange(len(y)), test_size=0.25, stratify=None if numbers else y, random_state=seed
    )
    splitter = (KFold if numbers else StratifiedKFold)(NUM_FOLDS, shuffle=True, random_state=seed)
    num_members = len(learners(task, seed))
    validated, tested = np.zeros((num_members, len(development), 1)), np.zeros((num_members, len(test), 1))
    folds = np.zeros(len(development), np.int64)
    for fold, (inside, outside) in enumerate(splitter.split(development, y[development])):
        folds[outside] = fold
        for place, learner in enumerate(learners(task, seed)):
            learner.fit(x[development[inside]], y[development[inside]])
            predict = learner.predict if numbers else lambda rows, own=learner: own.predict_proba(rows)[:, 1]
            validated[place, outside, 0] = predict(x[development[outside]])
            tested[place, :, 0] += predict(x[test]) / NUM_FOLDS
    y_true = y[:, None] if numbers else y
    stack = Stack(task, y_true[development], validated, development, folds)  # type: ignore[arg-type]
    metric = "rmse" if numbers else "log_loss"
    judge = Objective(Stack(task, y_true[test], tested, test, np.zeros(len(test), np.int64)), metric)  # type: ignore[arg-type]
    return {
        name: judge.cost(combining.predict(combining.fit(method, stack, metric, seed=seed), tested))
        for name, method in METHODS.items()
    }


# On carseats and breast cancer one learner is nearly the truth: weights of any others cannot gain, and cost a little.
HARDEST = {"titanic": 1.0, "carseats": 1.01, "breast_cancer": 1.05, "made": 1.0}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(HARDEST))
def test_learned_weights_against_the_best_member_on_test_rows(name: str, datasets_folder: Path) -> None:
    x, y, task = load(name, datasets_folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # networks that stop early tell so
        scores = [study(x, y, task, seed) for seed in range(NUM_SEEDS)]
    means = {method: float(np.mean([score[method] for score in scores])) for method in METHODS}
    wins = sum(min(score["weighted"], score["greedy"]) < score["best"] for score in scores)
    print(name, {method: round(mean, 4) for method, mean in means.items()}, f"better in {wins} of {NUM_SEEDS} seeds")
    assert min(means["weighted"], means["greedy"]) < HARDEST[name] * means["best"]
