"""Racing: the finalists go on from where they were stopped, and come to what they would come to in one go."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest

STOP, KEEP = 3, 2
RACING = f"tuner.pruner={{kind: racing, epochs: {STOP}, keep: {KEEP}}}"
NUM_TRIALS = 6


def epochs_of(run: Path) -> list[int]:
    """Return the epochs in a run's history."""
    with (run / "history.csv").open(newline="") as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


def ends(study: Any) -> dict[int, list[str]]:
    """Return how every trial ended, each time that it did."""
    found: dict[int, list[str]] = {}
    for event in study.events:
        if event["event"] == "told" and event["then"] == "end":
            found.setdefault(event["trial"], []).append(event["outcome"]["state"])
    return found


def test_finalists_go_on_from_where_they_were_stopped(dlrun: Any, network: str, studies: Any) -> None:
    ended = dlrun("tune", network, RACING, "--trials", str(NUM_TRIALS), "--jobs", "1")
    assert ended.code == 0, ended.err
    (study,) = studies()
    finalists = [trial for trial, states in ends(study).items() if states == ["pruned", "finished"]]
    others = [trial for trial, states in ends(study).items() if states == ["pruned"]]
    assert ends(study)[0] == ["finished"]
    assert KEEP - 1 <= len(finalists) <= KEEP
    assert len(finalists) + len(others) == NUM_TRIALS - 1
    assert len(study.runs) == NUM_TRIALS
    lines = [line for line in (ended.out + ended.err).splitlines() if f"/{NUM_TRIALS}  trial" in line]
    assert len(lines) == NUM_TRIALS + len(finalists)
    assert lines[-1].startswith(f"{NUM_TRIALS}/{NUM_TRIALS}  trial")

    for trial in finalists:
        run = study.run(trial)
        (resumed,) = (json.loads(line) for line in (run / "resumed.jsonl").read_text().splitlines())
        assert f"epoch {STOP}" in resumed["from"]
        assert epochs_of(run) == list(range(1, 7))
        status = json.loads((run / "status.json").read_text())
        assert float(study.rows[trial]["seconds"]) > status["earlier"] > 0
        assert json.loads((run / "metrics.json").read_text())["seconds"]["total"] > status["earlier"]
        again = dlrun("reproduce", str(run))
        assert again.code == 0, again.out + again.err
        assert "to the last bit" in again.out + again.err
    for trial in others:
        run = study.run(trial)
        assert epochs_of(run) == list(range(1, STOP + 1))
        assert not (run / "resumed.jsonl").exists()
        assert not (run / "checkpoints").exists()


def test_finalists_that_run_side_by_side_keep_their_state(dlrun: Any, network: str, studies: Any) -> None:
    slow = ("training.epochs=60", "training.checkpoint_seconds=0", "--jobs", "2")
    ended = dlrun("tune", network, RACING, *slow, "--trials", "5")
    assert ended.code == 0, ended.err
    (study,) = studies()
    finished = [trial for trial, states in ends(study).items() if states[-1] == "finished"]
    assert len(finished) >= KEEP
    assert all((study.run(trial) / "model").is_dir() for trial in finished)
    assert all((study.run(trial) / "checkpoints" / "best").is_dir() for trial in finished)


def test_only_trials_that_may_go_on_keep_their_state(dlrun: Any, network: str, studies: Any) -> None:
    process = dlrun.start("tune", network, RACING, "--trials", "40", "--jobs", "1")
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not any(len(_told(study)) >= 12 for study in studies()):
        time.sleep(0.02)
    process.kill()
    process.communicate()
    study = studies()[0]
    pruned = [outcome["run"] for outcome in _told(study).values() if outcome["state"] == "pruned"]
    stored = [run for run in pruned if (study.path / "trials" / run / "checkpoints").is_dir()]
    assert len(pruned) > 2 * KEEP
    assert 1 <= len(stored) <= KEEP + 1  # the one told last may not be stripped yet


def _told(study: Any) -> dict[int, Any]:
    if not (study.path / "journal.jsonl").is_file():  # the study has just been begun
        return {}
    return {event["trial"]: event["outcome"] for event in study.events if event["event"] == "told"}


def test_a_killed_driver_goes_on_with_the_finalist(dlrun: Any, network: str, studies: Any, study_on_disk: Any) -> None:
    slow = ("training.epochs=120", "training.batch_size=8", "training.checkpoint_seconds=0", "--jobs", "1", "--json")
    command = ("tune", network, RACING, *slow, "--trials", "4")
    whole = dlrun(*command, "--runs-dir", "whole")
    assert whole.code == 0, whole.err
    expected = study_on_disk(Path(json.loads(whole.out)["path"]))

    process = dlrun.start(*command)
    run = _await_finalist(studies, STOP + 30)
    process.kill()
    process.communicate()
    kept = len(epochs_of(run))
    assert kept < 120
    ended = dlrun(*command)
    assert ended.code == 0, ended.err
    (study,) = studies()
    assert ends(study) == ends(expected)
    places = [json.loads(line)["from"] for line in (run / "resumed.jsonl").read_text().splitlines()]
    assert len(places) == 2, "it went on as a finalist, and after the kill"
    for trial, states in ends(study).items():
        name = "history.csv" if states[-1] == "pruned" else "predictions/validation.npz"
        assert (study.run(trial) / name).read_bytes() == (expected.run(trial) / name).read_bytes()


def _await_finalist(studies: Any, number: int, seconds: float = 90) -> Path:
    """Wait until a trial that was stopped goes on and has so many epochs; return its run folder."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for log in studies()[0].path.glob("trials/*/resumed.jsonl") if studies() else ():
            if len((log.parent / "history.csv").read_bytes().splitlines()) > number:
                return log.parent
        time.sleep(0.005)
    pytest.fail(f"no finalist has {number} epochs in {seconds} s")
