"""A run that is killed, at whatever moment, leaves a folder that is readable and whole, and touches no other run."""

from __future__ import annotations

import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

KILLS = 32
"""At so many calls the process is really killed; `tests/benchmarks/kill_everywhere.py` does it at each."""

RESUMES = 16
"""So many of the moments are gone on from."""

NETWORK = """\
name: network
dataset: {kind: iris}
model: {kind: network, layers: [{dense: {units: 8, batch_norm: true, dropout: 0.2}}]}
training: {epochs: 2, refit: true, checkpoint_seconds: 0}
validation: {kind: kfold, folds: 2, test_fraction: 0}
"""


def as_runs(photographs: Path, runs_dir: Path) -> dict[str, Path]:
    """Put the copies of one run side by side, each under an id of its own; return them by that id, in order."""
    runs_dir.mkdir(parents=True)
    taken = {}
    for number, photograph in enumerate(sorted(photographs.iterdir())):
        for run in photograph.iterdir():
            moved = runs_dir / f"{run.name[:-4]}{number:04x}"
            shutil.move(run, moved)
            taken[moved.name] = moved
    return taken


def photographed(run_command: Any, folder: Path) -> tuple[dict[str, Path], Path]:
    """Train, and return copies of the folder as it was at every call, and the folder itself."""
    ended = run_command(
        "train", "config.yaml", folder=folder, fault={"kind": "photograph", "into": str(folder / "taken")}
    )
    assert ended.code == 0, ended.err
    (run,) = (folder / "runs").glob("2*")
    return as_runs(folder / "taken", folder / "copies" / "runs"), run


def test_at_every_call_the_folder_is_readable_and_whole(saboteur: Any, assess: Any, folder: Path) -> None:
    """A copy of the folder is what SIGKILL would leave: what was written stays, what was not is lost."""
    copies, run = photographed(saboteur, folder)
    assert len(copies) > 80
    for copy in copies.values():
        assess.part_of(copy, run)
    found = assess.readable(saboteur, folder / "copies" / "runs", list(copies)[::10])
    states = [found[copy]["state"] for copy in copies]
    begun = [state for state in states if state is not None]
    assert states == [None] * (len(states) - len(begun)) + begun, "once there is a status, there always is"
    assert set(begun) == {"lost", "finished"}
    assert begun[-1] == "finished", "the last calls sync the folder of the status that says so, and tidy up"
    assert begun[begun.index("finished") :] == ["finished"] * (len(begun) - begun.index("finished"))


def test_killed_at_calls_of_a_run(saboteur: Any, assess: Any, folder: Path) -> None:
    undisturbed = saboteur("train", "config.yaml", folder=folder, fault={"kind": "none", "trace": True})
    assert undisturbed.code == 0, undisturbed.err
    (first,) = (folder / "runs").glob("2*")
    before = assess.digests(first)
    for number in sorted(random.Random(0).sample(range(1, len(undisturbed.calls) + 1), KILLS)):
        fault = {"kind": "kill", "at": number, "half": number % 2 == 0}
        ended = saboteur("train", "config.yaml", folder=folder, fault=fault)
        assert ended.code == -signal.SIGKILL, ended.err
    runs = [run for run in (folder / "runs").glob("2*") if run != first]
    for run in runs:
        assess.whole(run)
    found = assess.readable(saboteur, folder / "runs", [])
    finished = [run for run in found.values() if run["state"] == "finished"]
    assert 1 <= len(finished) < 8, "the first run, and those that were killed when they tidied up"
    assert assess.digests(first) == before


def test_resumed_after_a_kill_it_ends_like_a_run_that_was_not(saboteur: Any, assess: Any, folder: Path) -> None:
    copies, run = photographed(saboteur, folder)
    undisturbed = assess.digests(run)
    for copy in random.Random(0).sample(list(copies.values()), RESUMES):
        assess.resumed(saboteur, copy, undisturbed)


def test_killed_again_while_it_is_resumed(saboteur: Any, assess: Any, folder: Path) -> None:
    copies, run = photographed(saboteur, folder)
    undisturbed = assess.digests(run)
    copy = next(copy for copy in copies.values() if (copy / "output.log").exists())
    runs_dir = copy.parent.parent
    for at in (5, 40, 80):
        fault = {"kind": "kill", "at": at, "half": True}
        assert saboteur("resume", copy.name, folder=runs_dir, fault=fault, watch=copy).code == -signal.SIGKILL
        assess.whole(copy)
    assess.resumed(saboteur, copy, undisturbed)


def test_killed_at_random_moments(saboteur: Any, assess: Any, folder: Path) -> None:
    assert saboteur("train", "config.yaml", folder=folder).code == 0
    (first,) = (folder / "runs").glob("2*")
    before = assess.digests(first)
    undisturbed = saboteur("train", "config.yaml", folder=folder).seconds
    moments = random.Random(0)
    for _ in range(30):
        fault = {"kind": "later", "seconds": moments.uniform(0.0, undisturbed)}
        assert saboteur("train", "config.yaml", folder=folder, fault=fault).code in {0, -signal.SIGKILL}
    for run in (folder / "runs").glob("2*"):
        assess.whole(run)
    found = assess.readable(saboteur, folder / "runs", [run.name for run in (folder / "runs").glob("2*")][::4])
    assert found[first.name]["state"] == "finished"
    assert assess.digests(first) == before
    assert saboteur("train", "config.yaml", folder=folder).code == 0, "what was left is in nobody's way"


@pytest.mark.slow
def test_at_every_call_of_a_network_the_folder_is_readable_and_whole(
    once: Any, saboteur: Any, assess: Any, folder: Path
) -> None:
    (folder / "config.yaml").write_text(NETWORK, encoding="utf-8")
    copies, run = photographed(once, folder)
    assert len(copies) > 200
    for copy in copies.values():
        assess.part_of(copy, run)
        assess.whole(copy)
    found = assess.readable(saboteur, folder / "copies" / "runs", list(copies)[::40])
    assert {run["state"] for run in found.values()} == {None, "lost", "finished"}


@pytest.mark.slow
@pytest.mark.parametrize("at", [90, 200])
def test_a_network_that_is_killed(once: Any, saboteur: Any, assess: Any, folder: Path, at: int) -> None:
    (folder / "config.yaml").write_text(NETWORK, encoding="utf-8")
    ended = once("train", "config.yaml", folder=folder, fault={"kind": "kill", "at": at, "half": True})
    assert ended.code == -signal.SIGKILL, ended.err
    (run,) = (folder / "runs").glob("2*")
    assess.whole(run)
    assert assess.readable(saboteur, folder / "runs")[run.name]["state"] == "lost"
