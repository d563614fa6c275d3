"""How `auto` chooses among ways to combine members: test scores on fifteen tables, beside those of other rules.

    python tests/benchmarks/selection_study.py [--seeds 5] [--first 0] [--only iris] [--tables FOLDER] [--keep FOLDER]

Twelve small learners (linear, forests, boosting, with different settings) are fitted to each table with five folds.
Each rule then sees the out-of-fold predictions alone, and is scored on the test rows. A ratio is the test cost of a
rule over that of the best member, the one that out-of-fold predictions name; less than 1 is better. Medians over the
seeds are told. `former` takes the method with the lowest cross-fitted cost, as `auto` did once. The bar: the mean of
`auto` over all tables is not above that of `former`, nor of the best member; otherwise the program ends with 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tabular_study import TABLES, Predicted, fitted

from dlrun.ensembles.choice import choose
from dlrun.ensembles.cross_fit import CrossFit, divide
from dlrun.ensembles.members.admission import Admission
from dlrun.ensembles.members.stack import Stack
from dlrun.ensembles.methods import combine as combining
from dlrun.ensembles.methods.best import Best
from dlrun.ensembles.methods.greedy import Greedy
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.methods import tried
from dlrun.ensembles.methods.objective import Objective
from dlrun.ensembles.methods.uniform import Uniform
from dlrun.ensembles.methods.weighted import Weighted
from dlrun.ensembles.settings import Ensemble
from dlrun.errors import UsageError

Table = tuple[Any, Any]
Maker = Callable[[np.random.Generator], Table]

MEMBERS = {
    "linear": "model: linear\n",
    "ridge": "model: {kind: linear, l2: 100}\n",
    **{
        f"forest-{name}": f"model: {{kind: random_forest, num_trees: 40, {settings}}}\n"
        for name, settings in {
            "deep": "min_samples_leaf: 1",
            "leaves": "min_samples_leaf: 5",
            "coarse": "min_samples_leaf: 20",
            "few": "max_depth: 3",
        }.items()
    },
    **{
        f"boosting-{name}": f"model: {{kind: gradient_boosting, {settings}}}\n"
        for name, settings in {
            "slow": "num_iterations: 60, learning_rate: 0.05",
            "usual": "num_iterations: 40, learning_rate: 0.1",
            "fast": "num_iterations: 40, learning_rate: 0.3",
            "small": "num_iterations: 40, max_leaf_nodes: 4",
        }.items()
    },
}


def _classes(num_rows: int, **settings: Any) -> Maker:
    def make(generator: np.random.Generator) -> Table:
        from sklearn.datasets import make_classification

        x, y = make_classification(num_rows, random_state=int(generator.integers(2**31)), **settings)
        return x, y

    return make


def _noise(generator: np.random.Generator) -> Table:
    return generator.normal(size=(300, 8)), generator.integers(0, 2, 300)


def _friedman(generator: np.random.Generator) -> Table:
    from sklearn.datasets import make_friedman1

    return make_friedman1(400, noise=2.0, random_state=int(generator.integers(2**31)))


def _log_normal(spread: float, outliers: float) -> Maker:
    """Prices: the logarithm is a sum of effects, some rows cost many times what their columns say."""

    def make(generator: np.random.Generator) -> Table:
        x = generator.normal(size=(800, 8))
        logs = 11.5 + 0.35 * x[:, 0] + 0.2 * x[:, 1] * (x[:, 2] > 0) - 0.15 * np.abs(x[:, 3]) + 0.1 * x[:, 4]
        logs += generator.normal(0, spread, len(x)) + 1.5 * (generator.random(len(x)) < outliers)
        return x, np.exp(logs)

    return make


def _heavy_tails(generator: np.random.Generator) -> Table:
    x = generator.normal(size=(500, 6))
    return x, 3 * x[:, 0] + 2 * np.sin(2 * x[:, 1]) + x[:, 2] * x[:, 3] + generator.standard_t(2, len(x))


MADE: dict[str, Maker] = {
    "made": _classes(1200, n_features=20, n_informative=8, flip_y=0.08, class_sep=0.8),
    "small": _classes(120, n_features=10, n_informative=4, flip_y=0.1),
    "rare": _classes(1000, n_features=12, n_informative=5, weights=[0.93], flip_y=0.02),
    "many_classes": _classes(1000, n_features=16, n_informative=10, n_classes=6, flip_y=0.05),
    "noise": _noise,
    "friedman": _friedman,
    "prices": _log_normal(0.25, 0.0),
    "prices_outliers": _log_normal(0.25, 0.01),
    "heavy_tails": _heavy_tails,
}
NAMES = ("breast_cancer", "wine", "iris", "diabetes", "titanic", "carseats", *MADE)


def section(name: str, seed: int, tables: Path, folder: Path) -> str:
    """Return the dataset section of a config; a made table is written into a folder first."""
    if name in MADE:
        x, y = MADE[name](np.random.default_rng([seed, NAMES.index(name)]))
        path = folder / f"{name}-{seed}.npz"
        np.savez(path, x=x.astype(np.float32), y=y)
        return f"dataset: {{kind: npz, path: {json.dumps(str(path))}}}\n"
    target = {"titanic": "survived", "carseats": "Sales"}.get(name)
    if target is None:
        return f"dataset: {name}\n"
    return f'dataset: {{kind: csv, path: {json.dumps(str(tables / name))[:-1]}.csv", target: {target}}}\n'


def predicted(name: str, seed: int, tables: Path, folder: Path) -> Predicted:
    """Fit all members with one seed, which divides the rows too; kept results are read again."""
    kept = folder / f"stack-{name}-{seed}.npz"
    if not kept.exists():
        outcomes = _fitted(name, seed, tables, folder)
        task, first = outcomes[0][1], outcomes[0][0]
        arrays = {
            "folds": np.concatenate([np.full(len(fold.validation.rows), fold.fold.number) for fold in first.folds])
        }
        for part in ("validation", "test"):
            arrays[f"{part}_rows"] = getattr(first, part).rows
            arrays[f"{part}_true"] = getattr(first, part).y_true
            arrays[f"{part}_pred"] = np.array([getattr(outcome, part).y_pred for outcome, _ in outcomes], np.float64)
        np.savez(kept, task=task, **arrays)
    with np.load(kept) as found:
        task, folds = str(found["task"]), found["folds"]
        parts = {"validation": folds, "test": np.zeros(len(found["test_rows"]), np.int64)}
        return Predicted(
            *(
                Stack(task, found[f"{part}_true"], found[f"{part}_pred"], found[f"{part}_rows"], of_rows)  # type: ignore[arg-type]
                for part, of_rows in parts.items()
            )
        )


def _fitted(name: str, seed: int, tables: Path, folder: Path) -> list[Any]:
    split = "validation: {kind: kfold, folds: 5, test_fraction: 0.3}\n"
    common = f"seed: {seed}\n{section(name, seed, tables, folder)}{split}"
    return [fitted(common + member) for member in MEMBERS.values()]


def ratios(members: Predicted) -> dict[str, float]:
    """Return the test cost of each rule over that of the best member."""
    stack, settings = members.validation, Ensemble()
    metric = settings.metric_of(stack.task)
    everybody = Admission(np.zeros((stack.num_rows, stack.num_outputs)), keep_all=True)
    taken = choose(settings, stack, metric, everybody, np.arange(stack.num_members), lambda _: None)
    rules: dict[str, Method] = {"best": Best(), "auto": taken.method, "former": _former(stack, metric, settings.seed)}
    rules |= {"greedy": Greedy(), "uniform": Uniform()}
    judge = Objective(members.test, metric)
    fits = {name: combining.fit(method, stack, metric, seed=settings.seed) for name, method in rules.items()}
    costs = {name: judge.cost(combining.predict(fit, members.test.y_pred)) for name, fit in fits.items()}
    return {name: cost / costs["best"] for name, cost in costs.items() if name != "best"}


def _former(stack: Stack, metric: str, seed: int) -> Method:
    """Return the method with the lowest cross-fitted cost."""
    everybody = Admission(np.zeros((stack.num_rows, stack.num_outputs)), keep_all=True)
    crossed = CrossFit(stack, metric, divide(stack, 5, seed), everybody, seed)
    objective, costs = Objective(stack.of_members([0]), metric), []
    for method in (*tried(stack.task, stack.num_members), Weighted(), Weighted(search="random")):
        try:
            costs.append((objective.cost(crossed.predictions(method)), len(costs), method))
        except UsageError:
            continue
    return min(costs)[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--tables", type=Path, default=TABLES, help="where titanic.csv and carseats.csv lie")
    parser.add_argument("--keep", type=Path, help="folder that keeps the predictions of members for the next time")
    options = parser.parse_args()
    medians: dict[str, list[float]] = {}
    worst: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in (options.only,) if options.only else NAMES:
            began = time.perf_counter()
            seeds = range(options.first, options.first + options.seeds)
            found = [ratios(predicted(name, seed, options.tables, folder)) for seed in seeds]
            for rule in found[0]:
                own = [ratio[rule] for ratio in found]
                medians.setdefault(rule, []).append(float(np.median(own)))
                worst[rule] = max(worst.get(rule, 0.0), *own)
            told = ", ".join(f"{rule} {values[-1]:.3f}" for rule, values in medians.items())
            print(f"{name}: {told}; {time.perf_counter() - began:.0f} s", flush=True)
    means = {rule: float(np.mean(values)) for rule, values in medians.items()}
    print(
        "mean over tables: " + ", ".join(f"{rule} {mean:.3f} (worst {worst[rule]:.2f})" for rule, mean in means.items())
    )
    sys.exit(0 if means["auto"] <= min(1.0, means["former"]) else 1)


if __name__ == "__main__":
    main()
