"""Runs that are stopped: by Ctrl-C, by SIGTERM, by two of them, at any stage."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CONFIG = """\
name: endless
dataset: iris
model: {kind: network, layers: [dense: {units: 8, batch_norm: true}]}
training: {epochs: 1000000, checkpoint_seconds: 0}
"""

STATE = "checkpoints/last/state.safetensors"


@pytest.fixture
def endless(dlrun: Any) -> Any:
    """The program in a folder whose config trains for ever."""
    (dlrun.folder / "config.yaml").write_text(CONFIG)
    return dlrun


def wait_for(found: Callable[[], Any], process: Any) -> Any:
    """Wait until something is there; return it."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        if there := found():
            return there
        time.sleep(0.02)
    raise TimeoutError(process.communicate())


def trained(folder: Path) -> Callable[[], Path | None]:
    """Return a function that finds the run as soon as it has stored a state and a few epochs."""

    def run() -> Path | None:
        for history in folder.glob("runs/*/history.csv"):
            if history.read_bytes().count(b"\n") > 3 and (history.parent / STATE).is_file():
                return history.parent
        return None

    return run


def status(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "status.json").read_text()))


@pytest.mark.parametrize(("number", "code", "options"), [(signal.SIGINT, 130, []), (signal.SIGTERM, 143, ["--json"])])
def test_a_stopped_run_keeps_its_best_weights_and_says_where(
    endless: Any, number: signal.Signals, code: int, options: list[str]
) -> None:
    from safetensors import safe_open
    from safetensors.numpy import load_file

    with endless.start("train", *options) as process:
        run = wait_for(trained(endless.folder), process)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.endswith(f"stopped by {number.name}\ngo on with: dlrun resume {run.name}\nrun folder {run}\n")
    assert "Traceback" not in err + out
    if options:
        error = {"message": f"stopped by {number.name}", "remedy": None, "problems": []}
        resume = f"dlrun resume {run.name}"
        assert json.loads(out) == {"error": error, "id": run.name, "path": str(run), "resume": resume}

    ended = status(run)
    assert (ended["state"], ended["exit_code"], ended["error"]) == ("interrupted", code, f"stopped by {number.name}")
    assert ended["finished"] is not None
    assert f"stopped by {number.name}" in (run / "output.log").read_text()
    assert not (run / "metrics.json").exists()
    assert not [path for path in run.rglob("*") if ".tmp" in path.name]
    assert [entry["state"] for entry in json.loads(endless("ls", "--json").out)["runs"]] == ["interrupted"]

    best = load_file(run / "checkpoints" / "best" / "fold-0.safetensors")
    assert sorted(array.shape for array in best.values()) == sorted([(4, 8), *[(8,)] * 4, (8, 3), (3,)])
    assert all(np.isfinite(array).all() for array in best.values())
    assert load_file(run / STATE)
    header, *rows = [line.split(",") for line in (run / "history.csv").read_text().splitlines()]
    losses = [float(row[header.index("val_loss")]) for row in rows]
    with safe_open(run / "checkpoints" / "best" / "fold-0.safetensors", "numpy") as file:
        facts = json.loads(file.metadata()["dlrun"])
    assert facts["best_epoch"] == int(np.argmin(losses)) + 1
    assert facts["best"] == pytest.approx(min(losses))


BUSY = """
import hashlib
from dlrun.cli.signals import Signals

with Signals():
    print("up", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # as TensorFlow does, it lets no handler of Python run
"""


def test_a_second_signal_ends_a_program_that_is_deep_in_arithmetic(dlrun: Any) -> None:
    with dlrun.python("-c", BUSY) as process:
        assert process.stdout.readline() == "up\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stderr.read() == ""


def test_a_killed_run_is_lost_and_its_files_are_whole(endless: Any) -> None:
    from safetensors.numpy import load_file

    with endless.start("train", "--quiet") as process:
        run = wait_for(trained(endless.folder), process)
        process.kill()
        assert process.wait(timeout=60) == -signal.SIGKILL
    listed = endless("ls", "--json")
    assert [entry["state"] for entry in json.loads(listed.out)["runs"]] == ["lost"]
    assert load_file(run / STATE)
    shown = endless("show", run.name)
    assert shown.code == 0
    assert "Traceback" not in shown.err


EARLY = """
import os, runpy, signal, sys, time

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "dlrun.cli.app":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(20)

sys.meta_path.insert(0, Interrupting())
runpy.run_module("dlrun", run_name="__main__")
"""


def test_a_signal_while_the_program_is_loaded_ends_without_a_traceback(dlrun: Any) -> None:
    with dlrun.python("-c", EARLY) as process:
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize("stage", ["loading the data", "building the model", "training"])
def test_a_signal_at_any_stage_ends_without_a_traceback(endless: Any, stage: str) -> None:
    with endless.start("train") as process:
        while process.stdout.readline() not in {f"{stage}\n", ""}:
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    runs = list((endless.folder / "runs").glob("*"))
    assert len(runs) == 1 if stage == "training" else len(runs) <= 1  # the signal may come when the stage is over
    told = "stopped by SIGINT\n"
    for run in runs:
        assert status(run)["state"] == "interrupted"
        told += f"go on with: dlrun resume {run.name}\nrun folder {run}\n"
    assert err == told
    assert process.returncode == 130


def test_two_runs_that_start_in_the_same_second_have_folders_of_their_own(endless: Any) -> None:
    arguments = ["train", "model=linear", "evaluation.bootstrap=10", "--quiet"]
    processes = [endless.start(*arguments) for _ in range(2)]
    ended = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    folders = {Path(out.strip()) for out, _ in ended}
    assert len(folders) == 2
    scores = [json.loads((folder / "metrics.json").read_text())["validation"] for folder in folders]
    assert scores[0] == scores[1]
    assert [status(folder)["state"] for folder in folders] == ["finished", "finished"]
