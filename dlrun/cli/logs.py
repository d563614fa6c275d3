"""`dlrun logs`: what the screen showed during a run."""

from __future__ import annotations

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
    from dlrun.cli.references import find_or_latest
    from dlrun.records.files import open_regular, storage_error

    out = Output(json=json)
    folder = find_or_latest(runs_dir, run, metric)
    path = folder.file("output.log")
    lines: list[str] = []
    inside = [] if path.exists() else sorted(folder.path.glob("trials/*/output.log"))
    if inside:
        hint = f"An older dlrun wrote it. Its trials have one each: `dlrun logs {inside[-1].parent}`."
        raise UsageError(f"{folder.id} is a study, and has no log of its own", remedy=hint)
    try:
        with open(path, "rb", opener=open_regular) as file:
            _print_rest(file, out, lines)
            if follow:
                _follow(file, folder, out, lines)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise storage_error("read", path, error) from error
    if json:
        out.result({"id": folder.id, "path": path, "lines": lines})


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
