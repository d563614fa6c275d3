"""The block that a terminal shows while a study goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlrun.cli.screens.study import StudyDisplay
from dlrun.studies.listener import Settled, Standing
from dlrun.studies.objective import Objective
from dlrun.studies.state.trial import Suggestion
from dlrun.studies.workers.job import Epoch


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        (Standing(), ""),
        (Standing(0.125), "best 0.1250"),
        (Standing(0.125, (0.25,)), "1 fold 0.2500"),
        (Standing(0.125, (0.25, 0.75)), "2 folds 0.5000"),
    ],
)
def test_a_running_trial_shows_the_mean_of_its_folds_or_the_best_of_the_first(standing: Standing, told: str) -> None:
    said: list[str] = []
    display = StudyDisplay(said.append, {}, clock=lambda: 0.0)
    display.opened(Path("/runs/study"), [], 4, Objective("loss", "min"))
    display.started(Suggestion(1, {"x": 0.5}, {"x": 0.5}))
    fold = len(standing.folds)
    display.reported(1, Epoch("k", fold, 3, 7, 9, {"loss": 0.5}), standing)
    assert display.lines()[-1].split() == f"1 fold {fold + 1}/3 epoch 7/9 {told} x 0.5".split()
    display.concluding(3)
    display.settled(Settled(1, "rescored", 0.25, 2.0, 1, 3))
    assert said[-2:] == [
        "re-scoring the finalists (3 fits), refitting the winner and trial 0",
        "re-scored 1 of 3  trial 1  loss 0.2500  2.0 s",
    ]
