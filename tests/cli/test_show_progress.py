"""How far a run or a study is that has not ended, as `dlrun show` and `dlrun ls` tell it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dlrun.records.folder import RunFolder

CONFIG = """name: digits
dataset: {kind: digits, task: multiclass}
model: {kind: network}
training: {epochs: 60, monitor: val_accuracy}
validation: {kind: kfold, folds: 3}
"""
HISTORY = """fold,epoch,loss,val_loss,val_accuracy,learning_rate
0,1,0.9,0.8,0.99,0.001
1,1,0.7,0.6,0.5,0.001
1,2,0.5,0.55,0.75,0.001
1,3,0.4,0.5,0.625,0.001
"""
TRIALS = """trial,state,value,epochs,seconds,run,reason,x
0,finished,0.5,3,1.5,r0,,1
1,pruned,0.1,1,0.5,r1,,2
2,finished,0.25,3,1.5,r2,,3
3,failed,,,,,why,4
4,{state},,,,,,5
"""
NOW: dict[str, Any] = {"state": "running", "finished": None, "exit_code": None}


def alive() -> dict[str, Any]:
    return {**NOW, "heartbeat": datetime.now(UTC).isoformat(timespec="milliseconds")}


def trained(make_run: Any, runs: Path, **status: Any) -> RunFolder:
    folder: RunFolder = make_run(runs, metrics=None, **status)
    folder.write_text("config.yaml", CONFIG)
    folder.write_text("history.csv", HISTORY)
    return folder


def searched(make_run: Any, runs: Path, *, complete: bool = False, **status: Any) -> RunFolder:
    folder: RunFolder = make_run(runs, metrics=None, **status)
    facts = {"config": "c", "metric": "loss", "mode": "min", "trials": 12, "complete": complete, "models": ["network"]}
    folder.write_json("study.json", {"format": 1, **facts, "done": 4})
    folder.write_text("trials.csv", TRIALS.format(state="pending"))
    return folder


@pytest.mark.parametrize("state", ["running", "interrupted", "failed", "lost"])
def test_a_run_that_has_not_ended_shows_its_last_epoch_and_its_best(dlrun: Any, make_run: Any, state: str) -> None:
    status = {"running": alive(), "lost": NOW}.get(state, {"state": state, "error": "stopped by SIGINT"})
    folder = trained(make_run, dlrun.folder / "runs", **status)
    lines = dlrun("show", "latest").out.splitlines()
    begin = 2 if "error" in status else 1
    assert lines[begin : begin + 2] == [
        "fold 2/3 epoch 3/60: loss 0.4000, val_loss 0.5000, val_accuracy 0.6250",
        "best val_accuracy 0.7500 at epoch 2",
    ]
    going_on = f"go on with: dlrun resume {folder.id}"
    assert (going_on in lines) == (state != "running")
    told = json.loads(dlrun("show", "latest", "--json").out)
    assert told["progress"]["epoch"] == 3
    assert told["progress"]["best"] == {"monitor": "val_accuracy", "epoch": 2, "value": 0.75}
    assert told["go_on"] == (None if state == "running" else f"dlrun resume {folder.id}")


def test_a_run_whose_data_were_given_from_memory_is_not_said_to_go_on(dlrun: Any, make_run: Any) -> None:
    folder = trained(make_run, dlrun.folder / "runs", state="interrupted")
    folder.write_text("config.yaml", CONFIG.replace("kind: digits", "kind: memory"))
    shown = dlrun("show", "latest").out
    assert "epoch 3/60" in shown
    assert "go on with" not in shown


def test_a_run_that_was_stopped_before_its_first_epoch_shows_none(dlrun: Any, make_run: Any) -> None:
    folder = trained(make_run, dlrun.folder / "runs", state="interrupted")
    (folder.path / "history.csv").unlink()
    shown = dlrun("show", "latest").out
    assert "epoch" not in shown.split("config")[0]
    assert "go on with: dlrun resume" in shown


def test_a_finished_run_shows_no_progress(dlrun: Any, make_run: Any) -> None:
    trained(make_run, dlrun.folder / "runs")
    shown = dlrun("show", "latest").out
    assert "epoch 3/60" not in shown
    assert "go on with" not in shown


def test_an_interrupted_study_says_how_many_trials_are_done_and_how_it_goes_on(dlrun: Any, make_run: Any) -> None:
    folder = searched(make_run, dlrun.folder / "runs", state="interrupted", error="stopped by SIGINT")
    lines = dlrun("show", "latest").out.splitlines()
    assert lines[1:4] == [
        "error: stopped by SIGINT",
        "4 of 12 trials are done, best so far loss 0.2500 (trial 2)",
        f"go on with: dlrun tune --study {folder.id}",
    ]
    assert "best trials" in lines
    told = json.loads(dlrun("show", "latest", "--json").out)
    assert (told["progress"]["done"], told["progress"]["asked"]) == (4, 12)
    assert told["progress"]["best"] == {"trial": 2, "value": 0.25}
    assert told["go_on"] == f"dlrun tune --study {folder.id}"
    assert "network, 4 of 12 trials" in dlrun("ls").out
    assert json.loads(dlrun("ls", "--json").out)["runs"][0]["done"] == 4


def test_a_study_that_runs_says_how_many_trials_are_done(dlrun: Any, make_run: Any) -> None:
    folder = searched(make_run, dlrun.folder / "runs", **alive())
    folder.write_json("running.json", {"format": 1, "done": 5, "running": [{"trial": 4}]})
    lines = dlrun("show", "latest").out.splitlines()
    assert lines[1] == "4 of 12 trials are done, best so far loss 0.2500 (trial 2)"
    assert "running and newest trials" in lines
    assert not [line for line in lines if "go on with" in line]
    assert "network, 5 of 12 trials" in dlrun("ls").out, "what the study tells while it goes on goes before its facts"


def test_while_a_study_is_concluded_no_trial_is_said_to_run(dlrun: Any, make_run: Any) -> None:
    folder = searched(make_run, dlrun.folder / "runs", **alive())
    concluding = {"rescored": 3, "rescorings": 8, "refitted": [0]}
    folder.write_json("running.json", {"format": 1, "done": 4, "running": [], "concluding": concluding})
    lines = dlrun("show", "latest").out.splitlines()
    assert lines[2] == "re-scoring and refitting the best trials: re-scored 3 of 8; refitted trial 0"
    assert "best trials" in lines
    assert [line.split()[0] for line in lines[lines.index("best trials") + 2 :][:3]] == ["1", "2", "0"]
    assert json.loads(dlrun("show", "latest", "--json").out)["progress"]["concluding"] == concluding


@pytest.mark.parametrize(
    ("complete", "told"),
    [
        (False, "It is unfinished; `dlrun tune --study {id}` goes on"),
        (True, "It is complete; `dlrun tune --study {id}"),
    ],
)
def test_resuming_a_study_says_how_it_stands(dlrun: Any, make_run: Any, complete: bool, told: str) -> None:
    folder = searched(make_run, dlrun.folder / "runs", complete=complete)
    ended = dlrun("resume", "latest")
    assert ended.code == 2
    assert told.format(id=folder.id) in ended.err
    assert "if it is" not in ended.err
    assert ("12 trials" in dlrun("ls").out, "of 12" in dlrun("ls").out) == (True, not complete)


def test_a_table_of_trials_that_is_none_is_named(dlrun: Any, make_run: Any) -> None:
    folder = searched(make_run, dlrun.folder / "runs", state="interrupted")
    folder.write_text("trials.csv", TRIALS.replace("0.25", "good").format(state="pending"))
    ended = dlrun("show", "latest")
    assert ended.code == 1
    assert "trials.csv is damaged: it is no table of trials" in ended.err
