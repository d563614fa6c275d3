"""What those who watch a study are told: how good a trial with folds is so far, and what follows the search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import TypeAdapter

from dlrun.experiment.tuner.tuners import Tuner
from dlrun.studies.lines import StudyLines
from dlrun.studies.listener import Settled, Standing, StudyListener
from dlrun.studies.loop import SearchLoop
from dlrun.studies.objective import Objective
from dlrun.studies.state.ask_tell import Study
from dlrun.studies.state.trial import Suggestion
from dlrun.studies.workers.job import Ended, Epoch, FoldScored, Job, News

FOLDS = ([0.9, 0.4, 0.5], [0.8, 0.3, 0.2], [0.7, 0.6])
"""Losses of the epochs of each fold."""


class OneWorker:
    """Carries out one trial, whose folds have the losses above."""

    def __init__(self) -> None:
        self.num_free = 1
        self._news: list[News] = []

    def start(self, job: Job) -> None:
        self.num_free = 0
        for fold, losses in enumerate(FOLDS):
            epochs = enumerate(losses, start=1)
            self._news += [Epoch(job.key, fold, 3, number, 3, {"loss": loss}) for number, loss in epochs]
            self._news.append(FoldScored(job.key, {"loss": min(losses)}))
        folds = [{"epochs": len(losses), "validation": {"loss": min(losses)}} for losses in FOLDS]
        metrics = {"validation": {"loss": 1.3 / 3}, "folds": folds, "seconds": {"total": 1.0}}
        self._news.append(Ended(job.key, "finished", metrics, run="20261121-191502-run-3fa9"))

    def wait(self, seconds: float | None) -> list[News]:
        del seconds
        self.num_free = 1
        return self._news

    def answer(self, key: str, *, stop: bool) -> None:
        raise AssertionError(key, stop)


class Watcher(StudyListener):
    def __init__(self) -> None:
        self.standings: list[Standing] = []

    def reported(self, trial: int, epoch: Epoch, standing: Standing) -> None:
        del trial, epoch
        self.standings.append(standing)


def test_the_best_so_far_is_that_of_the_fold_in_progress_beside_the_folds_that_are_done(tmp_path: Path) -> None:
    tuner: Any = TypeAdapter(Tuner).validate_python({"kind": "random", "space": {"x": {"uniform": [0, 1]}}})
    runs: Any = SimpleNamespace(finished=lambda _: None, take_up=lambda _, **__: None, settle=lambda *_: None)
    workers: Any = OneWorker()
    watcher = Watcher()
    with Study.open(tmp_path, tuner, seed=1, mode="min", num_trials=1, written={"x": 0.5}) as study:
        job_of = lambda suggestion: Job(f"trial-{suggestion.trial}", "trial", "", {})  # noqa: E731
        SearchLoop(study, workers, job_of, runs, Objective("loss", "min"), watcher).run()
    assert [standing.best for standing in watcher.standings] == [0.9, 0.4, 0.4, 0.8, 0.3, 0.2, 0.7, 0.6]
    assert [standing.folds for standing in watcher.standings] == [(), (), (), *[(0.4,)] * 3, *[(0.4, 0.2)] * 2]
    assert watcher.standings[-1].mean == pytest.approx(0.3)


def lines_of(standing: Standing, *, fold: int = 0, num_folds: int = 1) -> str:
    said: list[str] = []
    lines = StudyLines(said.append, seconds_between=0.0, clock=lambda: 0.0)
    lines.started(Suggestion(1, {}, {}))
    lines.reported(1, Epoch("k", fold, num_folds, 7, 9, {"loss": 0.5}), standing)
    return said[-1]


@pytest.mark.parametrize(
    ("folds", "best", "told"),
    [
        ((), "so far", ""),
        ((), "of this fold", ""),
        ((0.25,), "of this fold", "  1 fold done 0.2500"),
        ((0.25, 0.75), "of this fold", "  mean of 2 folds 0.5000"),
    ],
)
def test_words_say_which_best_it_is(folds: Sequence[float], best: str, told: str) -> None:
    num_folds = 1 if best == "so far" else 3
    place = f"fold {len(folds) + 1}/3 epoch 7/9" if num_folds > 1 else "epoch 7/9"
    said = lines_of(Standing(0.125, tuple(folds)), fold=len(folds), num_folds=num_folds)
    assert said == f"trial 1  {place}  loss 0.5000  best {best} 0.1250{told}"


@pytest.mark.parametrize(
    ("settled", "told"),
    [
        (Settled(5, "rescored", 0.25, 2.34, 3, 8), "re-scored 3 of 8  trial 5  loss 0.2500  2.3 s"),
        (Settled(5, "rescored", None, 1, 3, 8, "no memory"), "re-scored 3 of 8  trial 5  failed  no memory"),
        (Settled(5, "rescored", None, 1, 3, 8), "re-scored 3 of 8  trial 5  undefined"),
        (Settled(5, "refitted", None, 2, 3, 8), "refitted trial 5, the winner  2.0 s"),
        (Settled(0, "refitted", None, 2, 3, 8), "refitted trial 0, the config as written  2.0 s"),
        (Settled(5, "refitted", None, 2, 3, 8, "lost"), "could not refit trial 5, the winner: lost"),
    ],
)
def test_every_fit_after_the_search_is_told(settled: Settled, told: str) -> None:
    said: list[str] = []
    StudyLines(said.append).settled(settled)
    assert said == [told]


def test_what_is_left_to_fit_is_told_and_no_more() -> None:
    said: list[str] = []
    lines = StudyLines(said.append)
    for num_rescorings in (2, 1, 0):
        lines.concluding(num_rescorings)
    after = "refitting the winner and trial 0"
    told = [f"re-scoring the finalists ({fits}), {after}" for fits in ("2 fits", "1 fit")]
    assert said == [*told, after]
