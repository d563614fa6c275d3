"""Fixtures of the command line's tests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dlrun.records.folder import RunFolder

START = datetime(2026, 11, 21, 19, 15, 2, tzinfo=UTC)
METRICS = {
    "task": "multiclass",
    "monitor": "val_loss",
    "best_epoch": 12,
    "train": {"loss": 0.01, "accuracy": 0.99},
    "validation": {"loss": 0.08, "accuracy": 0.97},
    "test": {"loss": 0.09, "accuracy": 0.96},
    "intervals": {"validation": {"accuracy": [0.95, 0.98]}, "test": {"accuracy": [0.94, 0.98]}},
    "baseline": {"kind": "majority", "validation": {"accuracy": 0.10}, "test": {"accuracy": 0.10}},
    "folds": [{"validation": {"loss": 0.08, "accuracy": 0.97}}],
    "num_parameters": 4810,
    "seconds": {"total": 3.1, "load": 0.2, "build": 0.6, "fit": 2.0, "per_epoch": 0.02},
}

MakeRun = Callable[..., RunFolder]


@pytest.fixture
def make_run() -> MakeRun:
    """Write a run folder as `dlrun train` would, with an id that never changes."""

    def make(runs: Path, name: str = "digits", *, minute: int = 0, metrics: Any = METRICS, **status: Any) -> RunFolder:
        started = START + timedelta(minutes=minute)
        folder = RunFolder(runs / f"{started:%Y%m%d-%H%M%S}-{name}-{minute:04x}")
        folder.path.mkdir(parents=True)
        ended = {"heartbeat": _iso(started, 3.1), "finished": _iso(started, 3.1), "exit_code": 0}
        folder.write_json("status.json", {"state": "finished", "started": _iso(started), **ended, **status})
        folder.write_text(
            "config.yaml", "name: digits\ndataset: {kind: digits, task: multiclass}\nmodel: {kind: network}\n"
        )
        folder.write_text("source.yaml", "dataset: digits\nmodel: {kind: network}\n")
        folder.write_text("output.log", "loading the data\nepoch  1/50  loss 0.5000\n")
        folder.write_json("dataset.json", {"fingerprint": "f"})
        if metrics is not None:
            folder.write_json("metrics.json", metrics)
        return folder

    return make


def _iso(moment: datetime, seconds: float = 0.0) -> str:
    return (moment + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


SEVERAL = """
import json, os, sys, tempfile
from dlrun.cli import app

def told(arguments):
    sys.argv[1:] = arguments
    kept = [os.dup(number) for number in (1, 2)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        for number, file in ((1, out), (2, err)):
            os.dup2(file.fileno(), number)
        try:
            code = app.run(arguments)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, original in zip((1, 2), kept):
                os.dup2(original, number)
        out.seek(0)
        err.seek(0)
        return {"code": code, "out": out.read().decode(), "err": err.read().decode()}

ended = [told(arguments) for arguments in json.loads(sys.argv[1])]
heavy = [name for name in ("tensorflow", "keras", "hyperopt", "matplotlib") if name in sys.modules]
print(json.dumps({"ended": ended, "heavy": heavy}))
"""


@dataclass(frozen=True)
class Told:
    """What one command came to.

    Args:
        arguments: What stood behind `dlrun`.
        code: Its exit code.
        out: What it wrote to stdout.
        err: What it wrote to stderr.
    """

    arguments: Sequence[str]
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Several:
    """What several commands came to, one after the other in a process of its own.

    Args:
        told: By the title of the command.
        heavy: Slow packages that were imported on the way.
        folder: Where they ran.
    """

    told: Mapping[str, Told]
    heavy: Sequence[str]
    folder: Path

    @property
    def errors(self) -> str:
        """Commands, exit codes and everything on stderr as one text, with paths and ids of runs made alike."""
        parts = [
            f"## {title}\n$ dlrun {' '.join(map(_quoted, told.arguments))}\n[exit {told.code}]\n{told.err}"
            for title, told in self.told.items()
        ]
        return alike("\n".join(parts), self.folder)


@pytest.fixture(scope="session")
def several(program: Any) -> Callable[[Path, Mapping[str, Sequence[str]]], Several]:
    """Carry out several commands in one process, which costs much less than to start the program for each."""

    def carry_out(folder: Path, commands: Mapping[str, Sequence[str]]) -> Several:
        process = program(folder).python("-c", SEVERAL, json.dumps(list(commands.values())))
        with process:
            out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        result = json.loads(out)
        ended = zip(commands.items(), result["ended"], strict=True)
        return Several({title: Told(given, **told) for (title, given), told in ended}, result["heavy"], folder)

    return carry_out


def alike(text: str, folder: Path) -> str:
    """Make two runs' texts the same: paths start at `<folder>`, ids of runs are `<run>`."""
    return re.sub(r"\d{8}-\d{6}-[\w.-]+-[0-9a-f]{4,}", "<run>", text.replace(str(folder), "<folder>"))


@pytest.fixture(scope="session", name="alike")
def alike_fixture() -> Callable[[str, Path], str]:
    """The function that makes two runs' texts the same."""
    return alike


def _quoted(argument: str) -> str:
    return f"'{argument}'" if re.search(r"^$|[ \[{;'*]", argument) else argument
