"""`dlrun reproduce`: train a run again and compare."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, Metric, Run, RunsDir, Trust
from dlrun.cli.output import Output

if TYPE_CHECKING:
    from dlrun.runs.reproduce import Reproduction

_MAX_LINES = 20


def reproduce(
    context: typer.Context,
    run: Run,
    metric: Metric = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but what differs.")] = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Train a run again from its record, and compare.

    A new run is trained from the recorded config. Metrics, history, weights and predictions are held against the
    recorded ones; where they differ, so is what differs in environment, data and code. The exit code is 1 then.
    """
    from dlrun.cli.references import find
    from dlrun.cli.screens.outcome import watching
    from dlrun.runs.reproduce import reproduce_run

    out = Output(json=json, quiet=quiet)
    folder = find(runs_dir, run, metric)
    with watching(out, context) as listener:
        made = reproduce_run(folder, runs_dir=runs_dir, trust=trust, argv=["dlrun", *sys.argv[1:]], listener=listener)
    _tell(out, made)
    if json:
        out.result(
            {
                "id": made.run.id,
                "path": made.run.path,
                "original": folder.id,
                "exact": made.exact,
                "differences": list(made.differences),
                "causes": list(made.causes),
                "compared": list(made.compared),
            }
        )
    if not made.exact:
        raise typer.Exit(1)


def _tell(out: Output, made: Reproduction) -> None:
    if made.exact:
        removed = "" if "weights" in made.compared else "; its study has not kept its weights"
        out.say(f"\nthe same to the last bit as {made.original.id}: {', '.join(made.compared)}{removed}")
    else:
        _tell_lines(out, f"\nnot the same as {made.original.id}:", made.differences)
    if made.causes:
        _tell_lines(out, "what was different from the start:", made.causes)
    elif not made.exact:
        out.tell("environment, data and code are those on record")
    out.say(f"run folder {made.run.path}")


def _tell_lines(out: Output, title: str, lines: tuple[str, ...]) -> None:
    shown = [title, *(f"  {line}" for line in lines[:_MAX_LINES])]
    more = [f"  and {len(lines) - _MAX_LINES} more"] if len(lines) > _MAX_LINES else []
    out.tell("\n".join([*shown, *more]))


EXAMPLES = ("dlrun reproduce best",)
