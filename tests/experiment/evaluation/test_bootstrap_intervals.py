from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dlrun.experiment.evaluation import intervals as module
from dlrun.experiment.evaluation.intervals import bootstrap, difference_intervals, intervals
from dlrun.experiment.evaluation.losses import row_losses
from dlrun.experiment.evaluation.metric import row_mean


def made(num_rows: int, right: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y_true = generator.integers(0, 2, num_rows)
    is_right = generator.random(num_rows) < right
    return y_true, np.where(is_right, y_true, 1 - y_true)[:, None] * 0.8 + 0.1


def test_the_interval_of_an_accuracy_is_near_the_normal_approximation() -> None:
    y_true, y_pred = made(2000, 0.9)
    low, high = intervals("binary", y_true, y_pred, ["accuracy"], draws=4000)["accuracy"]
    share = float(((y_pred[:, 0] > 0.5) == y_true).mean())
    error = 1.96 * np.sqrt(share * (1 - share) / 2000)
    assert low == pytest.approx(share - error, abs=0.0012)
    assert high == pytest.approx(share + error, abs=0.0012)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(200):
        y_true, y_pred = made(150, 0.8, seed)
        low, high = intervals("binary", y_true, y_pred, ["accuracy"], draws=300, confidence=0.9, seed=seed)["accuracy"]
        covered += low <= 0.8 <= high
    assert 165 <= covered <= 194


def test_draws_are_those_of_numpy_and_all_scores_share_them() -> None:
    values = np.random.default_rng(1).normal(size=40)
    drawn = bootstrap({"one": row_mean(values), "double": row_mean(2 * values)}, 40, draws=25, seed=3)
    generator = np.random.default_rng([3, 0xB007])
    expected = [values[generator.integers(40, size=40)].mean() for _ in range(25)]
    np.testing.assert_allclose(drawn["one"], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(drawn["double"], 2 * drawn["one"], rtol=1e-6)


def test_the_seed_decides_the_interval() -> None:
    y_true, y_pred = made(100, 0.7)
    first, again, other = (
        intervals("binary", y_true, y_pred, ["auc"], losses=row_losses("binary", y_true, y_pred), seed=seed)
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert list(first) == ["loss", "auc"]


def test_the_memory_bound_does_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    y_true, y_pred = made(100, 0.7)
    whole = intervals("binary", y_true, y_pred, ["auc", "f1"], draws=50)
    monkeypatch.setattr(module, "_WEIGHTS_AT_ONCE", 700)
    assert intervals("binary", y_true, y_pred, ["auc", "f1"], draws=50) == whole


def test_a_wider_confidence_gives_a_wider_interval() -> None:
    y_true, y_pred = made(100, 0.7)
    narrow = intervals("binary", y_true, y_pred, ["accuracy"], confidence=0.5)["accuracy"]
    wide = intervals("binary", y_true, y_pred, ["accuracy"], confidence=0.99)["accuracy"]
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_predictions_of_one_row_are_drawn_together() -> None:
    y_true, y_pred = made(100, 0.7)
    alone = intervals("binary", y_true, y_pred, ["accuracy"])["accuracy"]
    copies = np.tile(np.arange(100), 5)
    repeated = intervals("binary", y_true[copies], y_pred[copies], ["accuracy"], rows=copies)["accuracy"]
    assert repeated == pytest.approx(alone)
    naive = intervals("binary", y_true[copies], y_pred[copies], ["accuracy"])["accuracy"]
    assert naive[1] - naive[0] < 0.6 * (alone[1] - alone[0])


def test_scores_that_are_mostly_undefined_have_no_interval() -> None:
    y_true = np.zeros(50, dtype=int)
    assert intervals("binary", y_true, np.full((50, 1), 0.2), ["accuracy", "auc"]) == {"accuracy": [1.0, 1.0]}
    y_true[0] = 1
    assert "auc" in intervals("binary", y_true, np.linspace(1, 0, 50)[:, None], ["auc"])


def test_no_draws_or_no_rows_give_no_intervals() -> None:
    y_true, y_pred = made(10, 0.7)
    assert intervals("binary", y_true, y_pred, ["accuracy"], draws=0) == {}
    assert intervals("binary", y_true[:0], y_pred[:0], ["accuracy"]) == {}
    assert difference_intervals("binary", y_true, y_pred, y_pred, ["accuracy"], draws=0) == {}


def test_the_difference_is_paired() -> None:
    y_true, y_pred = made(400, 0.7)
    same = difference_intervals("binary", y_true, y_pred, y_pred, ["accuracy"])["accuracy"]
    assert same == [0.0, 0.0]
    better = y_pred.copy()
    wrong = np.flatnonzero((y_pred[:, 0] > 0.5) != y_true)[:20]
    better[wrong] = 1 - better[wrong]
    low, high = difference_intervals("binary", y_true, better, y_pred, ["accuracy"])["accuracy"]
    assert 0.02 < low < 0.05 < high < 0.08


def test_ten_thousand_rows_are_quick() -> None:
    generator = np.random.default_rng(0)
    y_true = generator.integers(0, 10, 10_000)
    y_pred = generator.dirichlet(np.ones(10), 10_000)
    losses = row_losses("multiclass", y_true, y_pred)
    started = time.process_time()
    intervals("multiclass", y_true, y_pred, ["accuracy"], losses=losses)
    assert time.process_time() - started < 2


def test_scoring_classes_imports_neither_scikit_learn_nor_keras(repository: Path) -> None:
    program = (
        "import sys, numpy as np\n"
        "from dlrun.experiment.evaluation.intervals import intervals\n"
        "from dlrun.experiment.evaluation.evaluation import evaluate\n"
        "from dlrun.experiment.evaluation.diagnosis import diagnose\n"
        "y = np.array([0, 1] * 20); p = np.full((40, 1), 0.4)\n"
        "evaluate('binary', y, p, ['auc', 'f1']); intervals('binary', y, p, ['auc', 'f1'])\n"
        "heavy = {'sklearn', 'scipy', 'keras', 'tensorflow', 'matplotlib', 'polars'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
