"""`dlrun resume`: go on with a run that was stopped."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, RunOrLatest, RunsDir, Trust
from dlrun.cli.output import Output

EXAMPLES = ("dlrun resume",)


def resume(
    context: typer.Context,
    run: RunOrLatest = None,
    force: Annotated[
        bool, typer.Option("--force", help="Go on although config or data have changed; the record says so.")
    ] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the run's folder.")] = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Go on with a run that was interrupted, killed or failed.

    It continues from its last checkpoint and ends with the same weights, history, predictions and scores as if
    nothing had happened.
    """
    from dlrun.cli.references import find_or_latest
    from dlrun.cli.screens.outcome import report, watching
    from dlrun.runs.resume import resume_run
    from dlrun.studies.folder import as_trial

    out = Output(json=json, quiet=quiet)
    folder = find_or_latest(runs_dir, run, None)
    with watching(out, context) as listener:
        argv, trial = ["dlrun", *sys.argv[1:]], as_trial(folder)
        ended = resume_run(folder, force=force, trust=trust, argv=argv, listener=listener, trial=trial)
    report(out, ended)
