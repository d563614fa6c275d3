"""What must hold of a run folder whatever has happened to the process or the disk."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

GROWING = ("output.log", "history.csv", "resumed.jsonl", "tensorboard/")
"""Files that only grow; what a killed process leaves of them is the beginning of what it would have written."""


def is_temporary(path: Path) -> bool:
    """Tell whether a file has not got its name yet."""
    return path.name.startswith(".") and ".tmp" in path.name


def files_of(run: Path) -> dict[str, Path]:
    """Return the files of a run that have got their names, by path inside the folder; a lock holds nothing."""
    paths = (path for path in run.rglob("*") if path.is_file() and not is_temporary(path) and path.name != ".lock")
    return {path.relative_to(run).as_posix(): path for path in paths}


def digests(run: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a run."""
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files_of(run).items()}


def whole(run: Path) -> None:
    """Check that every file of a run which has got its name can be read to its end."""
    for name, path in files_of(run).items():
        content = path.read_bytes()
        if path.suffix == ".json":
            json.loads(content)
        elif path.suffix == ".yaml":
            yaml.safe_load(content)
        elif path.suffix == ".npz":
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                assert all(arrays[key] is not None for key in arrays.files), name
        elif path.suffix in {".skops", ".keras"}:
            assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None, name
        elif path.suffix == ".png":
            assert content.startswith(b"\x89PNG"), name
            assert content.endswith(b"IEND\xaeB`\x82"), name
        elif path.suffix == ".safetensors":
            from safetensors.numpy import load

            load(content)
        else:
            assert name.startswith(GROWING), f"{name} is of no known kind"


def part_of(run: Path, complete: Path) -> None:
    """Check that a run was left at a moment of another's life: its files are that one's, or their beginnings.

    Args:
        run: Copy of the folder at some moment.
        complete: The same folder at the end.
    """
    for name, path in files_of(run).items():
        if name.startswith("checkpoints/"):
            continue  # replaced while the run goes on, and removed at its end
        content, last = path.read_bytes(), (complete / name).read_bytes()
        if name.startswith(GROWING):
            assert last.startswith(content), name
        elif name == "status.json":
            assert json.loads(content)["state"] in {"running", "finished"}
        else:
            assert content == last, name


def same_result(found: dict[str, str], undisturbed: dict[str, str]) -> None:
    """Check that two runs came to the same: predictions, weights, history and split, byte by byte."""
    compared = [name for name in undisturbed if name.startswith(("predictions/", "split", "history", "plots/"))]
    compared += [name for name in undisturbed if name.endswith((".preprocessing.json", ".safetensors"))]
    assert {name: found.get(name) for name in compared} == {name: undisturbed[name] for name in compared}


def resumed(run_command: Any, run: Path, undisturbed: dict[str, str]) -> bool:
    """Check that a run which was killed can be resumed, if it had begun and was not over; return whether it was.

    Args:
        run_command: Runs commands.
        run: Its folder, in a folder called `runs`.
        undisturbed: Digests of a run that was not killed.
    """
    status = run / "status.json"
    over = status.exists() and json.loads(status.read_bytes())["state"] == "finished"
    begun = (run / "config.yaml").exists()
    ended = run_command("resume", run.name, folder=run.parent.parent)
    one_line(ended.err)
    if over or not begun:
        assert ended.code == 2, ended.err
        return False
    assert ended.code == 0, ended.err
    assert json.loads(status.read_bytes())["state"] == "finished"
    whole(run)
    same_result(digests(run), undisturbed)
    assert not [path for path in run.rglob("*") if is_temporary(path)], "what the killed process left is tidied up"
    return True


def one_line(text: str) -> None:
    """Check that a text on stderr is an error of dlrun: a message, perhaps a remedy, no traceback."""
    assert "Traceback" not in text, text
    assert "internal error" not in text, text


def listed(answer: str) -> dict[str, dict[str, Any]]:
    """Return the runs that `dlrun ls --json` printed, by id."""
    return {run["id"]: run for run in json.loads(answer)["runs"]}


def readable(saboteur: Any, runs_dir: Path, runs: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """Check that every run of a folder is listed, and can be shown unless it has no status; return the list.

    Args:
        saboteur: Runs the commands.
        runs_dir: Folder of runs, called `runs`.
        runs: Those to show; all unless given.
    """
    ended = saboteur("ls", "--json", folder=runs_dir.parent)
    assert ended.code == 0, ended.err
    found = listed(ended.out)
    assert set(found) == {path.name for path in runs_dir.glob("2*")}
    for run in found if runs is None else runs:
        begun = (runs_dir / run / "status.json").exists()
        for command in (("show", run), ("logs", run)):
            ended = saboteur(*command, folder=runs_dir.parent)
            one_line(ended.err)
            if begun and (command[0] == "show" or (runs_dir / run / "output.log").exists()):
                assert ended.code == 0, ended.err
            assert ended.code in {0, 1}
        assert found[run]["state"] in {"lost", "failed", "finished"} if begun else found[run]["problem"]
    return found
