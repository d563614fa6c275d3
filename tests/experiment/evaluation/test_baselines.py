from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from dlrun.experiment.evaluation.baselines import Baseline
from dlrun.experiment.evaluation.evaluation import evaluate
from dlrun.experiment.evaluation.losses import row_losses


def test_majority_of_many_classes() -> None:
    generator = np.random.default_rng(0)
    train, part = generator.choice(4, 200, p=[0.1, 0.2, 0.6, 0.1]), generator.choice(4, 100)
    baseline = Baseline.fit("multiclass", train, 5)
    assert baseline.kind == "majority"
    predicted = baseline.predict(len(part))
    assert predicted.shape == (100, 5)
    dummy = DummyClassifier(strategy="most_frequent").fit(train[:, None], train)
    assert evaluate("multiclass", part, predicted, ["accuracy"]) == {"accuracy": dummy.score(part[:, None], part)}


def test_its_probabilities_are_the_best_constant_ones() -> None:
    train = np.repeat([0, 1, 2], [70, 20, 10])
    own = row_losses("multiclass", train, Baseline.fit("multiclass", train, 3).predict(100)).mean()
    assert own == pytest.approx(-(0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1)))
    for other in ([0.6, 0.3, 0.1], [0.8, 0.1, 0.1]):
        assert own < row_losses("multiclass", train, np.tile(other, (100, 1))).mean()


@pytest.mark.parametrize(("ones", "decided"), [(30, 0), (50, 0), (70, 1)])
def test_majority_of_two_classes(ones: int, decided: int) -> None:
    train = np.repeat([0, 1], [100 - ones, ones])
    baseline = Baseline.fit("binary", train, 1)
    np.testing.assert_allclose(baseline.prediction, [ones / 100])
    always = evaluate("binary", np.full(10, decided), baseline.predict(10), ["accuracy"])
    assert always == {"accuracy": 1.0}


def test_majority_of_each_label() -> None:
    train = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 1], [1, 1, 1]], dtype=np.float32)
    baseline = Baseline.fit("multilabel", train, 3)
    assert baseline.kind == "majority"
    np.testing.assert_allclose(baseline.prediction, [0.75, 0.25, 0.75])
    part = np.array([[1, 0, 1], [0, 1, 0]], dtype=np.float32)
    assert evaluate("multilabel", part, baseline.predict(2), ["binary_accuracy"]) == {"binary_accuracy": 0.5}


def test_mean_of_each_target() -> None:
    train = np.random.default_rng(0).normal(5, 2, (50, 2))
    part = np.random.default_rng(1).normal(5, 2, (20, 2))
    baseline = Baseline.fit("regression", train, 2)
    assert baseline.kind == "mean"
    dummy = DummyRegressor().fit(train, train)
    np.testing.assert_allclose(baseline.predict(20), dummy.predict(part))
    r2 = evaluate("regression", part, baseline.predict(20), ["r2"])["r2"]
    assert r2 == pytest.approx(dummy.score(part, part))


def test_the_prediction_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Baseline.fit("binary", np.array([0, 1]), 1).predict(3)[0] = 1
