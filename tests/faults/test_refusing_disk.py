"""A disk that is full or broken at some write: the run fails, names the file, and leaves what there was."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from typing import Any

import pytest

REFUSALS = 24
"""So many calls are refused, one in each run; `tests/benchmarks/kill_everywhere.py` takes all."""

CLEANING = ("remove", "rmdir")
"""Calls that no disk refuses for want of room."""

REASONS = {
    "ENOSPC": ("the disk is full", "No space left on device"),
    "EIO": ("the disk reports an input/output error", "Input/output error"),
}
"""What is said of an error; the second form by the parts that know no run folder."""

NETWORK = """\
name: network
dataset: {kind: iris}
model: {kind: network, layers: [{dense: 8}]}
training: {epochs: 3, checkpoint_seconds: 0}
"""


def named(error: str) -> str:
    """Return the file or folder that an error is about."""
    found = re.search(
        r"(?:cannot (?:write(?: TensorBoard events to)?|create a run in|create)|could not be written to) (\S+): ", error
    )
    assert found, error
    return found[1]


def check_refused(ended: Any, runs_dir: Path, code: str, assess: Any) -> None:
    """Check what a run says whose disk has refused something, and what it leaves."""
    assert ended.code == 1, (ended.code, ended.err)
    assess.one_line(ended.err)
    assert any(reason in ended.err for reason in REASONS[code]), ended.err
    assert named(ended.err).startswith(str(runs_dir))
    assert ".tmp" not in named(ended.err), "a temporary name says nothing to a user"


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_calls_refused(saboteur: Any, assess: Any, folder: Path, lasting: bool) -> None:
    runs_dir = folder / "runs"
    undisturbed = saboteur("train", "config.yaml", folder=folder, fault={"kind": "none", "trace": True})
    (first,) = runs_dir.glob("2*")
    before = assess.digests(first)
    refusals = 0
    beside = [place for place, (_, path) in enumerate(undisturbed.calls, 1) if ".status-" in path and "->" not in path]
    for number in sorted(random.Random(int(lasting)).sample(range(1, len(undisturbed.calls) + 1), REFUSALS)):
        code = sorted(REASONS)[number % 2]
        fault = {"kind": "refuse", "at": number, "errno": code, "lasting": lasting}
        ended = saboteur("train", "config.yaml", folder=folder, fault=fault)
        name, _ = undisturbed.calls[number - 1]
        if ended.code == 0 and name in {"mkdir", *CLEANING} and not lasting:
            continue  # the folder was there already
        if ended.code == 0 and number >= beside[-3] and not lasting:
            continue  # the last state, which is written over the one before where there is no room beside it
        check_refused(ended, runs_dir, code, assess)
        refusals += 1
    assert refusals >= REFUSALS // 2
    for run in runs_dir.glob("2*"):
        assess.whole(run)
        assert not [path for path in run.rglob("*") if assess.is_temporary(path)], "a failed write leaves nothing"
    found = assess.readable(saboteur, runs_dir, [])
    states = [run["state"] for run in found.values()]
    assert states.count("finished") <= REFUSALS - refusals + 3, "but for the last calls, a refused run never finished"
    assert states.count("lost" if lasting else "failed") >= REFUSALS // 2
    assert assess.digests(first) == before


@pytest.mark.parametrize("size", [600, 1200, 1500, 1800, 5000, 20_000])
def test_no_room_for_a_file_however_it_is_written(saboteur: Any, assess: Any, folder: Path, size: int) -> None:
    """Libraries that write by themselves, such as those for images and archives, fail as the others do."""
    ended = saboteur("train", "config.yaml", folder=folder, fault={"kind": "limit", "bytes": size})
    assert ended.code == 1, ended.err
    assess.one_line(ended.err)
    path = Path(named(ended.err))
    assert not path.exists() or path.name in {"output.log", "status.json"} or "tensorboard" in path.parts
    for run in (folder / "runs").glob("2*"):
        assess.whole(run)
    assess.readable(saboteur, folder / "runs")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_a_folder_that_may_not_be_written(saboteur: Any, assess: Any, folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (folder / "runs").chmod(0o500)
    ended = saboteur("train", "config.yaml", folder=folder)
    (folder / "runs").chmod(0o700)
    assert ended.code == 1
    assert "permission denied" in ended.err
    assert not list((folder / "runs").glob("2*"))


@pytest.mark.slow
def test_a_network_whose_disk_fills_up_keeps_its_last_state(
    once: Any, saboteur: Any, assess: Any, folder: Path
) -> None:
    (folder / "config.yaml").write_text(NETWORK, encoding="utf-8")
    fault = {"kind": "refuse", "at": 85, "errno": "ENOSPC", "lasting": True}
    ended = once("train", "config.yaml", folder=folder, fault=fault)
    check_refused(ended, folder / "runs", "ENOSPC", assess)
    (run,) = (folder / "runs").glob("2*")
    assess.whole(run)
    assert list((run / "checkpoints").rglob("*.safetensors"))
    assert assess.readable(saboteur, folder / "runs")[run.name]["state"] == "lost"
