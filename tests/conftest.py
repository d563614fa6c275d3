"""Fixtures that all tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def datasets_folder() -> Path:
    """Folder of real data files beside the repository; the test is skipped where it is missing."""
    folder = ROOT.parent / "shared" / "datasets"
    if not folder.is_dir():
        pytest.skip("the shared datasets are not here")
    return folder


@pytest.fixture(autouse=True)
def own_code() -> Iterator[None]:
    """Trust the code that the tests' own configs name, as dlrun does for a user's; no decision outlasts its test."""
    from dlrun.experiment.datasets.trust import deciding

    with deciding(None):
        yield


Golden = Callable[[str, str], None]


@pytest.fixture(scope="session")
def golden() -> Golden:
    """Compare a text with a file of tests/golden, or write the file where DLRUN_UPDATE_GOLDEN=1."""

    def compare(name: str, text: str) -> None:
        path = ROOT / "tests" / "golden" / name
        if os.environ.get("DLRUN_UPDATE_GOLDEN") == "1":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing; DLRUN_UPDATE_GOLDEN=1 writes it"
        assert text == path.read_text(encoding="utf-8")

    return compare


@dataclass(frozen=True)
class Ended:
    """What a program left behind: its exit code, and the texts on its two outputs."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Program:
    """Starts the real `dlrun` in a process of its own, in a given folder, without colours and 100 columns wide."""

    folder: Path

    def __call__(self, *arguments: str, environment: Mapping[str, str] | None = None, seconds: float = 120) -> Ended:
        process = self.start(*arguments, environment=environment)
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            process.kill()
            process.wait()
        return Ended(process.returncode, out, err)

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None, stdout: int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """Start the program and leave it running."""
        return self.python("-m", "dlrun", *arguments, environment=environment, stdout=stdout)

    def python(
        self, *arguments: str, environment: Mapping[str, str] | None = None, stdout: int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """Start the interpreter with the same surroundings."""
        dropped = {"DLRUN_RUNS", "DLRUN_DEBUG", "FORCE_COLOR", "CI", "GITHUB_ACTIONS", "PY_COLORS"}
        surroundings = {name: value for name, value in os.environ.items() if name not in dropped}
        surroundings |= {
            "NO_COLOR": "1",
            "TERM": "dumb",
            "COLUMNS": "100",
            "PYTHONPATH": str(ROOT),
        }
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=surroundings | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )


@pytest.fixture(scope="session")
def program() -> type[Program]:
    """The class of `dlrun`, for fixtures that choose the folder themselves."""
    return Program


@pytest.fixture
def dlrun(tmp_path: Path) -> Program:
    """The command line, run in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Program(folder)
