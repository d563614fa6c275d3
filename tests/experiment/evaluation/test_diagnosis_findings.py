"""Every finding on a history made for it, and on histories of real runs on 4,000 MNIST digits."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest

from dlrun.base.words import number, words
from dlrun.experiment.evaluation.curves import Curve, curves
from dlrun.experiment.evaluation.diagnosis import Diagnosis, diagnose
from dlrun.experiment.evaluation.suggestions import ModelFacts

BASELINE = {"loss": 2.303, "accuracy": 0.1}


def history(
    training: Sequence[float], validation: Sequence[float], fold: int = 0, learning_rate: float = 0.001
) -> list[dict[str, float]]:
    return [
        {"fold": fold, "epoch": epoch, "loss": loss, "val_loss": watched, "learning_rate": learning_rate}
        for epoch, (loss, watched) in enumerate(zip(training, validation, strict=True), start=1)
    ]


def falling(start: float, end: float, num_epochs: int) -> list[float]:
    return [end + (start - end) * math.exp(-9 * epoch / num_epochs) for epoch in range(num_epochs)]


def turning(start: float, lowest: float, end: float, num_epochs: int, at: int) -> list[float]:
    down = [lowest + (start - lowest) * (1 - epoch / (at - 1)) ** 2 for epoch in range(at)]
    up = [lowest + (end - lowest) * (epoch + 1) / (num_epochs - at) for epoch in range(num_epochs - at)]
    return down + up


FOREST = ModelFacts(has_epochs=False, others=("linear", "gradient_boosting"))
LINEAR = ModelFacts(has_epochs=False, is_simplest=True, others=("random_forest", "gradient_boosting"))


def network(
    rows: list[dict[str, float]],
    *,
    train: tuple[float, float],
    validation: tuple[float, float],
    allowed: int | None = None,
    width: float = 0.02,
    **options: Any,
) -> Diagnosis:
    loss, accuracy = validation
    return diagnose(
        metric="accuracy",
        train={"loss": train[0], "accuracy": train[1]},
        validation={"loss": loss, "accuracy": accuracy},
        baseline=BASELINE,
        intervals={"loss": [loss - width, loss + width], "accuracy": [accuracy - width, accuracy + width]},
        history=rows,
        monitor="val_loss",
        num_epochs_allowed=allowed or len(rows),
        **options,
    )


def overfitting_folds() -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    for fold, at in enumerate([7, 8, 9]):
        rows += history(falling(1.2, 0.05, 12), turning(0.8, 0.3, 0.4, 12, at), fold)
    return [*rows, {"fold": -1, "epoch": 1, "loss": 1.0}]


CASES: dict[str, Diagnosis] = {
    "does not train: learning rate far too low": network(
        history([2.31 - 0.002 * epoch for epoch in range(10)], [2.31] * 10, learning_rate=1e-7),
        train=(2.29, 0.12),
        validation=(2.31, 0.11),
    ),
    "does not train: X3, learning rate 1.0, real": network(
        history(
            [7843.9, 17.30, 301.1, 8.059, 18.92, 4.285, 4.878, 2.325, 6.203, 2.138],
            [60.76, 13.63, 17.93, 14.97, 4.22, 8.752, 2.50, 2.729, 4.609, 2.971],
            learning_rate=1.0,
        ),
        train=(1.646, 0.402),
        validation=(2.5, 0.391),
    ),
    "does not generalize: X2, shuffled labels, real": network(
        history(
            [2.365, 2.027, 1.725, 1.409, 1.115, 0.858, 0.652, 0.492],
            [2.345, 2.432, 2.545, 2.684, 2.861, 3.067, 3.305, 3.537],
        ),
        train=(0.402, 0.920),
        validation=(2.345, 0.116),
    ),
    "does not generalize: nothing in the inputs": network(
        history(falling(2.35, 2.2, 20), [2.32] * 20), train=(2.2, 0.2), validation=(2.32, 0.105)
    ),
    "still improving": network(
        history(falling(2.2, 0.9, 8), [2.2 - 0.15 * epoch for epoch in range(8)]),
        train=(1.0, 0.7),
        validation=(1.15, 0.66),
    ),
    "underfits": network(
        history(falling(1.6, 0.62, 40), falling(1.6, 0.65, 40)), train=(0.62, 0.80), validation=(0.65, 0.79)
    ),
    "overfits: X4, learning rate 0.01, real": network(
        history(
            [1.850, 0.379, 0.193, 0.148, 0.128, 0.067, 0.060, 0.018, 0.033, 0.030],
            [0.536, 0.432, 0.333, 0.805, 0.248, 0.260, 0.309, 0.294, 0.460, 0.295],
            learning_rate=0.01,
        ),
        train=(0.002, 0.9997),
        validation=(0.248, 0.932),
    ),
    "underfits: X5, a loss that stalls and wavers": network(
        history(
            [0.78, 0.55, 0.51, 0.485, 0.471, 0.46, 0.452, 0.446, 0.441, 0.437, 0.433, 0.43],
            [0.60, 0.52, 0.49, 0.471, 0.462, 0.452, 0.455, 0.443, 0.448, 0.434, 0.442, 0.44],
        ),
        train=(0.43, 0.86),
        validation=(0.434, 0.856),
    ),
    "overfits: three folds and a refit": network(
        overfitting_folds(), train=(0.1, 0.99), validation=(0.3, 0.91), allowed=50, refit=True
    ),
    "gap: no turn yet": network(
        history(falling(1.5, 0.22, 30), falling(1.0, 0.295, 30)),
        train=(0.09, 0.976),
        validation=(0.29, 0.912),
        allowed=50,
    ),
    "good": network(
        history(falling(1.5, 0.03, 30), falling(1.0, 0.05, 30)),
        train=(0.03, 0.99),
        validation=(0.05, 0.985),
        allowed=50,
    ),
    "gap: a forest without epochs": diagnose(
        metric="rmse",
        train={"loss": 0.2, "rmse": 1.1},
        validation={"loss": 1.1, "rmse": 3.1},
        baseline={"loss": 4.0, "rmse": 6.3},
        intervals={"loss": [1.0, 1.2], "rmse": [2.9, 3.3]},
        model=FOREST,
    ),
    "balanced: early stopping after a steady rise": network(
        history(
            [1.2, 0.8, 0.6, 0.5, 0.44, 0.41, 0.39, 0.37],
            [1.1, 0.8, 0.62, 0.52, 0.470, 0.474, 0.478, 0.482],
        ),
        train=(0.43, 0.86),
        validation=(0.470, 0.85),
        allowed=50,
    ),
    "balanced: a gap that is not large": diagnose(
        metric="accuracy",
        train={"loss": 0.30, "accuracy": 0.90},
        validation={"loss": 0.45, "accuracy": 0.85},
        baseline=BASELINE,
        model=LINEAR,
    ),
    "unseen classes: test rows of a class that came last": diagnose(
        metric="accuracy",
        train={"loss": 0.30, "accuracy": 0.90},
        validation={"loss": 0.33, "accuracy": 0.88},
        baseline=BASELINE,
        test={"loss": 9.0, "accuracy": 0.3},
        test_baseline=BASELINE,
        unseen={"test": ["virginica"]},
        model=LINEAR,
    ),
    "does not generalize: test rows unlike the others": diagnose(
        metric="accuracy",
        train={"loss": 0.30, "accuracy": 0.90},
        validation={"loss": 0.33, "accuracy": 0.88},
        baseline=BASELINE,
        test={"loss": 0.9, "accuracy": 0.0},
        test_baseline=BASELINE,
        model=LINEAR,
    ),
    "does not generalize: a linear model": diagnose(
        metric="rmse",
        train={"rmse": 6.0, "r2": 0.02},
        validation={"rmse": 6.3, "r2": -0.01},
        baseline={"rmse": 6.3, "r2": -0.01},
        intervals={"rmse": [6.0, 6.6], "r2": [-0.03, 0.01]},
        model=LINEAR,
    ),
}


def test_findings_in_words(golden: Any) -> None:
    texts = []
    for title, diagnosis in CASES.items():
        lines = [f"## {title}", f"{diagnosis.finding}: {diagnosis.summary}"]
        lines += [f"  {line}" for line in diagnosis.evidence]
        lines += [f"  -> {line}" for line in diagnosis.suggestions]
        texts.append("\n".join(lines) + "\n")
    golden("evaluation/diagnosis.txt", "\n".join(texts))


@pytest.mark.parametrize("title", CASES)
def test_the_finding_is_the_one_the_history_was_made_for(title: str) -> None:
    expected = title.partition(":")[0].replace("still ", "").replace(" ", "_")
    assert CASES[title].finding == expected


def test_every_finding_is_made() -> None:
    from typing import get_args

    from dlrun.experiment.evaluation.suggestions import Finding

    assert {diagnosis.finding for diagnosis in CASES.values()} == set(get_args(Finding))
    assert all(diagnosis.evidence and diagnosis.suggestions for diagnosis in CASES.values())


def test_a_diagnosis_is_plain_json() -> None:
    value = CASES["overfits: three folds and a refit"].to_json()
    assert value["epoch"] == 8
    assert json.loads(json.dumps(value)) == value
    assert list(value) == ["finding", "summary", "epoch", "evidence", "suggestions"]


def test_a_rise_shown_only_by_some_folds_is_no_lack_of_capacity() -> None:
    steady = [1.1, 0.8, 0.62, 0.52, 0.48, 0.475, 0.4745, 0.474]
    risen = [1.1, 0.8, 0.62, 0.52, 0.470, 0.474, 0.478, 0.482]
    training = [1.2, 0.8, 0.6, 0.5, 0.46, 0.45, 0.445, 0.444]
    for folds, finding in (([steady] * 3, "underfits"), ([steady, steady, risen], "balanced")):
        rows = [row for number, course in enumerate(folds) for row in history(training, course, number)]
        assert network(rows, train=(0.45, 0.85), validation=(0.474, 0.85), allowed=50).finding == finding


@pytest.mark.parametrize(
    ("watched", "rose"),
    [
        ([0.6, 0.5, 0.4, 0.41, 0.42], True),  # steadily, be it in two epochs
        ([0.6, 0.5, 0.4, 0.402, 0.403], False),  # by less than a hundredth
        ([0.6, 0.5, 0.4, 0.43, 0.41], False),  # up and down again
        ([0.6, 0.5, 0.4, 0.43, 0.41, 0.43, 0.41, 0.43], True),  # for as long as that, no luck of one epoch
        ([0.6, 0.5, 0.4, 0.43], False),  # one epoch
    ],
)
def test_a_rise_since_the_best_epoch(watched: list[float], rose: bool) -> None:
    assert Curve(tuple(watched), tuple(watched), "val_loss", 1).rose is rose
    flipped = tuple(1 - value for value in watched)
    if rose:
        assert Curve(flipped, flipped, "val_accuracy", -1).rose


def test_a_test_set_that_shows_little_takes_nothing_back() -> None:
    scores = {"train": {"loss": 0.3}, "validation": {"loss": 0.33, "accuracy": 0.88}, "baseline": BASELINE}
    for test in (None, {}, {"loss": None, "accuracy": None}, {"loss": 1.0, "accuracy": 0.05}):
        found = diagnose(metric="accuracy", **scores, test=test, test_baseline=BASELINE)
        assert found.finding == "underfits"


def test_an_r2_of_the_test_rows_below_0_is_no_generalizing() -> None:
    found = diagnose(
        metric="r2",
        train={"r2": 0.8},
        validation={"r2": 0.79},
        baseline={"r2": 0.0},
        test={"r2": -0.4},
        test_baseline={"r2": -0.001},
    )
    assert found.finding == "does_not_generalize"


def test_unseen_classes_are_told_beside_other_findings() -> None:
    found = network(
        overfitting_folds(), train=(0.1, 0.99), validation=(0.3, 0.91), allowed=50, unseen={"test": list("abcde")}
    )
    assert found.finding == "overfits"
    assert found.evidence[-1] == "test holds 'a', 'b', 'c' and 2 more classes, which no training row does"


def test_an_imbalanced_task_may_show_its_learning_in_another_score() -> None:
    found = diagnose(
        metric="accuracy",
        train={},
        validation={"accuracy": 0.95, "auc": 0.85, "f1": 0.0},
        baseline={"accuracy": 0.95, "auc": 0.5, "f1": 0.0},
        intervals={"accuracy": [0.94, 0.96], "auc": [0.8, 0.9]},
    )
    assert found.finding != "does_not_generalize"


def test_an_f1_above_that_of_a_constant_shows_nothing() -> None:
    found = diagnose(
        metric="accuracy",
        train={},
        validation={"accuracy": 0.5, "f1": 0.5},
        baseline={"accuracy": 0.52, "f1": 0.0},
        intervals={"accuracy": [0.45, 0.55], "f1": [0.4, 0.6]},
    )
    assert found.finding == "does_not_generalize"


def test_a_penalty_in_the_training_loss_is_not_taken_for_standing_still() -> None:
    rows = history([4.0, 3.6, 3.3, 3.1, 3.0, 2.9], [1.0, 0.8, 0.6, 0.5, 0.45, 0.4])
    assert network(rows, train=(0.3, 0.92), validation=(0.4, 0.9)).finding == "improving"


def test_a_monitored_metric_is_watched_where_there_is_no_validation_loss() -> None:
    rows = [
        {"epoch": epoch, "loss": 1 / epoch, "val_accuracy": value}
        for epoch, value in enumerate([0.5, 0.7, 0.8, 0.7, 0.65, 0.6], start=1)
    ]
    found = diagnose(
        metric="accuracy",
        train={"accuracy": 0.99},
        validation={"accuracy": 0.8},
        baseline={"accuracy": 0.1},
        history=rows,
        monitor="val_accuracy",
        mode="max",
        num_epochs_allowed=6,
    )
    assert (found.finding, found.epoch) == ("overfits", 3)


@pytest.mark.parametrize("loss", [1.5, 2.6])
def test_one_epoch_shows_no_lack_of_capacity(loss: float) -> None:
    found = network(history([loss], [loss]), train=(loss, 0.5), validation=(loss, 0.48), allowed=1)
    assert (found.finding, found.summary) == ("improving", "A single epoch tells little.")
    assert found.suggestions[0].startswith("Train longer: training.epochs=2")


def test_few_epochs_that_all_improve_are_too_few() -> None:
    rows = history([0.657, 0.645, 0.638], [0.646, 0.638, 0.630])
    found = diagnose(
        metric="accuracy",
        train={"loss": 0.63, "accuracy": 0.69},
        validation={"loss": 0.63, "accuracy": 0.68},
        baseline={"loss": 0.693, "accuracy": 0.5},
        history=rows,
        num_epochs_allowed=3,
    )
    assert found.finding == "improving"


@pytest.mark.parametrize(
    ("training", "validation", "finding"),
    [
        ([2.307, 2.178, 2.091], [2.684, 2.563, 2.472], "improving"),
        ([2.3, 2.0, 2.2, 2.1], [2.7, 2.6, 2.5, 2.4], "does_not_train"),
    ],
)
def test_a_steady_fall_from_far_above_the_baseline_is_no_standing_still(
    training: list[float], validation: list[float], finding: str
) -> None:
    found = diagnose(
        metric="r2",
        train={"loss": 2.0, "r2": -1.3},
        validation={"loss": 2.472, "r2": -1.478},
        baseline={"loss": 1.051, "r2": 0.0},
        history=history(training, validation),
        num_epochs_allowed=len(training),
    )
    assert found.finding == finding


def test_early_stopping_is_not_running_out_of_epochs() -> None:
    rows = history([2.0, 1.5, 1.2], [2.0, 1.5, 1.2])
    assert network(rows, train=(1.2, 0.6), validation=(1.2, 0.6), allowed=3).finding == "improving"
    assert network(rows, train=(1.2, 0.6), validation=(1.2, 0.6), allowed=100).finding == "underfits"


def test_curves_leave_out_what_has_no_validation() -> None:
    found = curves(overfitting_folds(), "val_loss", "min")
    assert [curve.best_epoch for curve in found] == [7, 8, 9]
    assert curves([{"epoch": 1, "loss": 1.0}], None, "min") == []
    assert curves([{"epoch": 1, "loss": 1.0, "val_loss": math.nan}], "val_loss", "min") == []


def test_the_first_of_equal_epochs_is_the_best() -> None:
    curve = Curve((1.0, 0.5, 0.4), (0.6, 0.5, 0.5), "val_loss", 1)
    assert (curve.best_epoch, curve.best, curve.last) == (2, 0.5, 0.5)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0"),
        (0.98765, "0.988"),
        (0.012345, "0.012"),
        (0.0012345, "0.00123"),
        (0.00001234, "1.23e-05"),
        (2.30259, "2.303"),
        (-5.5, "-5.500"),
        (45.678, "45.7"),
        (1234.5, "1,234"),
        (123456789.0, "1.23e+08"),
    ],
)
def test_numbers_as_people_read_them(value: float | None, text: str) -> None:
    assert number(value) == text


def test_names_as_people_read_them() -> None:
    assert [words(name) for name in ("val_loss", "top_5_accuracy")] == ["validation loss", "top 5 accuracy"]


def test_decisions_alone_that_beat_the_baseline_do_not_make_it_generalize() -> None:
    flat = history([2.5] * 12, [2.6, 2.5, 2.59, 2.6, 2.58, 2.61, 2.6, 2.59, 2.6, 2.58, 2.6, 2.6])
    found = network(flat, train=(1.9, 0.62), validation=(2.5, 0.6))
    assert found.finding == "does_not_generalize"
    assert found.summary.startswith("It beats the baseline by some scores, and not by its loss")
    assert found.evidence[0] == "validation loss: 2.500; baseline: 2.303"


def test_a_loss_above_the_baseline_that_was_best_at_the_last_epoch_is_still_improving() -> None:
    found = network(history([3.0, 2.5, 2.2], [3.2, 3.3, 2.9]), train=(2.2, 0.6), validation=(2.9, 0.55))
    assert (found.finding, found.summary) == ("improving", "It was still improving when its epochs ran out.")
    assert found.evidence[0] == "validation loss was best at epoch 3 of 3 and still improving"
