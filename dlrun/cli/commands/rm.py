"""`dlrun rm`: remove runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlrun.cli.completion import complete_run
from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir, Yes
from dlrun.cli.output import Output

if TYPE_CHECKING:
    from dlrun.records.folder import RunFolder

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN",
        help="Ids, unique parts of them, 'latest', 'best', or paths of run folders.",
        autocompletion=complete_run,
        show_default=False,
    ),
]


def rm(runs: Runs, yes: Yes = False, runs_dir: RunsDir = DEFAULT_RUNS_DIR, json: Json = False) -> None:
    """Remove runs with all their files.

    It asks first. A run that is being carried out is not removed.
    """
    from dlrun.cli.references import find
    from dlrun.records.removal import num_bytes, remove_run

    out = Output(json=json)
    folders = list({folder.path: folder for folder in (find(runs_dir, run, None) for run in runs)}.values())
    sizes = [num_bytes(folder) for folder in folders]
    for folder, size in zip(folders, sizes, strict=True):
        out.say(f"{folder.id}  {size:,} bytes")
    for line in _needed(runs_dir, folders):
        out.say(line)
    if not yes and not agreed(out, f"Remove {_counted(folders)} for good?"):
        out.say("nothing was removed")
        if json:
            out.result({"removed": [], "bytes": 0})
        raise typer.Exit(1)
    for folder in folders:
        remove_run(folder)
    out.say(f"removed {_counted(folders)}, {sum(sizes):,} bytes")
    if json:
        out.result({"removed": [folder.path for folder in folders], "bytes": sum(sizes)})


def _needed(runs_dir: Path, folders: list[RunFolder]) -> list[str]:
    """Name the ensembles that stay and cannot predict without what goes."""
    from dlrun.records.index import run_folders
    from dlrun.records.membership import ensembles_of

    going = {folder.path for folder in folders}
    ensembles = ensembles_of([*run_folders(runs_dir), *folders])
    left = {folder.id: sorted(path.name for path in ensembles.get(folder.path, set()) - going) for folder in folders}
    return [
        f"{member} is a member of {name}, which then cannot predict any more"
        for member, names in left.items()
        for name in names
    ]


def agreed(out: Output, question: str) -> bool:
    """Ask at the terminal.

    Args:
        out: Where the command's words go.
        question: What to ask.

    Raises:
        UsageError: Nobody is there to answer.
    """
    from dlrun.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked: standard input is no terminal", remedy="Say yes with -y.")
    out.stream.write(f"{question} [y/N] ")
    out.stream.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _counted(folders: list[RunFolder]) -> str:
    return "1 run" if len(folders) == 1 else f"{len(folders)} runs"


EXAMPLES = ("dlrun rm latest",)
