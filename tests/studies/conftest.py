"""Fixtures of the tests that start real studies; their models are linear ones or tiny networks."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LINEAR = """
name: small
dataset: iris
model: {kind: linear}
evaluation: {bootstrap: 100}
tuner:
  kind: random
  space: {model.l2: {loguniform: [1e-4, 1e3]}}
  selection: {finalists: 2, rescorings: 1}
"""

NETWORK = """
name: net
dataset: iris
model: {kind: network, layers: [{dense: 4}]}
optimizer: {kind: adam, learning_rate: 1e-2}
training: {epochs: 6, batch_size: 32}
evaluation: {bootstrap: 50}
tuner:
  kind: random
  space: {optimizer.learning_rate: {loguniform: [1e-5, 1e-1]}}
  selection: {finalists: 2, rescorings: 0}
"""


@dataclass(frozen=True)
class StudyOnDisk:
    """A study as anybody may read it, without dlrun."""

    path: Path

    @property
    def rows(self) -> list[dict[str, str]]:
        """Rows of trials.csv."""
        with (self.path / "trials.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    @property
    def events(self) -> list[dict[str, Any]]:
        """Whole lines of the journal."""
        lines = (self.path / "journal.jsonl").read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines]

    @property
    def told(self) -> dict[int, dict[str, Any]]:
        """Outcomes by trial; a trial that was told to have ended twice fails the test."""
        ends = [event for event in self.events if event["event"] == "told" and event["then"] == "end"]
        assert len({event["trial"] for event in ends}) == len(ends)
        return {event["trial"]: event["outcome"] for event in ends}

    @property
    def points(self) -> dict[int, dict[str, Any]]:
        return {event["trial"]: event["point"] for event in self.events if event["event"] == "asked"}

    @property
    def metrics(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.path / "metrics.json").read_text())
        return value

    @property
    def runs(self) -> list[str]:
        """Names of the trials' run folders."""
        return sorted(path.name for path in (self.path / "trials").iterdir())

    def run(self, trial: int) -> Path:
        """Run folder of a trial."""
        (found,) = (self.path / "trials").glob(f"*-trial-{trial:04d}-*")
        return found


@pytest.fixture(scope="session")
def linear_text() -> str:
    """Text of a config whose trials take no time."""
    return LINEAR


@pytest.fixture(scope="session")
def study_on_disk() -> type[StudyOnDisk]:
    """Reader of a study's folder."""
    return StudyOnDisk


@pytest.fixture
def config(dlrun: Any) -> Callable[..., str]:
    """Write a config into the working folder; return its name."""

    def write(text: str, name: str = "config.yaml") -> str:
        (dlrun.folder / name).write_text(text)
        return name

    return write


@pytest.fixture
def studies(dlrun: Any) -> Callable[[], list[StudyOnDisk]]:
    """Return the studies of the working folder, oldest first."""

    def find() -> list[StudyOnDisk]:
        return [StudyOnDisk(path.parent) for path in sorted((dlrun.folder / "runs").glob("*/study.json"))]

    return find


@pytest.fixture
def linear(config: Callable[..., str]) -> str:
    """Config of a study whose trials take no time."""
    return config(LINEAR)


@pytest.fixture
def network(config: Callable[..., str]) -> str:
    """Config of a study of tiny networks."""
    return config(NETWORK)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder as slow: it starts, kills and resumes real processes by the dozen."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
