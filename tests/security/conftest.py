"""Fixtures of the security tests: hostile files, the canary that none may touch, and commands under a limit."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MOST_SECONDS = 2.0
MOST_BYTES = 512 * 2**20


def _load(name: str, path: Path) -> ModuleType:
    spec = util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


HERE = Path(__file__).parent
hostile = _load("baits", HERE / "baits.py")
mutating = _load("mutations", HERE / "mutations.py")
for _name in ("contents", "commands", "replacing", "trying", "watching"):  # each imports those before it
    _load(_name, HERE / f"{_name}.py")
handed_over = _load("handed_over", HERE / "handed_over.py")
sabotage = _load("security_saboteur", HERE.parent / "faults" / "saboteur.py")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test every hostile content of a kind."""
    for fixture in ("model_bait", "text_bait", "bad_name"):
        if fixture in metafunc.fixturenames:
            known = {"model_bait": hostile.MODELS, "text_bait": hostile.TEXTS, "bad_name": hostile.NAMES}[fixture]
            metafunc.parametrize(fixture, known.values(), ids=known.keys())


@pytest.fixture(scope="session")
def baits() -> Any:
    """The makers of hostile files."""
    return hostile


@pytest.fixture(scope="session")
def mutations() -> Any:
    """What changes stored models, and tries them."""
    return mutating


@pytest.fixture(scope="session")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Runs, a study, an ensemble and a bundle that somebody has handed over, and what tries commands on them."""
    with handed_over.trying.trier() as trier:
        yield handed_over.Handed(trier, tmp_path_factory.mktemp("handed"))


@pytest.fixture(scope="session")
def commands() -> Any:
    """The commands that are tried on what is handed over."""
    return handed_over.commands


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A path that nothing may make; a test that leaves a file there has failed."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "the canary was touched"


@pytest.fixture(scope="session")
def saboteur() -> Iterator[Any]:
    """A process that has imported everything, for commands that take milliseconds."""
    with sabotage.saboteur() as started:
        yield started


Guarded = Callable[..., Any]


@pytest.fixture
def guarded(saboteur: Any, tmp_path: Path) -> Guarded:
    """Run a command; check that it is refused in a few words, soon and with little memory, unless told otherwise."""
    folder = tmp_path / "work"
    folder.mkdir()

    def run(*arguments: str, refused: bool = True) -> Any:
        ended = saboteur(*arguments, folder=folder)
        told = ended.err
        assert "Traceback" not in told, told[-3000:]
        assert "internal error" not in told, told[:3000]
        assert ended.code in ({1, 2} if refused else {0, 1, 2}), (ended.code, told[:3000])
        assert len(told) < 20_000, f"{len(told)} characters of an error: {told[:300]}"
        assert "\x1b" not in told + ended.out
        assert ended.cpu_seconds < MOST_SECONDS, f"took {ended.cpu_seconds:.1f} s"
        assert ended.max_bytes < MOST_BYTES, f"took {ended.max_bytes / 2**20:.0f} MB"
        return ended

    run.folder = folder  # type: ignore[attr-defined]
    return run


@pytest.fixture(scope="session")
def finished(saboteur: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that ended well; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "config.yaml").write_text(sabotage.CONFIG, encoding="utf-8")
    ended = saboteur("train", "config.yaml", folder=folder)
    assert ended.code == 0, ended.err
    (run,) = (folder / "runs").glob("2*")
    return Path(run)


@pytest.fixture(scope="session")
def stopped(saboteur: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was killed after its fit; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("stopped")
    (folder / "config.yaml").write_text(sabotage.CONFIG, encoding="utf-8")
    traced = saboteur("train", "config.yaml", folder=folder, fault={"kind": "none", "trace": True})
    writes = [number for number, (_, path) in enumerate(traced.calls, start=1) if "predictions" in path]
    other = folder / "other"
    other.mkdir()
    (other / "config.yaml").write_text(sabotage.CONFIG, encoding="utf-8")
    saboteur("train", "config.yaml", folder=other, fault={"kind": "kill", "at": writes[0]})
    (run,) = (other / "runs").glob("2*")
    assert not (run / "metrics.json").exists()
    return Path(run)


@pytest.fixture(scope="session")
def run_commands() -> list[str]:
    """The commands that take a run and read what is in it, as far as there are such."""
    from dlrun.cli.app import command_names, program

    names = {command.name for command in program(command_names()).registered_commands}
    reading = ["show", "logs", "resume", "reproduce", "predict", "evaluate", "ensemble", "export", "report", "compare"]
    return [name for name in reading if name in names]


if os.name == "nt":
    collect_ignore_glob = ["test_*.py"]
