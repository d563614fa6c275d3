"""Members that need a package which is not installed: refused by name, place and remedy, before anything begins."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field

from dlrun.base.requirement import Requirement
from dlrun.base.settings import ByKind, ByName, Items, Settings
from dlrun.config.lacking import requirements
from dlrun.config.load import load_settings
from dlrun.errors import ConfigError
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.load import load_text
from dlrun.experiment.models.linear import Linear
from dlrun.runs.run import run_experiment

ABSENT = Requirement("no-such-boosting", extra="boosting")
PRESENT = Requirement("pydantic", extra="boosting")


class Plain(Settings):
    kind: Literal["plain"] = "plain"
    requires: ClassVar[tuple[Requirement, ...]] = (PRESENT,)


class Exotic(Settings):
    kind: Literal["exotic"] = "exotic"
    requires: ClassVar[tuple[Requirement, ...]] = (ABSENT,)
    inner: Items[Part] = ()


Part = Annotated[Plain | Exotic, Field(discriminator="kind"), ByName("part")]


class MadeUp(Settings):
    model: Annotated[Plain | Exotic, Field(discriminator="kind"), ByKind()] = Plain()
    parts: Items[Part] = ()
    named: dict[str, Exotic] = Field(default_factory=dict)


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(text, "c.yaml", (), MadeUp)
    return [str(problem) for problem in caught.value.problems]


def test_a_missing_package_is_told_where_it_is_needed() -> None:
    needs = "'exotic' needs the package no-such-boosting, which is not installed"
    remedy = 'Install it with: pip install "dlrun[boosting]"'
    assert problems_of("model: exotic\n") == [f"c.yaml:1:1: model: {needs}. {remedy}"]
    assert problems_of("parts:\n- plain\n- exotic: {inner: [exotic]}\nnamed: {a: {}}\n") == [
        f"c.yaml:3:3: parts.1: {needs}. {remedy}",
        f"c.yaml:3:3: parts.1.inner.0: {needs}. {remedy}",
        f"c.yaml:4:9: named.a: {needs}. {remedy}",
    ]
    assert load_settings("model: plain\n", "c.yaml", (), MadeUp)[0] == MadeUp()


def test_all_that_may_be_missing_is_listed_with_what_needs_it() -> None:
    assert requirements(MadeUp) == {PRESENT: ["model: plain"], ABSENT: ["model: exotic"]}


def test_versions_are_those_of_installed_packages() -> None:
    assert PRESENT.is_met
    assert PRESENT.version
    assert not ABSENT.is_met
    assert ABSENT.version is None


def test_extras_of_members_are_those_of_the_project(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for requirement in requirements(Experiment):
        assert any(line.startswith(requirement.package) for line in extras[requirement.extra]), requirement
    known = {requirement.extra for requirement in requirements(Experiment)}
    assert set(extras) - known == {"gpu", "test", "dev"}


@pytest.fixture
def without_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Linear, "requires", (ABSENT,))


def test_a_search_may_not_try_what_is_missing(without_linear: None) -> None:
    space = "{model: {choice: [random_forest, linear]}}"
    text = f"dataset: iris\nmodel: random_forest\ntuner: {{kind: random, space: {space}}}\n"
    with pytest.raises(ConfigError) as caught:
        load_text(text, "c.yaml")
    (problem,) = caught.value.problems
    assert problem.path == "tuner.space.model"
    assert "'linear' needs the package no-such-boosting" in problem.message


def test_an_experiment_made_by_hand_is_refused_before_it_has_a_folder(without_linear: None, tmp_path: Path) -> None:
    experiment = Experiment.model_validate({"dataset": "iris", "model": "linear"})
    with pytest.raises(ConfigError, match="no-such-boosting"):
        run_experiment(experiment, runs_dir=tmp_path / "runs")
    assert not list(tmp_path.glob("runs/*"))


PROGRAM = """
from dlrun.experiment.models.linear import Linear
from dlrun.base.requirement import Requirement
Linear.requires = (Requirement("no-such-boosting", extra="boosting"),)
from dlrun.__main__ import main
main()
"""


def started(folder: Path, *arguments: str) -> Any:
    program = [sys.executable, "-P", "-c", PROGRAM, *arguments]
    return subprocess.run(program, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("command", ["check", "train"])
def test_commands_refuse_what_is_missing(tmp_path: Path, command: str) -> None:
    (tmp_path / "c.yaml").write_text("dataset: iris\nmodel: linear\n")
    ended = started(tmp_path, command, "c.yaml")
    assert ended.returncode == 2
    assert "c.yaml:2:1: model: 'linear' needs the package no-such-boosting, which is not installed" in ended.stderr
    assert 'pip install "dlrun[boosting]"' in ended.stderr
    assert not (tmp_path / "runs").exists()


def test_doctor_lists_what_is_optional(tmp_path: Path) -> None:
    ended = started(tmp_path, "doctor", "--json")
    assert ended.returncode == 0, ended.stderr
    (found,) = json.loads(ended.stdout)["optional"]
    assert found == {
        "package": "no-such-boosting",
        "version": None,
        "needed_by": ["model: linear"],
        "remedy": 'pip install "dlrun[boosting]"',
    }
    assert 'missing, for model: linear: pip install "dlrun[boosting]"' in ended.stderr
