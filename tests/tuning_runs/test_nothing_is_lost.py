"""Kills, signals and second drivers: no finished trial is lost, none is done twice, and the study ends whole."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

NUM_TRIALS = 10


def undisturbed(dlrun: Any, linear: str, studies: Any) -> dict[int, Any]:
    """Carry out a whole study in another folder; return its points."""
    ended = dlrun("tune", linear, "--trials", str(NUM_TRIALS), "--jobs", "1", "--runs-dir", "whole")
    assert ended.code == 0, ended.err
    (path,) = (dlrun.folder / "whole").glob("*/journal.jsonl")
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return {event["trial"]: event["point"] for event in events if event["event"] == "asked"}


def children_of(pid: int, *, deep: bool = True) -> list[int]:
    """Return the processes that a process has started, and those that they have started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            child = int(path.parent.name)
            found += [child, *(children_of(child) if deep else [])]
    return found


def await_told(studies: Any, number: int, seconds: float = 60) -> None:
    """Wait until a study has so many finished trials."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if studies() and (studies()[0].path / "journal.jsonl").exists() and len(studies()[0].told) >= number:
            return
        time.sleep(0.02)
    pytest.fail(f"no {number} trials in {seconds} s")


def test_a_killed_driver_loses_nothing_and_leaves_no_process(dlrun: Any, linear: str, studies: Any) -> None:
    expected = undisturbed(dlrun, linear, studies)
    command = ("tune", linear, "--trials", str(NUM_TRIALS), "--jobs", "1")
    before: dict[int, Any] = {}
    for number in (1, 4, 7):
        process = dlrun.start(*command)
        await_told(studies, number)
        processes = children_of(process.pid)
        process.kill()
        process.communicate()
        assert processes
        time.sleep(0.3)
        assert not [pid for pid in processes if Path(f"/proc/{pid}/exe").exists()]
        told = studies()[0].told
        assert before.items() <= told.items()
        before = told
    assert dlrun(*command).code == 0
    (study,) = studies()
    assert before.items() <= study.told.items()
    assert sorted(study.told) == list(range(NUM_TRIALS)) == [int(row["trial"]) for row in study.rows]
    assert len(study.runs) == NUM_TRIALS
    assert study.points == expected


def worker_of(driver: int) -> int | None:
    """Return the process that carries out a trial: forked from the zygote, and so with the same command line."""
    for zygote in children_of(driver, deep=False):
        for child in children_of(zygote, deep=False):
            with contextlib.suppress(OSError):
                if b"dlrun.tuning.zygote" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return child
    return None


def test_a_killed_worker_costs_its_trial_one_retry(dlrun: Any, network: str, studies: Any) -> None:
    process = dlrun.start("tune", network, "training.epochs=100", "--trials", "3", "--jobs", "1", "--json")
    deadline = time.monotonic() + 90
    worker = None
    while worker is None and time.monotonic() < deadline:
        worker = worker_of(process.pid)
        time.sleep(0.02)
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    answer = json.loads(out)
    assert answer["trials"]["finished"] == 3
    (study,) = studies()
    (lost,) = [event for event in study.events if event["event"] == "told" and event["outcome"]["state"] == "lost"]
    assert "SIGKILL" in lost["outcome"]["reason"]
    assert len(study.runs) == 3


def test_a_second_driver_is_refused_by_name(dlrun: Any, linear: str, studies: Any) -> None:
    command = ("tune", linear, "--trials", "60", "--jobs", "1")
    process = dlrun.start(*command)
    await_told(studies, 1)
    second = dlrun(*command)
    assert second.code != 0
    assert f"pid {process.pid}" in second.err or f"process {process.pid}" in second.err
    assert os.uname().nodename in second.err
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "the same command goes on" in out + err
    (study,) = studies()
    status = json.loads((study.path / "status.json").read_text())
    assert (status["state"], status["exit_code"]) == ("interrupted", 143)


def test_a_finished_trial_that_was_not_told_is_taken_over(dlrun: Any, linear: str, studies: Any) -> None:
    assert dlrun("tune", linear, "--trials", "3", "--jobs", "1").code == 0
    (study,) = studies()
    journal = study.path / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    cut = next(
        position
        for position, line in enumerate(lines)
        if json.loads(line)["event"] == "told" and json.loads(line)["trial"] == 2
    )
    journal.write_bytes(b"".join(lines[:cut]) + lines[cut][: len(lines[cut]) // 2])
    runs = study.runs
    facts = json.loads((study.path / "study.json").read_text())
    (study.path / "study.json").write_text(json.dumps({**facts, "complete": False}))
    assert dlrun("tune", linear, "--trials", "3", "--jobs", "1").code == 0
    assert studies()[0].runs == runs
    assert sorted(studies()[0].told) == [0, 1, 2]
