"""CONTRIBUTING.md: its diffs apply to the repository, also after others have followed them, and what they add works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest

MEMBERS = {
    "layer": ("unit_norm", "UnitNorm"),
    "dataset": ("feather", "Feather"),
    "model": ("generalized_linear", "GeneralizedLinear"),
    "scheme": ("monte_carlo", "MonteCarlo"),
    "search": ("halton", "Halton"),
    "command": ("where", None),
}
"""What the page adds: the name in a config or on the command line, and the class."""

CONFIG = """\
name: new-members
dataset: {kind: diabetes, limit: 60}
model: {kind: network, layers: [unit_norm, dense: 4]}
training: {epochs: 1}
validation: {kind: monte_carlo, draws: 2}
tuner: {kind: halton, trials: 3, space: {model.layers.1.dense.units: {int: [2, 8]}}}
"""

GLUM = """\
from sklearn.linear_model import Ridge


class GeneralizedLinearRegressor(Ridge):
    def __init__(self, family="normal", alpha=1.0, random_state=None):
        super().__init__(alpha=alpha)
        self.family, self.random_state = family, random_state
"""
"""Stands for the package that the model of the page needs; its own has the same names."""

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def diffs(repository: Path) -> list[str]:
    """The examples of the page, in its order."""
    page = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.findall(r"^```diff\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def others(diff: str) -> str:
    """Rename the members of a diff, as somebody would who has followed it with an idea of their own."""
    for name, class_name in MEMBERS.values():
        diff = re.sub(rf"\b{name}\b", f"other_{name}", diff)
        diff = diff if class_name is None else re.sub(rf"\b{class_name}(?=\b|Sampler)", f"Other{class_name}", diff)
    return diff


def apply(copy: Path, diff: str) -> None:
    applied = subprocess.run(
        ["git", "apply", "--verbose", "-"],
        cwd=copy,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)},
        input=diff,
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 0, f"CONTRIBUTING.md shows a diff that no longer applies:\n{applied.stderr}\n{diff}"


@pytest.fixture(scope="module")
def changed(repository: Path, diffs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program and its contract tests with all diffs applied, after others have applied theirs."""
    if shutil.which("git") is None:
        pytest.skip("git is not here")
    copy = tmp_path_factory.mktemp("changed")
    for part in ("dlrun", "tests/contracts"):
        shutil.copytree(repository / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / "pyproject.toml", copy)
    for diff in [*map(others, diffs), *diffs]:
        apply(copy, diff)
    return copy


@pytest.fixture(scope="module")
def command(changed: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The changed program, in a folder with a config that names its new members."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "config.yaml").write_text(CONFIG)

    def run(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dlrun", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, filter(None, (changed, path))))},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def trained(command: Command) -> dict[str, Any]:
    """A run of the config."""
    ended = command("train", "--json")
    assert ended.returncode == 0, ended.stderr
    run: dict[str, Any] = json.loads(ended.stdout)
    return run


def test_the_diffs_are_small_and_touch_few_files(diffs: list[str]) -> None:
    assert len(diffs) == len(MEMBERS)
    for diff in diffs:
        assert len(re.findall(r"^\+(?!\+\+ )", diff, re.MULTILINE)) <= 50
        files = re.findall(r"^\+\+\+ b/(dlrun/.+)$", diff, re.MULTILINE)
        assert len(files) == (1 if "dlrun/cli/" in diff else 2)
        assert not re.search(r"^-(?!--)", diff, re.MULTILINE), "others may have changed a line that an example changes"


def test_a_new_layer_and_a_new_scheme_train(trained: dict[str, Any]) -> None:
    assert len(trained["metrics"]["folds"]) == 2
    assert trained["metrics"]["num_parameters"] == 10 * 4 + 4 + 4 + 1
    folder = Path(trained["path"])
    dataset = json.loads((folder / "dataset.json").read_text())
    assert [fold["validation"]["rows"] for fold in dataset["folds"]] == [10, 10]
    assert "unit_norm" in (folder / "config.yaml").read_text()


def test_a_new_format_of_tables_trains_and_predicts(command: Command, tmp_path: Path) -> None:
    table = pl.DataFrame({"x": range(60), "z": [n % 7 for n in range(60)], "y": [n % 2 for n in range(60)]})
    table.write_ipc(tmp_path / "t.feather")
    data = f"dataset={{kind: feather, path: {tmp_path / 't.feather'}, target: y}}"
    ended = command("train", data, "validation=holdout", "--name", "feather", "--json")
    assert ended.returncode == 0, ended.stderr
    run = json.loads(ended.stdout)["id"]
    predicted = command("predict", run, str(tmp_path / "t.feather"), "--output", str(tmp_path / "out.csv"))
    assert predicted.returncode == 0, predicted.stderr
    assert len(pl.read_csv(tmp_path / "out.csv")) == 60


def test_a_new_model_needs_its_package_and_then_trains_and_predicts(command: Command, tmp_path: Path) -> None:
    if find_spec("glum") is not None:
        pytest.skip("the package that is to be missing is here")
    config = ("model=generalized_linear", "tuner=null", "--name", "counts")
    for name in ("check", "train"):
        ended = command(name, *config[: 2 if name == "check" else 4])
        assert ended.returncode == 2
        assert 'Install it with: pip install "dlrun[glum]"' in ended.stderr
    assert "generalized_linear" in command("doctor").stdout
    (tmp_path / "glum.py").write_text(GLUM)
    ended = command("train", *config, "--json", path=tmp_path)
    assert ended.returncode == 0, ended.stderr
    (tmp_path / "new.csv").write_text("age,sex,bmi,bp,s1,s2,s3,s4,s5,s6\n" + "0.01," * 9 + "0.02\n")
    answer = json.loads(ended.stdout)["id"]
    predicted = command("predict", answer, str(tmp_path / "new.csv"), path=tmp_path)
    assert predicted.returncode == 0, predicted.stderr


def test_a_new_command_is_in_the_help_and_works(command: Command, trained: dict[str, Any]) -> None:
    assert "Print the folder of a run." in command("--help").stdout
    assert command("where", trained["id"]).stdout == f"{trained['path']}\n"
    assert json.loads(command("where", trained["id"], "--json").stdout)["path"] == trained["path"]


def test_a_new_kind_of_search_searches(command: Command, trained: dict[str, Any]) -> None:
    ended = command("tune", "--json", "--jobs", "1")
    assert ended.returncode == 0, ended.stderr
    points = (Path(json.loads(ended.stdout)["path"]) / "trials.csv").read_text().splitlines()
    assert len(points) == 4
