"""A run folder that was handed over may name code to load its data with; nobody runs it unasked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

CODE = """
from pathlib import Path

def load():
    mark = Path(__file__).parent / "ran"
    mark.write_text(mark.read_text() + "x" if mark.exists() else "x")
    return [[float(row)] for row in range(40)], [row % 2 for row in range(40)]
"""
CONFIG = """
dataset: {{kind: python, path: {path}}}
model: linear
evaluation: {{bootstrap: 10}}
"""


@pytest.fixture
def handed_over(tmp_path: Path, saboteur: Any) -> Path:
    """A folder with a finished run whose data come from code; the code has run once."""
    (tmp_path / "code.py").write_text(CODE)
    (tmp_path / "mine.yaml").write_text(CONFIG.format(path=tmp_path / "code.py"))
    ended = saboteur("train", "mine.yaml", "--json", folder=tmp_path)
    assert ended.code == 0, ended.err
    (tmp_path / "ran").unlink()
    return Path(json.loads(ended.out)["path"])


def refused(ended: Any) -> bool:
    return ended.code == 2 and "by running the code in" in ended.err and "--trust" in ended.err


@pytest.mark.parametrize("command", [["reproduce"], ["train"], ["check", "--model"]])
def test_code_runs_only_with_trust(handed_over: Path, saboteur: Any, tmp_path: Path, command: list[str]) -> None:
    target = handed_over.name if command == ["reproduce"] else str(handed_over / "config.yaml")
    ended = saboteur(command[0], target, *command[1:], folder=tmp_path)
    assert refused(ended), ended
    assert not (tmp_path / "ran").exists()
    trusted = saboteur(command[0], target, *command[1:], "--trust", folder=tmp_path)
    assert trusted.code == 0, trusted.err
    assert (tmp_path / "ran").exists()


def test_a_stopped_run_is_resumed_only_with_trust(handed_over: Path, saboteur: Any, tmp_path: Path) -> None:
    status = json.loads((handed_over / "status.json").read_text())
    (handed_over / "status.json").write_text(json.dumps(status | {"state": "interrupted"}))
    assert refused(saboteur("resume", handed_over.name, folder=tmp_path))
    assert not (tmp_path / "ran").exists()
    trusted = saboteur("resume", handed_over.name, "--trust", folder=tmp_path)
    assert trusted.code == 0, trusted.err
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "command", [["show"], ["ls"], ["logs"], ["ensemble"], ["export", "--to", "bundle"], ["rm", "-y"]]
)
def test_looking_runs_nothing(handed_over: Path, saboteur: Any, tmp_path: Path, command: list[str]) -> None:
    arguments = [] if command == ["ls"] else [handed_over.name]
    saboteur(command[0], *arguments, *command[1:], folder=tmp_path)
    assert not (tmp_path / "ran").exists()


def test_predictions_need_no_code(handed_over: Path, saboteur: Any, tmp_path: Path) -> None:
    import numpy as np

    np.savez(tmp_path / "new.npz", x=np.arange(3.0).reshape(3, 1))
    shutil.rmtree(tmp_path / "code.py", ignore_errors=True)
    ended = saboteur("predict", handed_over.name, "new.npz", "-o", "out.csv", folder=tmp_path)
    assert ended.code == 0, ended.err
    assert not (tmp_path / "ran").exists()
