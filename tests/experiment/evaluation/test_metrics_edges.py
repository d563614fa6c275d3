"""Scores at the edges, worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlrun.errors import DataError
from dlrun.experiment.evaluation.decisions import decide, decide_labels
from dlrun.experiment.evaluation.evaluation import Evaluation, evaluate, mean_scores
from dlrun.experiment.evaluation.losses import row_losses
from dlrun.experiment.evaluation.metrics import higher_is_better

BINARY = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "auc", "average_precision")


def column(*values: float) -> Any:
    return np.array(values, dtype=np.float64)[:, None]


def test_binary_scores_by_hand() -> None:
    y_true = np.array([0, 0, 0, 1, 1])
    scores = evaluate("binary", y_true, column(0.1, 0.6, 0.3, 0.9, 0.4), BINARY)
    assert scores == pytest.approx(
        {
            "accuracy": 3 / 5,
            "balanced_accuracy": (2 / 3 + 1 / 2) / 2,
            "precision": 1 / 2,
            "recall": 1 / 2,
            "f1": 1 / 2,
            "auc": 5 / 6,
            "average_precision": (1 + 2 / 3) / 2,
        }
    )


def test_one_class_only_leaves_ranking_undefined() -> None:
    scores = evaluate("binary", np.zeros(3, dtype=int), column(0.1, 0.2, 0.3), BINARY)
    undefined = {name for name, score in scores.items() if score is None}
    assert undefined == {"recall", "f1", "auc", "average_precision"}
    assert scores["accuracy"] == scores["balanced_accuracy"] == 1
    assert scores["precision"] == 0


def test_constant_scores_are_worth_half_an_auc() -> None:
    assert evaluate("binary", np.array([0, 1, 1, 0]), column(0.3, 0.3, 0.3, 0.3), ["auc"]) == {"auc": 0.5}


def test_one_half_is_a_no() -> None:
    assert decide(column(0.5, 0.500001)).tolist() == [0, 1]
    assert decide_labels(np.array([[0.5, 0.6]])).tolist() == [[False, True]]


def test_equal_probabilities_go_to_the_lower_class() -> None:
    assert decide(np.array([[0.2, 0.4, 0.4]])).tolist() == [1]


def test_classes_that_never_occur_do_not_count() -> None:
    probabilities = np.eye(4)[[0, 1, 1]]
    scores = evaluate("multiclass", np.array([0, 1, 0]), probabilities, ["macro_f1", "balanced_accuracy", "auc"])
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert scores["balanced_accuracy"] == pytest.approx((1 / 2 + 1) / 2)
    assert scores["auc"] == pytest.approx((0.75 + 0.75) / 2)


def test_top_5_breaks_ties_by_code() -> None:
    flat = np.full((7, 7), 1 / 7)
    assert evaluate("multiclass", np.arange(7), flat, ["top_5_accuracy"]) == {"top_5_accuracy": pytest.approx(5 / 7)}


def test_a_constant_target_has_no_r2() -> None:
    y_true = np.full((4, 1), 5.0)
    scores = evaluate("regression", y_true, y_true + column(1, -1, 1, -1), ["r2", "mae"])
    assert scores == {"r2": None, "mae": 1}


def test_a_true_zero_has_no_percentage_error() -> None:
    assert evaluate("regression", column(0, 1), column(1, 1), ["mape"]) == {"mape": None}


def test_r2_survives_a_large_offset_in_single_precision() -> None:
    generator = np.random.default_rng(0)
    y_true = 1e6 + generator.normal(size=(500, 1))
    y_pred = y_true + 0.1 * generator.normal(size=(500, 1))
    from dlrun.experiment.evaluation.metrics import metrics_for

    single = metrics_for("regression")["r2"].scores(y_true, y_pred, np.ones((1, 500), dtype=np.float32))
    assert single[0] == pytest.approx(evaluate("regression", y_true, y_pred, ["r2"])["r2"], abs=1e-4)


def test_huge_errors_do_not_overflow_single_precision() -> None:
    from dlrun.experiment.evaluation.metrics import metrics_for

    scores = metrics_for("regression")["mse"].scores(column(1e25, 0), column(0, 0), np.ones((1, 2), dtype=np.float32))
    assert scores[0] == pytest.approx(5e49)


def test_losses_are_averaged_and_come_first() -> None:
    scores = evaluate("binary", np.array([0, 1]), column(0.1, 0.9), ["accuracy"], losses=np.array([0.5, 1.5]))
    assert list(scores.items()) == [("loss", 1.0), ("accuracy", 1.0)]


def test_an_infinite_loss_is_undefined() -> None:
    assert evaluate("binary", np.array([0]), column(0.1), [], losses=np.array([np.inf])) == {"loss": None}


def test_row_losses_by_hand() -> None:
    binary = row_losses("binary", np.array([0, 1]), column(0.2, 0.2))
    np.testing.assert_allclose(binary, [-np.log(0.8), -np.log(0.2)])
    multiclass = row_losses("multiclass", np.array([2, 0]), np.array([[0.1, 0.2, 0.7], [0.0, 0.5, 0.5]]))
    np.testing.assert_allclose(multiclass, [-np.log(0.7), -np.log(1e-7)])
    multilabel = row_losses("multilabel", np.array([[1.0, 0.0]]), np.array([[0.5, 0.25]]))
    np.testing.assert_allclose(multilabel, [(-np.log(0.5) - np.log(0.75)) / 2])
    regression = row_losses("regression", np.array([[1.0, 2.0]]), np.array([[2.0, 5.0]]))
    np.testing.assert_allclose(regression, [5.0])


def test_the_mean_of_folds_needs_every_fold() -> None:
    means = mean_scores([{"loss": 1.0, "auc": 0.5}, {"loss": 3.0, "auc": None}])
    assert means == {"loss": 2.0, "auc": None}


def test_the_direction_of_the_loss_is_down_and_unknown_names_are_refused() -> None:
    assert not higher_is_better("val_loss")
    with pytest.raises(KeyError):
        higher_is_better("val_nothing")


def test_settings_resolve_by_task() -> None:
    assert Evaluation().resolve("regression", 1).metrics == ("mae", "rmse", "r2")
    chosen = Evaluation.model_validate({"metrics": ["auc", "recall"]})
    assert chosen.resolve("binary", 1).metrics == ("auc", "recall")


@pytest.mark.parametrize(
    ("metrics", "task", "num_outputs", "message"),
    [
        (["accuracy"], "regression", 1, "evaluation.metrics asks for accuracy, which a regression task does not have"),
        (["top_5_accuracy"], "multiclass", 5, "asks for top_5_accuracy, which is always 1 with 5 classes"),
    ],
)
def test_metrics_that_do_not_suit_are_refused(metrics: list[str], task: Any, num_outputs: int, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        Evaluation.model_validate({"metrics": metrics}).resolve(task, num_outputs)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "values", [{"metrics": ["acc"]}, {"metrics": ["auc", "auc"]}, {"bootstrap": -1}, {"confidence": 1.0}]
)
def test_wrong_settings_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"metrics|bootstrap|confidence"):
        Evaluation.model_validate(values)
