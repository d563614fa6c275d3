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
    assert dlrun("tune", network, *SLOW).code == 0
    after = (study.path / "output.log").read_text()
    assert after.startswith(before), "the log only grows"
    assert "1 trials were done before\n" in after[len(before) :]
    assert "\nwinner: trial" in after[len(before) :]
    assert json.loads(dlrun("show", "latest", "--json").out)["running"] is None


def test_the_log_of_a_study_that_fails_says_why(dlrun: Any, config: Any, studies: Any) -> None:
    name = config(
        "dataset: iris\nmodel: {kind: network, layers: [{conv2d: 3}]}\n"
        "tuner: {kind: random, space: {optimizer.learning_rate: {loguniform: [1e-4, 1e-1]}}}\n"
    )
    assert dlrun("tune", name, "--trials", "2").code == 1
    assert "error: none of 2 trials finished." in dlrun("logs", "latest").out
