"""Fixtures of the tests in which the disk or the process fails."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Assess = Callable[[Path, Path], None]


def _load(name: str) -> ModuleType:
    spec = util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


sabotage = _load("saboteur")
assessing = _load("assessing")


@pytest.fixture(scope="session")
def saboteur() -> Iterator[Any]:
    """A process that has imported everything, and in whose children the file system fails as asked."""
    with sabotage.saboteur() as started:
        yield started


@pytest.fixture(scope="session")
def once() -> Any:
    """Runs a command whose file system fails in a process of its own, as networks need."""
    return sabotage.once


@pytest.fixture(scope="session")
def assess() -> Any:
    """The checks of what a failure left behind."""
    return assessing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the config of a small experiment."""
    (tmp_path / "config.yaml").write_text(sabotage.CONFIG, encoding="utf-8")
    (tmp_path / "runs").mkdir()
    return tmp_path


@pytest.fixture(scope="session")
def finished(saboteur: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that ended well; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "config.yaml").write_text(sabotage.CONFIG, encoding="utf-8")
    ended = saboteur("train", "config.yaml", folder=folder)
    assert ended.code == 0, ended.err
    (run,) = (folder / "runs").glob("2*")
    return Path(run)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder as slow: it starts, kills and resumes real processes by the dozen."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
