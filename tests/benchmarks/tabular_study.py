"""Ensembles of unlike learners on tables: mean test scores over seeds, beside those of the best member.

    python tests/benchmarks/tabular_study.py [--seeds 10] [--first 0] [--only titanic] [--tables FOLDER]

The bar: on every table, `weighted` or `greedy` has a better mean than the best member; otherwise the program ends
with 1. The members are dlrun's own: three networks of different shapes, a random forest, gradient boosting and a linear
model, each fitted as `dlrun train` does with five folds, but in one process and without folders. The best member is the
one that the out-of-fold predictions name: what a user without an ensemble would have used.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlrun.ensembles.members.stack import Stack
from dlrun.ensembles.methods import combine as combining
from dlrun.ensembles.methods.best import Best
from dlrun.ensembles.methods.greedy import Greedy
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.objective import Objective
from dlrun.ensembles.methods.uniform import Uniform
from dlrun.ensembles.methods.weighted import Weighted
from dlrun.ensembles.settings import Ensemble
from dlrun.experiment.load import load_text
from dlrun.learners.listener import Listener
from dlrun.runs.average import RowLosses
from dlrun.runs.clock import Clock
from dlrun.runs.fit import Context, fit_fold, prepare
from dlrun.runs.run import make_ready
from dlrun.runs.score import Outcome

TABLES = Path(__file__).resolve().parents[2].parent / "shared" / "datasets"
NAMES = ("titanic", "carseats", "breast_cancer", "made")
METHODS: dict[str, Method] = {"best": Best(), "uniform": Uniform(), "weighted": Weighted(), "greedy": Greedy()}

NETWORK = "optimizer: {kind: adam, learning_rate: 5e-3}\ntraining: {epochs: 60, early_stopping: {patience: 8}}\n"
MEMBERS = {
    "narrow": "model: {kind: network, layers: [dense: 16]}\n" + NETWORK,
    "deep": "model: {kind: network, layers: [dense: {units: 64, dropout: 0.3}, dense: {units: 32, dropout: 0.3}]}\n"
    + NETWORK,
    "wide": "model: {kind: network, layers: [dense: {units: 128, activation: tanh, l2: 1e-3}]}\n" + NETWORK,
    "forest": "model: {kind: random_forest, min_samples_leaf: 3}\n",
    "boosting": "model: {kind: gradient_boosting, num_iterations: 60}\n",
    "linear": "model: linear\n",
}


@dataclass(frozen=True)
class Predicted:
    """What all members of one seed predict: out of fold for the development rows, and for the test rows."""

    validation: Stack
    test: Stack


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--tables", type=Path, default=TABLES, help="where titanic.csv and carseats.csv lie")
    parser.add_argument("--json", action="store_true", help="print the scores of all seeds as JSON in the end")
    options = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {}
    seeds = range(options.first, options.first + options.seeds)
    with tempfile.TemporaryDirectory() as folder:
        for name in (options.only,) if options.only else NAMES:
            began = time.perf_counter()
            found[name] = [scored(predicted(name, seed, options.tables, Path(folder)), seed) for seed in seeds]
            print(told(name, found[name]), f"{time.perf_counter() - began:.0f} s", flush=True)
    if options.json:
        print(json.dumps(found))
    sys.exit(0 if all(holds(scores) for scores in found.values()) else 1)


def dataset(name: str, tables: Path, folder: Path) -> str:
    """Return the dataset section of a config; the made set is written into a folder first."""
    if name == "breast_cancer":
        return "dataset: breast_cancer\n"
    if name == "titanic":
        return f"dataset: {{kind: csv, path: {json.dumps(str(tables / 'titanic.csv'))}, target: survived}}\n"
    if name == "carseats":
        return f"dataset: {{kind: csv, path: {json.dumps(str(tables / 'carseats.csv'))}, target: Sales}}\n"
    path = folder / "made.npz"
    if not path.exists():
        from sklearn.datasets import make_classification

        x, y = make_classification(6000, 20, n_informative=8, n_redundant=4, flip_y=0.08, class_sep=0.8, random_state=0)
        np.savez(path, x=x.astype(np.float32), y=y)
    return f"dataset: {{kind: npz, path: {json.dumps(str(path))}}}\n"


def predicted(name: str, seed: int, tables: Path, folder: Path) -> Predicted:
    """Fit all members with one seed, which divides the rows too."""
    common = (
        f"seed: {seed}\n{dataset(name, tables, folder)}validation: {{kind: kfold, folds: 5, test_fraction: 0.25}}\n"
    )
    outcomes = [fitted(common + member) for member in MEMBERS.values()]
    task, first = outcomes[0][1], outcomes[0][0]
    folds = np.concatenate([np.full(len(fold.validation.rows), fold.fold.number) for fold in first.folds])
    parts = (
        (first.validation, [outcome.validation for outcome, _ in outcomes], folds),
        (first.test, [outcome.test for outcome, _ in outcomes], np.zeros(len(first.test.rows), np.int64)),
    )
    stacks = [
        Stack(task, own.y_true, np.array([part.y_pred for part in each], np.float64), own.rows, of_rows)
        for own, each, of_rows in parts
    ]
    return Predicted(*stacks)


def fitted(config: str) -> tuple[Outcome, Any]:
    """Carry out a run without a folder."""
    ready = make_ready(load_text(config, "member.yaml").experiment, Clock(Listener()))
    context = Context(
        ready.experiment,
        ready.dataset,
        ready.plan,
        ready.learner,
        Listener(),
        lambda *_: None,
        lambda *_: None,
        lambda _: (None, None),
    )
    folds = []
    for fold in ready.plan.folds:
        own = prepare(ready.experiment, ready.dataset, ready.learner, fold.training) if fold.number else ready.first
        folds.append(fit_fold(context, fold, own))
    losses = RowLosses.of(ready.experiment, ready.dataset, ready.learner, folds)
    return Outcome(tuple(folds), None, losses), ready.dataset.task


def scored(members: Predicted, seed: int) -> dict[str, float]:
    """Return the test score of each method, fitted to the out-of-fold predictions as `dlrun ensemble` does."""
    metric = Ensemble().metric_of(members.validation.task)
    judge = Objective(members.test, metric)
    fits = {name: combining.fit(method, members.validation, metric, seed=seed) for name, method in METHODS.items()}
    return {name: judge.cost(combining.predict(fit, members.test.y_pred)) for name, fit in fits.items()}


def holds(scores: list[dict[str, float]]) -> bool:
    """Tell whether fitted weights beat the best member in the mean."""
    means = {method: np.mean([score[method] for score in scores]) for method in METHODS}
    return bool(min(means["weighted"], means["greedy"]) < means["best"])


def told(name: str, scores: list[dict[str, float]]) -> str:
    """Say how each method did in the mean, and how often the fitted weights beat the best member."""
    means = ", ".join(f"{method} {np.mean([score[method] for score in scores]):.4f}" for method in METHODS)
    wins = {
        method: sum(score[method] < score["best"] for score in scores) for method in ("uniform", "weighted", "greedy")
    }
    better = ", ".join(f"{method} {number}" for method, number in wins.items())
    return f"{name}: {means}; better than the best member in how many of {len(scores)} seeds: {better};"


if __name__ == "__main__":
    main()
