"""Watching a study from outside while it goes on: its table, its log, what `show` and `logs` say."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

SLOW = ("training.epochs=300", "training.batch_size=8", "--jobs", "1", "--trials", "3")


def wait_for(what: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            pytest.fail(f"it did not happen in {seconds} s")
        time.sleep(0.05)


def progress(studies: Any) -> list[dict[str, Any]]:
    path = studies()[0].path / "running.json" if studies() else None
    running: list[dict[str, Any]] = json.loads(path.read_text())["running"] if path and path.exists() else []
    return running


def test_a_running_study_shows_what_it_does(dlrun: Any, network: str, studies: Any) -> None:
    process = dlrun.start("tune", network, *SLOW)
    follower = None
    try:
        wait_for(lambda: any(one["trial"] == 1 and one.get("epoch", 0) > 5 for one in progress(studies)))
        (study,) = studies()
        assert [(row["trial"], row["state"]) for row in study.rows] == [("0", "finished"), ("1", "pending")]
        shown = dlrun("show", "latest")
        assert shown.code == 0, shown.err
        assert "running and newest trials" in shown.out
        assert re.search(r"^1 of 3 trials are done, best so far loss \S+ \(trial 0\)$", shown.out, re.MULTILINE)
        assert re.search(r"^ +1  running +\d\.\d+ +\d+/300 ", shown.out, re.MULTILINE)
        assert re.search(r"^ +0  finished +\d\.\d+ +300 ", shown.out, re.MULTILINE)
        told = json.loads(dlrun("show", "latest", "--json").out)
        assert [(one["trial"], one["num_epochs"]) for one in told["running"]] == [(1, 300)]
        assert 0 < told["running"][0]["best"] <= told["running"][0]["value"]
        logged = dlrun("logs", "latest")
        assert logged.code == 0, logged.err
        assert logged.out.startswith("study folder ")
        assert re.search(r"^1/3  trial 0  finished  loss \S+  best \S+ \(trial 0\)  as written$", logged.out, re.M)
        follower = dlrun.start("logs", "latest", "--follow")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert follower is not None
    followed, _ = follower.communicate(timeout=60)
    before = (study.path / "output.log").read_text()
    assert followed.removesuffix("\n") == before.removesuffix("\n"), "it ends with the study, and misses no line"
    assert "stopping. 1 trials are done and kept." in before
    assert not (study.path / "running.json").exists()
    going_on = f"go on with: dlrun tune --study {study.path.name}"
    assert {"1 of 3 trials are done", going_on} <= {line.split(",")[0] for line in dlrun("show").out.splitlines()}
    assert "network, 1 of 3 trials" in dlrun("ls").out
    ended = dlrun("tune", network, *SLOW)
    assert ended.code == 0, ended.err
    after = (study.path / "output.log").read_text()
    assert after.splitlines()[-2:] == ended.out.splitlines()[-2:], "it ends as the screen does"
    assert "network, 3 trials" in dlrun("ls").out
    assert after.startswith(before), "the log only grows"
    assert re.search(r"^[12] trials were done before$", after[len(before) :], re.M)
    assert "\nwinner: trial" in after[len(before) :]
    assert json.loads(dlrun("show", "latest", "--json").out)["running"] is None


def test_the_log_of_a_study_that_fails_says_why(dlrun: Any, config: Any, studies: Any) -> None:
    name = config(
        "dataset: iris\nmodel: {kind: network, layers: [{conv2d: 3}]}\n"
        "tuner: {kind: random, space: {optimizer.learning_rate: {loguniform: [1e-4, 1e-1]}}}\n"
    )
    assert dlrun("tune", name, "--trials", "2").code == 1
    assert "error: none of 2 trials finished." in dlrun("logs", "latest").out


def test_what_follows_the_search_is_told_fit_by_fit_and_nothing_where_nothing_does(
    dlrun: Any, linear: str, studies: Any
) -> None:
    assert dlrun("tune", linear, "--trials", "4", "--jobs", "1").code == 0
    (study,) = studies()
    log = (study.path / "output.log").read_text()
    after = log[log.index("re-scoring the finalists (2 fits), refitting the winner and trial 0\n") :]
    assert re.findall(r"^re-scored (\d of 2)  trial \d  loss \d", after, re.M) == ["1 of 2", "2 of 2"]
    winner = study.metrics["study"]["winner"]["trial"]
    refitted = re.findall(r"^refitted trial (\d), the (?:winner|config as written)  \d+\.\d s$", after, re.M)
    assert sorted(map(int, refitted)) == sorted({0, winner})
    resumed = dlrun("resume", "latest")
    assert f"It is complete; `dlrun tune --study {study.path.name} --trials N` adds trials." in resumed.err
    again = dlrun("tune", "--study", "latest")
    assert again.code == 0, again.err
    told = f"study {study.path.name} is complete: nothing is left to do; more than 4 --trials add some\n"
    assert told in again.out
    assert "goes on" not in again.out
    assert "refitting" not in again.out


def test_the_best_of_a_trial_with_folds_is_named(dlrun: Any, network: str, studies: Any) -> None:
    folds = "validation={kind: kfold, folds: 2}"
    process = dlrun.start("tune", network, folds, *SLOW)
    try:
        wait_for(lambda: any(one.get("folds") and one["epoch"] > 5 for one in progress(studies)))
        (one,) = progress(studies)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    (study,) = studies()
    rows = [line.split(",") for line in (study.run(one["trial"]) / "history.csv").read_text().splitlines()]
    column = rows[0].index("val_loss")
    first, second = ([float(row[column]) for row in rows[1:] if row[0] == fold] for fold in ("0", "1"))
    assert one["folds"] == [pytest.approx(min(first))]
    assert one["best"] == pytest.approx(min(second[: one["epoch"]]))
