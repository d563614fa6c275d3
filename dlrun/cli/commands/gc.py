"""`dlrun gc`: remove what nobody needs any more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir, Yes
from dlrun.cli.output import Output

if TYPE_CHECKING:
    from dlrun.records.folder import RunFolder
    from dlrun.records.removal import Cleaning, Item


def gc(
    budget: Annotated[
        str | None,
        typer.Option("--budget", metavar="BYTES", help="Remove the oldest ended runs until all take so much: 20GB."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    yes: Yes = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    json: Json = False,
) -> None:
    """Remove what nobody needs any more.

    Without --budget these are files that killed processes left behind; no run loses anything. With it whole runs go
    too, after a question; the best run on every dataset, the latest run, and runs that were interrupted always stay.
    """
    from dlrun.cli.commands.rm import agreed
    from dlrun.records.removal import clean, parse_bytes, plan_cleaning

    out = Output(json=json)
    limit = None if budget is None else parse_bytes(budget)
    cleaning = plan_cleaning(runs_dir, _kept(runs_dir), limit)
    for item in cleaning.items:
        out.say(f"{_relative(item.path, runs_dir)}  {item.bytes:,} bytes  {item.reason}")
    num_runs = sum(item.run is not None for item in cleaning.items)
    refused = num_runs > 0 and not dry_run and not yes and not agreed(out, f"Remove {num_runs} whole runs for good?")
    if refused:
        out.say("nothing was removed")
        gone = []
    else:
        gone = list(cleaning.items) if dry_run else clean(cleaning)
        _tell(out, cleaning, gone, dry_run=dry_run)
    if json:
        removed = [{"path": item.path, "bytes": item.bytes, "reason": item.reason} for item in gone]
        freed = sum(item.bytes for item in gone)
        out.result(
            {"removed": removed, "bytes_freed": freed, "bytes_before": cleaning.bytes_before, "dry_run": dry_run}
        )
    if refused:
        raise typer.Exit(1)


def _kept(runs_dir: Path) -> list[RunFolder]:
    """Return the runs that stay: the latest one, and the best one on every dataset."""
    from dlrun.experiment.evaluation.metrics import higher_is_better
    from dlrun.records.folder import RunFolder
    from dlrun.records.index import index
    from dlrun.records.removal import best_runs

    runs = index(runs_dir)
    directions = {}
    for name in {run.primary or "loss" for run in runs}:
        try:
            directions[name] = higher_is_better(name)
        except KeyError:  # a metric of another version: then smaller counts as better, as for a loss
            directions[name] = False
    latest = [run.path for run in runs if run.problem is None][-1:]
    return [RunFolder(path) for path in {*best_runs(runs, directions), *latest}]


def _relative(path: Path, runs_dir: Path) -> str:
    root = runs_dir.absolute()
    return str(path.relative_to(root)) if root in path.parents else str(path)


def _tell(out: Output, cleaning: Cleaning, gone: list[Item], *, dry_run: bool) -> None:
    freed = sum(item.bytes for item in gone)
    left = cleaning.bytes_before - freed
    verb = "would free" if dry_run else "freed"
    out.say(f"{verb} {freed:,} bytes; the runs {'would then ' if dry_run else ''}take {left:,} bytes")
    if cleaning.budget is not None and left > cleaning.budget:
        out.say(
            f"that is above the budget of {cleaning.budget:,} bytes: the rest is best, latest, was interrupted, or "
            "belongs to an ensemble that stays"
        )


EXAMPLES = ("dlrun gc --budget 20GB --dry-run",)
