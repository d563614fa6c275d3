"""`dlrun train`: carry out one experiment."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dlrun.cli.options import DEFAULT_RUNS_DIR, Config, Json, Overrides, RunsDir, Trust
from dlrun.cli.output import Output

EXAMPLES = ("dlrun train config.yaml optimizer.learning_rate=1e-3 --name small-steps",)


def train(
    context: typer.Context,
    config: Config = None,
    overrides: Overrides = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the run; overrides `name`.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the run; overrides `seed`.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the run's folder.")] = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Train one experiment and keep its record.

    The run gets a folder of its own for its scores, predictions, weights and plots. Ctrl-C stops it so
    that `dlrun resume` can go on with it; a second one ends it at once.
    """
    from dlrun.cli.arguments import as_overrides, load_config, placing

    out = Output(json=json, quiet=quiet)
    loaded = load_config(config, overrides or [], as_overrides(name, seed), trust=trust)
    out.say_if_heard(f"config {loaded.source_name}")

    from dlrun.cli.screens.outcome import report, watching
    from dlrun.runs.run import run_experiment

    with placing(loaded), watching(out, context) as listener:
        run = run_experiment(
            loaded.experiment, runs_dir=runs_dir, source=loaded, argv=["dlrun", *sys.argv[1:]], listener=listener
        )
    report(out, run)
