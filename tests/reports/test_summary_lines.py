from __future__ import annotations

from typing import Any

from dlrun.reports.summary import summary_lines

CLASSIFICATION: dict[str, Any] = {
    "task": "multiclass",
    "monitor": "val_loss",
    "best_epoch": 12,
    "train": {"loss": 0.01},
    "validation": {"loss": 0.0812, "accuracy": 0.9722, "macro_f1": 0.9715},
    "test": {"loss": 0.0931, "accuracy": 0.9611, "macro_f1": 0.9604},
    "intervals": {
        "validation": {"loss": [0.0512, 0.1204], "accuracy": [0.9528, 0.9861], "macro_f1": [0.9507, 0.9858]},
        "test": {"loss": [0.0613, 0.1305], "accuracy": [0.9417, 0.9806], "macro_f1": [0.9401, 0.9803]},
    },
    "baseline": {
        "kind": "majority",
        "validation": {"loss": 2.3031, "accuracy": 0.1028, "macro_f1": 0.0186},
        "test": {"loss": 2.3026, "accuracy": 0.1, "macro_f1": 0.0182},
    },
    "folds": [{"validation": {"loss": 0.0812}}],
    "num_parameters": 4810,
    "seconds": {"total": 3.14, "fit": 2.0},
    "diagnosis": {
        "finding": "overfits",
        "summary": "Overfitting begins at epoch 12.",
        "epoch": 12,
        "evidence": [
            "validation loss is best at epoch 12 (0.081) and ends at 0.113, while training loss still falls",
            "validation accuracy: 0.972 [0.953, 0.986]; baseline: 0.103",
        ],
        "suggestions": [
            "Regularize: `dropout` from 0.2 to 0.5, or `l2` from 1e-5 to 1e-3, on the larger layers.",
            "Or give it fewer or smaller layers, or more rows.",
        ],
    },
}

REGRESSION: dict[str, Any] = {
    "task": "regression",
    "monitor": None,
    "best_epoch": None,
    "validation": {"loss": 2946.1, "mae": 44.2, "r2": None},
    "test": None,
    "intervals": {"validation": {"mae": [41.0, 47.9]}, "test": None},
    "baseline": {"kind": "mean", "validation": {"mae": 66.1, "r2": -0.004}, "test": None},
    "folds": [{}] * 5,
    "num_parameters": None,
    "seconds": {"total": 61.0},
    "diagnosis": {
        "summary": "It generalizes, but fits the training rows far better than the validation rows.",
        "evidence": [],
        "suggestions": [],
    },
}


def test_summary_of_a_classification(golden: Any) -> None:
    golden("reporting/summary_classification.txt", "\n".join(summary_lines(CLASSIFICATION)) + "\n")


def test_summary_of_a_regression_without_test_part(golden: Any) -> None:
    golden("reporting/summary_regression.txt", "\n".join(summary_lines(REGRESSION)) + "\n")


def test_running_text_is_wrapped() -> None:
    lines = summary_lines(CLASSIFICATION, width=60)
    text = lines[lines.index("Overfitting begins at epoch 12.") :]
    assert max(len(line) for line in text) <= 60
    assert "  validation loss is best at epoch 12 (0.081) and ends at" in text


def test_a_summary_is_short() -> None:
    assert len(summary_lines(CLASSIFICATION)) <= 14


def test_what_is_missing_is_left_out() -> None:
    assert summary_lines({"validation": {"loss": 0.5}}) == ["      validation", "loss  0.500"]


def test_every_part_stands_beside_its_own_baseline() -> None:
    apart = {**REGRESSION, "test": {"mae": 27.0}}
    apart["baseline"] = {"kind": "mean", "validation": {"mae": 49.2}, "test": {"mae": 32.7}}
    lines = summary_lines(apart)
    assert lines[0].split() == ["validation", "baseline", "test", "baseline"]
    (mae,) = (line.split() for line in lines if line.startswith("mae"))
    assert mae == ["mae", "44.2", "[41.0,", "47.9]", "49.2", "27.0", "32.7"]


def test_the_test_scores_of_folds_are_said_to_be_of_their_average() -> None:
    folds = {**CLASSIFICATION, "folds": [{}] * 3}
    assert "validation is the mean of 3 folds, test is of their averaged prediction;" in "\n".join(
        summary_lines(folds, width=1000)
    )
    assert "averaged prediction" not in "\n".join(summary_lines({**folds, "refit": {"epochs": 3}}, width=1000))
    assert "averaged prediction" not in "\n".join(summary_lines({**folds, "test": None}, width=1000))


def test_a_table_of_two_parts_keeps_to_80_columns() -> None:
    assert max(map(len, summary_lines(CLASSIFICATION)[:4])) < 80
