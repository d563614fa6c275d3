"""`dlrun train`: carry out one experiment."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlrun.cli.options import DEFAULT_RUNS_DIR, Config, Json, Overrides, RunsDir
from dlrun.cli.output import Output

if TYPE_CHECKING:
    from dlrun.run import Run


def train(
    context: typer.Context,
    config: Config = None,
    overrides: Overrides = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the run; overrides `name`.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the run; overrides `seed`.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the run's folder.")] = False,
    json: Json = False,
) -> None:
    """Train one experiment and keep its record.

    The run gets a folder of its own for its scores, predictions, weights and plots. Ctrl-C stops it and keeps the best
    weights so far; a second one ends it at once.
    """
    from dlrun.cli.configs import load_config, placing

    out = Output(json=json, quiet=quiet)
    loaded = load_config(config, overrides or [], _as_overrides(name, seed))
    out.say_if_heard(f"config {loaded.source_name}")

    from dlrun.cli.display import display
    from dlrun.run import run_experiment
    from dlrun.training.listener import Listener, Listeners

    class Claim(Listener):
        """Notes the folder, so that an error can name it."""

        def claimed(self, path: Path) -> None:
            context.obj["run"] = {"id": path.name, "path": str(path)}

    with placing(loaded), display(out) as progress:
        run = run_experiment(
            loaded.experiment,
            runs_dir=runs_dir,
            source=loaded,
            argv=["dlrun", *sys.argv[1:]],
            listener=Listeners([Claim(), progress]),
        )
    _tell(out, run)
    if json:
        out.result({"id": run.id, "path": run.path, "state": run.state, "metrics": run.metrics})


def _as_overrides(name: str | None, seed: int | None) -> list[str]:
    from dlrun.records.folder import check_name

    overrides = []
    if name is not None:
        overrides.append(f"name={json_module.dumps(check_name(name))}")
    if seed is not None:
        overrides.append(f"seed={seed}")
    return overrides


def _tell(out: Output, run: Run) -> None:
    from dlrun.reporting.summary import summary_lines

    if out.quiet and not out.json:
        out.tell(str(run.path))
        return
    metrics: Mapping[str, Any] = run.metrics
    for line in ["", *summary_lines(metrics), "", f"run folder {run.path}"]:
        out.say_if_heard(line)
