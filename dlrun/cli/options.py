"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlrun.cli.completion import (
    complete_config,
    complete_data,
    complete_override,
    complete_run,
    complete_run_or_bundle,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; words for people go to stderr.")]

Trust = Annotated[
    bool,
    typer.Option("--trust", help="Run the code that a config from a run folder names, if its dataset is a function."),
]

RunsDir = Annotated[Path, typer.Option("--runs-dir", envvar="DLRUN_RUNS", metavar="FOLDER", help="Folder of all runs.")]

Config = Annotated[
    str | None,
    typer.Argument(
        metavar="CONFIG",
        help="A YAML file. Without it: ./config.yaml, else ./configs/default.yaml, else dlrun's quickstart.",
        autocompletion=complete_config,
        show_default=False,
    ),
]

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY.PATH=VALUE",
        help="Settings that override the config, such as training.epochs=20.",
        autocompletion=complete_override,
        show_default=False,
    ),
]

Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="An id, a unique part of it, 'latest', 'best', or the path of a run folder.",
        autocompletion=complete_run,
        show_default=False,
    ),
]

RunOrLatest = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="An id, a unique part of it, 'latest', 'best', or the path of a run folder; the latest run without it.",
        autocompletion=complete_run,
        show_default=False,
    ),
]

RunOrBundle = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="An id, a unique part of it, 'latest', 'best', the path of a run folder, or a bundle.",
        autocompletion=complete_run_or_bundle,
        show_default=False,
    ),
]

DataFile = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="A .csv, .parquet or .npz file.", autocompletion=complete_data, show_default=False
    ),
]

Array = Annotated[
    str | None,
    typer.Option("--array", metavar="NAME", help="Array of inputs in an npz file; by default x, or the only one."),
]

Metric = Annotated[str | None, typer.Option("--metric", metavar="NAME", help="Validation score that 'best' compares.")]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

DEFAULT_RUNS_DIR = Path("runs")
