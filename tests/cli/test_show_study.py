"""The table of a study's trials, fitted to the width of the screen."""

from __future__ import annotations

from typing import Any

import pytest

from dlrun.cli.screens.trials import StudyTrials, trial_lines

LABELS = [
    "model.layers.0.dense.units",
    "model.layers.0.dense.dropout",
    "model.layers.1.dense.units",
    "model.layers.1.dense.dropout",
    "optimizer.learning_rate",
    "training.batch_size",
]


def row(trial: int, state: str, value: str, **more: Any) -> dict[str, str]:
    facts = {"trial": str(trial), "state": state, "value": value, "epochs": "30", "seconds": "1.25"}
    rest = {"run": "r", "reason": "", "objective latency": "0.00012345", **dict.fromkeys(LABELS, f"0.{trial}23456")}
    return {**facts, **rest, "training.batch_size": "32", **more}


ROWS = [row(0, "finished", "0.5"), row(1, "pruned", "0.3"), row(2, "failed", ""), row(3, "finished", "0.4")]


def test_names_are_short_and_unique_and_every_column_fits_a_wide_screen() -> None:
    lines = trial_lines(StudyTrials(ROWS, "loss", "min"), {}, columns=200)
    assert lines[0] == "best trials"
    assert lines[1].split() == [
        *("trial", "state", "loss", "epochs", "seconds", "latency"),
        *("0.dense.units", "0.dense.dropout", "1.dense.units", "1.dense.dropout", "learning_rate", "batch_size"),
    ]
    assert [line.split()[0] for line in lines[2:]] == ["1", "3", "0"]
    assert lines[2].split()[2:] == ["0.3", "30", "1.25", "0.0001234", *["0.1235"] * 5, "32"]


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 120])
def test_a_narrow_screen_is_never_overrun_and_nothing_is_left_out_silently(columns: int) -> None:
    importance = {"optimizer.learning_rate": 0.8, "model.layers.1.dense.units": 0.1}
    lines = trial_lines(StudyTrials(ROWS, "loss", "min"), importance, columns=columns)
    whole = " ".join(" ".join(lines).split())
    if columns >= 60:
        assert max(map(len, lines)) <= columns
    assert "--json and trials.csv have all" in whole
    names = ["0.dense.units", "0.dense.dropout", "1.dense.units", "1.dense.dropout", "learning_rate", "batch_size"]
    assert all(whole.count(name) == 1 for name in names)
    kept = lines[1].split()[6:]
    assert kept == ["learning_rate", "1.dense.units", "0.dense.units", "0.dense.dropout"][: len(kept)]
    assert "batch_size" not in kept, "what is the same in all trials goes first"


def test_of_a_study_that_goes_on_the_running_trials_come_first() -> None:
    rows = [row(0, "finished", "0.5"), row(1, "pending", ""), row(2, "finished", "0.2"), row(3, "pending", "")]
    rows.append(row(4, "pending", ""))
    running = {
        "1": {"trial": 1, "fold": 2, "num_folds": 5, "epoch": 7, "num_epochs": 30, "value": 0.25, "best": 0.2},
        "3": {"trial": 3},
    }
    lines = trial_lines(StudyTrials(rows, "loss", "min", running), {}, columns=80)
    assert lines[0] == "running and newest trials"
    cells = [line.split()[:5] for line in lines[2:7]]
    assert cells[0][:2] == ["3", "running"]
    assert cells[1] == ["1", "running", "0.25", "fold", "2/5"]
    assert [cell[:2] for cell in cells[2:]] == [["4", "waiting"], ["2", "finished"], ["0", "finished"]]


def test_higher_is_better_for_scores() -> None:
    lines = trial_lines(StudyTrials(ROWS, "auc", "max"), {}, columns=120)
    assert [line.split()[0] for line in lines[2:5]] == ["0", "3", "1"]
