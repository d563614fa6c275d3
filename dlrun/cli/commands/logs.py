"""`dlrun logs`: what the screen showed during a run."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, Metric, RunOrLatest, RunsDir
from dlrun.cli.output import Output
from dlrun.errors import UsageError

if TYPE_CHECKING:
    from dlrun.records.folder import RunFolder

_SECONDS_BETWEEN_LOOKS = 0.5


def logs(
    run: RunOrLatest = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on printing until the run ends; Ctrl-C leaves it alone.")
    ] = False,
    metric: Metric = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    json: Json = False,
) -> None:
    """Print what the screen showed during a run.

    The log of a study tells every trial that ended, and how far those were that took their time.
    """
    from dlrun.base.files import storage_error
    from dlrun.base.inside import TRIALS
    from dlrun.cli.references import find_or_latest

    out = Output(json=json)
    folder = find_or_latest(runs_dir, run, metric)
    log = folder.file("output.log")
    lines: list[str] = []
    trials = [] if log.exists() else folder.runs(TRIALS)
    if trials:
        hint = f"An older dlrun wrote it. Its trials have one each: `dlrun logs {trials[-1].path}`."
        raise UsageError(f"{folder.id} is a study, and has no log of its own", remedy=hint)
    try:
        with os.fdopen(log.open(), "rb") as file:
            _print_rest(file, out, lines)
            if follow:
                _follow(file, folder, out, lines)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise storage_error("read", log.path, error) from error
    if json:
        out.result({"id": folder.id, "path": log.path, "lines": lines})


def _print_rest(file: BinaryIO, out: Output, lines: list[str]) -> None:
    """Print every line up to the present end of the file; a line that is still being written waits."""
    while True:
        start = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            file.seek(start)
            return
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        lines.append(text)
        if not out.json:
            out.say(text)


def _follow(file: BinaryIO, folder: RunFolder, out: Output, lines: list[str]) -> None:
    """Print new lines until the run has ended; its state is read first, so that its last line is not missed."""
    from dlrun.records.status import read_status

    over = False
    while not over:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        over = read_status(folder).state != "running"
        _print_rest(file, out, lines)


EXAMPLES = ("dlrun logs --follow",)
