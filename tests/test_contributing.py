"""CONTRIBUTING.md: its three diffs apply to the repository, and what they add works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """\
name: new-members
dataset: linnerud
model: {kind: network, layers: [unit_norm, dense: 4]}
training: {epochs: 1}
validation: {kind: monte_carlo, draws: 2}
"""


@pytest.fixture(scope="module")
def diffs(repository: Path) -> list[str]:
    """The examples of the page, in its order."""
    page = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.findall(r"^```diff\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def changed(repository: Path, diffs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program and its contract tests with all diffs applied."""
    if shutil.which("git") is None:
        pytest.skip("git is not here")
    copy = tmp_path_factory.mktemp("changed")
    for part in ("dlrun", "tests/contracts"):
        shutil.copytree(repository / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    for diff in diffs:
        applied = subprocess.run(
            ["git", "apply", "--verbose", "-"],
            cwd=copy,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)},
            input=diff,
            capture_output=True,
            text=True,
            check=False,
        )
        assert applied.returncode == 0, f"CONTRIBUTING.md shows a diff that no longer applies:\n{applied.stderr}"
    return copy


def test_there_are_three_small_diffs(diffs: list[str]) -> None:
    added = [len(re.findall(r"^\+(?!\+\+ )", diff, re.MULTILINE)) for diff in diffs]
    assert len(added) == 3
    assert max(added) <= 50


def test_the_diffs_change_what_they_name(repository: Path, diffs: list[str], changed: Path) -> None:
    for diff in diffs:
        for name in re.findall(r"^\+\+\+ b/(.+)$", diff, re.MULTILINE):
            before = repository / name
            assert not before.exists() or (changed / name).read_text() != before.read_text()


def test_new_members_train_together(changed: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    ended = subprocess.run(
        [sys.executable, "-m", "dlrun", "train", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(changed), "DLRUN_RUNS": str(tmp_path / "runs")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    run = json.loads(ended.stdout)
    assert run["metrics"]["task"] == "regression"
    assert len(run["metrics"]["folds"]) == 2
    assert run["metrics"]["num_parameters"] == 3 * 4 + 4 + 4 + 1

    folder = Path(run["path"])
    dataset = json.loads((folder / "dataset.json").read_text())
    assert (dataset["name"], dataset["num_rows"], dataset["inputs"]["shape"]) == ("linnerud", 20, [20, 3])
    assert [fold["validation"]["rows"] for fold in dataset["folds"]] == [3, 3]
    assert "unit_norm" in (folder / "config.yaml").read_text()
