"""`dlrun export`: take a run elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, Metric, Run, RunsDir
from dlrun.cli.output import Output


def export(
    run: Run,
    to: Annotated[Literal["bundle"], typer.Option("--to", help="Form of the export.")] = "bundle",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file; by default ID.zip.")
    ] = None,
    metric: Metric = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    json: Json = False,
) -> None:
    """Export a finished run or ensemble.

    A bundle is one zip file with the config, the weights and the preprocessing: `dlrun predict` and `dlrun evaluate`
    take it in place of a run, on any machine. It holds no rows of the data. The same run gives the same bytes.
    """
    from dlrun.cli.references import find_stored
    from dlrun.predicting.bundling import bundle

    out = Output(json=json)
    stored = find_stored(runs_dir, run, metric)
    path = output or Path(f"{stored.id}.zip")
    size = bundle(stored, path)
    out.say(f"{path} holds {stored.id} ({size:,} bytes)")
    if json:
        out.result({"id": stored.id, "to": to, "output": path.absolute(), "bytes": size})
