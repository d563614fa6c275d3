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
                if b"dlrun.studies.workers.zygote" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return child
    return None


def await_epochs(studies: Any, trial: int, number: int, seconds: float = 90) -> Path:
    """Wait until a trial has so many rows of history; return its run folder."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for study in studies():
            for history in study.path.glob(f"trials/*-trial-{trial:04d}-*/history.csv"):
                if len(history.read_bytes().splitlines()) > number:
                    return history.parent
        time.sleep(0.005)
    pytest.fail(f"trial {trial} has no {number} epochs in {seconds} s")


SLOW_TRIALS = ("training.epochs=120", "training.batch_size=8", "training.checkpoint_seconds=0", "--jobs", "1", "--json")


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("tuner.pruner={kind: median, min_trials: 1}",),
        ("tuner.pruner=wilcoxon", "validation={kind: kfold, folds: 3}", "training.epochs=60"),
    ],
    ids=["alone", "epochs", "folds"],
)
def test_a_killed_worker_costs_its_trial_one_retry_from_its_last_checkpoint(
    dlrun: Any, network: str, studies: Any, study_on_disk: Any, settings: tuple[str, ...]
) -> None:
    command = ("tune", network, *SLOW_TRIALS, *settings, "--trials", "2")
    whole = dlrun(*command, "--runs-dir", "whole")
    assert whole.code == 0, whole.err
    expected = study_on_disk(Path(json.loads(whole.out)["path"]))

    process = dlrun.start(*command)
    begun = await_epochs(studies, 0, 75)
    worker = worker_of(process.pid)
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    answer = json.loads(out)
    assert answer["trials"]["failed"] == 0
    (study,) = studies()
    (lost,) = [event for event in study.events if event["event"] == "told" and event["outcome"]["state"] == "lost"]
    assert "SIGKILL" in lost["outcome"]["reason"]
    assert len(study.runs) == 2
    assert study.run(0) == begun
    (resumed,) = [json.loads(line) for line in (begun / "resumed.jsonl").read_text().splitlines()]
    assert "epoch" in resumed["from"] or "fits done" in resumed["from"]
    for name in ("history.csv", "predictions/validation.npz"):
        assert (begun / name).read_bytes() == (expected.run(0) / name).read_bytes()
    timeless = ("state", "value", "epochs")
    assert [[row[name] for name in timeless] for row in study.rows] == [
        [row[name] for name in timeless] for row in expected.rows
    ]


def test_a_trial_that_is_resumed_alone_does_not_score_the_test_rows(dlrun: Any, network: str, studies: Any) -> None:
    command = ("tune", network, *SLOW_TRIALS, "--trials", "2")
    process = dlrun.start(*command)
    begun = await_epochs(studies, 1, 30)
    process.kill()
    process.communicate()
    (study,) = studies()
    refused = dlrun("resume", study.path.name)
    assert refused.code == 2
    assert f"dlrun tune --study {study.path.name}" in refused.err
    assert dlrun("resume", begun.name).code == 0
    metrics = json.loads((begun / "metrics.json").read_text())
    assert (metrics["test"], metrics["test_looks"]) == (None, None)
    assert not (dlrun.folder / "runs" / "ledger.jsonl").exists()
    assert dlrun(*command).code == 0
    assert study.run(1) == begun
    assert study.told[1]["run"] == begun.name
    assert len((dlrun.folder / "runs" / "ledger.jsonl").read_text().splitlines()) <= 2


def test_a_trial_that_is_resumed_alone_is_timed_where_latency_is_an_objective(
    dlrun: Any, network: str, studies: Any
) -> None:
    command = ("tune", network, *SLOW_TRIALS, "tuner.objectives=[loss, latency]", "--trials", "2")
    process = dlrun.start(*command)
    begun = await_epochs(studies, 1, 30)
    process.kill()
    process.communicate()
    assert dlrun("resume", begun.name).code == 0
    latency = json.loads((begun / "metrics.json").read_text())["latency"]
    ended = dlrun(*command)
    assert ended.code == 0, ended.err
    (study,) = studies()
    assert study.run(1) == begun
    assert [row["state"] for row in study.rows] == ["finished", "finished"]
    assert float(study.rows[1]["objective latency"]) == latency


def test_a_trial_that_another_process_did_not_time_is_carried_out_anew(dlrun: Any, network: str, studies: Any) -> None:
    command = ("tune", network, "tuner.objectives=[loss, latency]", "--trials", "2", "--jobs", "1", "--json")
    whole = dlrun(*command)
    assert whole.code == 0, whole.err
    (study,) = studies()
    journal = study.path / "journal.jsonl"
    lines = [line for line in journal.read_text().splitlines(keepends=True) if not _tells(line, 1)]
    journal.write_text("".join(lines))
    untimed = study.run(1)
    metrics = json.loads((untimed / "metrics.json").read_text())
    del metrics["latency"]
    (untimed / "metrics.json").write_text(json.dumps(metrics))
    assert dlrun("tune", "--study", study.path.name, "--jobs", "1").code == 0, (
        "it goes on to the number it was begun with"
    )
    assert study.run(1) != untimed
    assert [row["state"] for row in study.rows] == ["finished", "finished"]
    assert float(study.rows[1]["objective latency"]) > 0


def _tells(line: str, trial: int) -> bool:
    event = json.loads(line)
    return bool(event["event"] == "told" and event["trial"] == trial)


def test_a_study_does_not_go_on_with_other_data(dlrun: Any, config: Any, studies: Any) -> None:
    rows = [f"{number % 7},{number % 3},{'no' if number % 2 else 'yes'}" for number in range(60)]
    table = dlrun.folder / "rows.csv"
    table.write_text("\n".join(["size,weight,kind", *rows]) + "\n")
    name = config(
        "dataset: {kind: csv, path: rows.csv, target: kind}\nmodel: linear\nevaluation: {bootstrap: 20}\n"
        "tuner: {kind: random, space: {model.l2: {uniform: [0.1, 1]}}, selection: {finalists: 1, rescorings: 0}}\n"
    )
    assert dlrun("tune", name, "--trials", "2").code == 0
    (study,) = studies()
    kept = ("study.json", "status.json", "metrics.json", "trials.csv")
    before = {file: (study.path / file).read_bytes() for file in kept}
    fingerprint = json.loads((study.run(0) / "dataset.json").read_text())["fingerprint"]
    assert json.loads(before["study.json"])["data"] == fingerprint
    whole = table.read_text()
    table.write_text(whole.replace("6,0,", "5,0,", 1))
    for arguments in ((name,), ("--study", study.path.name)):
        ended = dlrun("tune", *arguments, "--trials", "4")
        assert ended.code == 2, ended.err
        assert f"fingerprint was {fingerprint}, it is " in ended.err
        assert {file: (study.path / file).read_bytes() for file in kept} == before
        assert len(study.runs) == 2
    table.write_text(whole)
    assert dlrun("tune", name, "--trials", "4").code == 0
    assert sorted(studies()[0].told) == [0, 1, 2, 3]


def test_a_last_fit_that_was_killed_goes_on_and_looks_once(dlrun: Any, network: str, studies: Any) -> None:
    command = ("tune", network, *SLOW_TRIALS, "--trials", "2")
    process = dlrun.start(*command)
    deadline = time.monotonic() + 120
    begun: list[Path] = []
    while not begun and time.monotonic() < deadline:
        begun = [
            path.parent
            for path in dlrun.folder.glob("runs/*/final/*/history.csv")
            if len(path.read_bytes().splitlines()) > 30
        ]
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert begun
    assert dlrun(*command).code == 0
    (study,) = studies()
    finals = sorted((study.path / "final").iterdir())
    assert begun[0] in finals
    assert (begun[0] / "resumed.jsonl").is_file()
    looks = (dlrun.folder / "runs" / "ledger.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["run"] for line in looks) == [path.name for path in finals]
    assert all(json.loads((path / "metrics.json").read_text())["test"] for path in finals)


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
    (study,) = studies()
    assert f"go on with: dlrun tune --study {study.path.name}\n" in out + err
    assert "same command" not in out + err
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


@pytest.mark.parametrize("pruner", ["none", "{kind: median, min_trials: 50}"])
def test_an_interrupted_study_goes_on_to_the_same_bytes(
    dlrun: Any, network: str, studies: Any, study_on_disk: Any, pruner: str
) -> None:
    slow = [word for word in SLOW_TRIALS if "checkpoint" not in word]
    command = ("tune", network, *slow, f"tuner.pruner={pruner}", "--trials", "2")
    whole = dlrun(*command, "--runs-dir", "whole")
    assert whole.code == 0, whole.err
    expected = study_on_disk(Path(json.loads(whole.out)["path"]))

    for number, sent in ((15, signal.SIGINT), (50, signal.SIGTERM), (90, signal.SIGINT)):
        process = dlrun.start(*command)
        run = await_epochs(studies, 0, number)
        began = time.monotonic()
        process.send_signal(sent)
        process.communicate(timeout=60)
        assert process.returncode == 128 + sent
        assert time.monotonic() - began < 4, "the worker had to be killed"
        assert json.loads((run / "status.json").read_text())["state"] == "interrupted"
    assert dlrun(*command).code == 0
    (study,) = studies()
    assert len((study.run(0) / "resumed.jsonl").read_text().splitlines()) == 3
    for trial in (0, 1):
        for name in ("history.csv", "predictions/validation.npz"):
            assert (study.run(trial) / name).read_bytes() == (expected.run(trial) / name).read_bytes()


def test_a_worker_that_is_stopped_from_outside_costs_one_retry(dlrun: Any, network: str, studies: Any) -> None:
    process = dlrun.start("tune", network, *SLOW_TRIALS, "--trials", "1")
    await_epochs(studies, 0, 20)
    worker = worker_of(process.pid)
    assert worker is not None
    os.kill(worker, signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    (study,) = studies()
    assert [event["outcome"]["state"] for event in study.events if event["event"] == "told"] == ["lost", "finished"]
    assert (study.run(0) / "resumed.jsonl").is_file()


def test_a_last_fit_that_was_done_and_not_noted_is_taken_over(dlrun: Any, linear: str, studies: Any) -> None:
    assert dlrun("tune", linear, "--trials", "3", "--jobs", "1").code == 0
    (study,) = studies()
    ledger = dlrun.folder / "runs" / "ledger.jsonl"
    before = sorted(path.name for path in (study.path / "final").iterdir()), ledger.read_bytes()
    selection = json.loads((study.path / "selection.json").read_text())
    (study.path / "selection.json").write_text(json.dumps({**selection, "finals": {}}))
    facts = json.loads((study.path / "study.json").read_text())
    (study.path / "study.json").write_text(json.dumps({**facts, "complete": False}))
    assert dlrun("tune", linear, "--trials", "3", "--jobs", "1").code == 0
    assert (sorted(path.name for path in (study.path / "final").iterdir()), ledger.read_bytes()) == before
    assert json.loads((study.path / "selection.json").read_text())["finals"] == selection["finals"]


def test_values_that_exclude_each_other_fail_their_trial_alone(dlrun: Any, config: Any, studies: Any) -> None:
    name = config(
        "dataset: iris\nmodel: {kind: network, layers: [{dense: 4}]}\ntraining: {epochs: 1}\n"
        "optimizer: {kind: sgd, momentum: 0.9}\nevaluation: {bootstrap: 20}\n"
        "tuner:\n  kind: grid\n  selection: {finalists: 1, rescorings: 0}\n"
        "  space: {optimizer.kind: {choice: [sgd, adam]}, optimizer.momentum: {choice: [0.0, 0.5]}}\n"
    )
    ended = dlrun("tune", name, "--json")
    assert ended.code == 3, ended.err
    assert "internal error" not in ended.err
    (study,) = studies()
    failed = [row for row in study.rows if row["state"] == "failed"]
    assert len(failed) == 2
    assert all("cannot be tried: optimizer" in row["reason"] and "'momentum'" in row["reason"] for row in failed)
