"""`dlrun export`: take a run elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, Metric, Run, RunsDir
from dlrun.cli.output import Output

EXAMPLES = (
    "dlrun export best --to bundle --output model.zip",
    "dlrun export latest --best -o best.yaml",
)


def export(
    run: Run,
    to: Annotated[Literal["bundle"], typer.Option("--to", help="Form of the export.")] = "bundle",
    best: Annotated[
        bool, typer.Option("--best", help="Of a study: the winner's config instead, which `dlrun train` takes.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file; by default ID.zip, or standard output with --best."
        ),
    ] = None,
    metric: Metric = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    json: Json = False,
) -> None:
    """Export a finished run or ensemble, or what a study has found.

    A bundle is one zip file with the config, the weights and the preprocessing: `dlrun predict` and `dlrun evaluate`
    take it in place of a run, on any machine. It holds no rows of the data. The same run gives the same bytes.
    """
    out = Output(json=json)
    if best:
        _export_best(out, run, output, metric, runs_dir)
        return
    from dlrun.cli.references import find_stored
    from dlrun.predictions.bundle import bundle

    stored = find_stored(runs_dir, run, metric)
    path = output or Path(f"{stored.id}.zip")
    size = bundle(stored, path)
    out.say(f"{path} holds {stored.id} ({size:,} bytes)")
    if json:
        out.result({"id": stored.id, "to": to, "output": path.absolute(), "bytes": size})


def _export_best(out: Output, run: str, output: Path | None, metric: str | None, runs_dir: Path) -> None:
    """Write the config of a study's winner to a file, or print it."""
    from dlrun.base import files
    from dlrun.cli.references import find
    from dlrun.errors import UsageError
    from dlrun.studies.folder import best_config

    folder = find(runs_dir, run, metric)
    config = best_config(folder)
    content = config.encode()
    if output is not None:
        if output.is_dir() or not output.absolute().parent.is_dir():
            raise UsageError(
                f"'{output}' cannot be the file of a config", remedy="Name a file in a folder that exists."
            )
        files.write_bytes(output.absolute(), content)
        out.say(f"{output} holds the config of the winner of {folder.id}. Train it with `dlrun train {output}`.")
    if out.json:
        path = None if output is None else output.absolute()
        out.result({"id": folder.id, "to": "config", "output": path, "bytes": len(content), "config": config})
    elif output is None:
        out.text(config)
