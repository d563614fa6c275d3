"""How an error is told: in words on stderr, and as one object on stdout where --json asks for it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlrun.base.limits import own
from dlrun.cli.output import Output
from dlrun.errors import ConfigError, DlrunError, Interrupted, OutOfMemory, OutOfResources, Problem, StorageError
from dlrun.records.folder import RunFolder
from dlrun.records.kinds import STUDY, is_ensemble, kinds


@dataclass(frozen=True)
class Failure:
    """An error in words.

    Args:
        message: What was found and what was expected.
        remedy: What to change; None if there is no advice.
        problems: Every fault of a config.
        exit_code: Exit code of the command.
        label: What stands before the message on screen.
        told: Whether the user has been told already.
        resumable: Whether the run can go on from where it stopped.
    """

    message: str
    remedy: str | None = None
    problems: list[Problem] = field(default_factory=list)
    exit_code: int = 1
    label: str = "error: "
    told: bool = False
    resumable: bool = False


def failure_of(error: BaseException) -> Failure:
    """Put any error into words."""
    error = own(error)
    if isinstance(error, ConfigError):
        return Failure(_headline(error.problems), None, error.problems, error.exit_code)
    if isinstance(error, DlrunError):
        stopped = isinstance(error, StorageError | OutOfResources | OutOfMemory)
        return Failure(error.message, error.remedy, exit_code=error.exit_code, resumable=stopped)
    if isinstance(error, Interrupted):
        return Failure(error.message, exit_code=error.exit_code, label="", resumable=True)
    if isinstance(error, FileNotFoundError) and _is_nowhere():
        return Failure("the current folder is gone", "Change to another folder, or make this one anew.", exit_code=2)
    if isinstance(error, BrokenPipeError):
        return Failure("nobody reads the output any more", told=True)
    if isinstance(error, SystemExit):
        return Failure("", exit_code=error.code if isinstance(error.code, int) else 1, told=True)
    if hasattr(error, "format_message") and hasattr(error, "show"):  # an error of the command line that Typer found
        error.show()
        return Failure(error.format_message(), exit_code=2, told=True)
    return Failure(
        f"internal error: {type(error).__name__}: {error}",
        "This is a fault of dlrun. DLRUN_DEBUG=1 shows where it happened.",
        label="",
    )


def _is_nowhere() -> bool:
    """Tell whether the folder that the program was started in has been removed."""
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def _headline(problems: list[Problem]) -> str:
    return str(problems[0]) if len(problems) == 1 else f"the config has {len(problems)} problems"


def report(failure: Failure, *, json: bool, run: Mapping[str, Any] | None) -> int:
    """Tell a failure.

    Args:
        failure: What happened.
        json: Whether stdout carries one JSON object.
        run: Facts of the run that had begun, with its `path`; None if none had.

    Returns:
        The exit code.
    """
    if run and not RunFolder(Path(run["path"])).content.is_own():  # a study whose data were refused leaves no folder
        run = None
    resume = going_on(RunFolder(Path(run["path"]))) if run and failure.resumable else None
    if not failure.told:
        lines = [f"{failure.label}{failure.message}"]
        lines += [f"  {problem}" for problem in failure.problems] if len(failure.problems) > 1 else []
        lines += failure.remedy.split("\n") if failure.remedy else []
        lines += [f"go on with: {resume}"] if resume else []
        lines += [f"run folder {run['path']}"] if run else []
        _tell(lines)
    if json and failure.message:
        problems = [
            {"place": problem.place, "path": problem.path, "message": problem.message, "hint": problem.hint}
            for problem in failure.problems
        ]
        told = {"message": failure.message, "remedy": failure.remedy, "problems": problems}
        with contextlib.suppress(BrokenPipeError, StorageError):
            Output(json=True).result({"error": told, **(run or {}), **({"resume": resume} if resume else {})})
    return failure.exit_code


def going_on(folder: RunFolder) -> str | None:
    """Return the command that goes on with a run or a study, if any does.

    An ensemble, or what has no config yet, is made anew; data that were given from memory lie in no file.

    Args:
        folder: The run, which has not ended.
    """
    with contextlib.suppress(StorageError):
        config = folder.file("config.yaml")
        if not config.is_file() or is_ensemble(folder) or kinds(config).get("dataset") == "memory":
            return None
    command = "tune --study" if folder.file(STUDY).is_file() else "resume"
    return f"dlrun {command} {shortest({'id': folder.id, 'path': str(folder.path)})}"


def shortest(run: Mapping[str, Any]) -> str:
    """Return what stands for a run on the next command line: its id where the default folder of runs holds it.

    Args:
        run: Its `id` and `path`.
    """
    usual = Path(os.environ.get("DLRUN_RUNS", "runs")).absolute()
    return str(run["id"] if Path(run["path"]).parent == usual else run["path"])


def _tell(lines: list[str]) -> None:
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    with contextlib.suppress(BrokenPipeError, StorageError):
        Output(json=True).tell("\n".join(lines))
