"""How many threads training takes, and how busy the machine is."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from dlrun.base import machine
from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.datasets.inputs import MATRIX, Inputs
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.models.gradient_boosting import GradientBoosting
from dlrun.experiment.models.linear import Linear
from dlrun.experiment.models.random_forest import RandomForest
from dlrun.experiment.resolve import resolve
from dlrun.experiment.training import rules
from dlrun.learners.estimator import EstimatorLearner
from dlrun.learners.learner import FitJob

LARGE = rules.ESTIMATOR_THREADED_WORK


def never() -> int:
    raise AssertionError("nobody needs to know")


@pytest.mark.parametrize(
    ("work", "same_bits", "cores", "free", "expected"),
    [
        (LARGE - 1, True, 8, 8, 1),
        (LARGE, True, 8, 8, 8),
        (LARGE, True, 8, 3, 3),
        (LARGE, True, 2, 8, 2),
        (LARGE, True, 8, 1, 1),
        (LARGE, False, 8, 1, 8),  # what else runs must not change the result
    ],
)
def test_threads_of_estimators(work: int, same_bits: bool, cores: int, free: int, expected: int) -> None:
    assert rules.estimator_threads(work, same_bits=same_bits, cores=cores, free=lambda: free) == expected


def test_the_machine_is_looked_at_only_where_it_counts() -> None:
    assert rules.estimator_threads(LARGE - 1, same_bits=True, cores=8, free=never) == 1
    assert rules.estimator_threads(LARGE, same_bits=False, cores=8, free=never) == 8


@pytest.mark.parametrize("model", [GradientBoosting(), RandomForest(), Linear()], ids=lambda model: model.kind)
def test_work_grows_with_the_data(model) -> None:
    assert 0 < model.work(100, 4, 1) < LARGE
    assert model.work(1_000_000, 200, 1) > LARGE
    assert model.work(100, 4, 1) <= model.work(100, 8, 1) < model.work(1000, 8, 1)


def test_a_number_by_hand_wins(monkeypatch) -> None:
    monkeypatch.setattr("dlrun.experiment.resolve.usable_cpus", lambda: 4)
    monkeypatch.setattr("dlrun.experiment.resolve.free_cpus", lambda: 3)
    facts = DatasetFacts("regression", "features", (50,), 50_000, 0, 1)
    for training, expected in (({}, 3), ({"threads": 2}, 2), ({"threads": 16}, 16)):
        experiment = Experiment.model_validate(
            {"dataset": {"kind": "diabetes"}, "model": {"kind": "gradient_boosting"}, "training": training}
        )
        assert resolve(experiment, facts).training.threads == expected


def test_libraries_are_held_to_the_threads_while_an_estimator_fits_and_predicts() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_info

    seen: list[set[int]] = []

    class Watched(HistGradientBoostingRegressor):
        def fit(self, x, y):
            seen.append({library["num_threads"] for library in threadpool_info()})
            return super().fit(x, y)

        def predict(self, x):
            seen.append({library["num_threads"] for library in threadpool_info()})
            return super().predict(x)

    before = [library["num_threads"] for library in threadpool_info()]
    learner = EstimatorLearner(build=Watched, restore=never, task="regression", num_outputs=1, threads=1)
    x, rows = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40)
    learner.fit(FitJob(x=Inputs({MATRIX: x}), y=x[:, :1], training=rows, validation=rows[:0], score=lambda *_: {}))
    learner.predict(Inputs({MATRIX: x}), rows)
    assert seen == [{1}, {1}]
    assert [library["num_threads"] for library in threadpool_info()] == before


def test_free_processors(monkeypatch) -> None:
    monkeypatch.setattr(machine, "usable_cpus", lambda: 4)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    for running, expected in ((1, 4), (4, 4), (6, 3), (8, 1), (40, 1), (0, 4)):
        monkeypatch.setattr(machine, "_running", lambda running=running: running)
        assert machine.free_cpus() == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["200000 100000"], 2),
        (["150000 100000"], 2),
        (["max 100000"], None),
        ([], None),
        (["x y"], None),
        (["1 0"], None),
    ],
)
def test_quota_of_a_container(lines: list[str], expected: int | None) -> None:
    assert machine._quota(lines) == expected


def test_waiting_threads_sleep_unless_the_user_says_otherwise() -> None:
    program = "import dlrun, os; print(os.environ['OMP_WAIT_POLICY'])"
    for given, expected in (({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")):
        own = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | given
        told = subprocess.run([sys.executable, "-c", program], env=own, capture_output=True, text=True, check=True)
        assert told.stdout.strip() == expected
