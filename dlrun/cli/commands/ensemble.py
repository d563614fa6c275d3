"""`dlrun ensemble`: combine finished runs into a better model, and say by how much."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlrun.cli.completion import complete_method, complete_run
from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir, Trust
from dlrun.cli.output import Output

if TYPE_CHECKING:
    from dlrun.ensembles.ensemble import EnsembleRun
    from dlrun.ensembles.settings import Ensemble

_OVERRIDE = re.compile(r"[a-z_]+(\.[a-z_]+)*=")

References = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN",
        help="Runs, studies, folders of runs, or patterns such as 'runs/*'; also settings such as method.size=50.",
        autocompletion=complete_run,
        show_default=False,
    ),
]


def ensemble(
    context: typer.Context,
    references: References,
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="auto, uniform, weighted, greedy, geometric, exponential, rank, median, vote, stacking or best.",
            autocompletion=complete_method,
        ),
    ] = "auto",
    metric: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Score to fit to, such as auc; otherwise log_loss, or rmse for numbers."),
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Take only the N best trials of each study.")
    ] = None,
    snapshots: Annotated[
        bool, typer.Option("--snapshots", help="Take the snapshots of each run in its place (training.snapshots).")
    ] = False,
    max_members: Annotated[
        int | None, typer.Option("--max-members", min=1, metavar="N", help="Let at most N members count.")
    ] = None,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Keep members that do not beat the baseline.")] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the ensemble.")] = "ensemble",
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the ensemble.")] = 42,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the ensemble's folder.")] = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Combine finished runs into one that predicts better.

    Members must be finished and share rows, targets and parts; the others are listed with the reason. Members, method
    and weights are chosen by validation predictions, and scored on rows that they were not chosen by.

    Members that count but keep no model, such as most trials of a study, are trained again, which gives the same model;
    missing_models=leave_out takes only what predicts as it is.
    """
    from dlrun.ensembles.ensemble import run_ensemble

    out = Output(json=json, quiet=quiet)
    runs = [reference for reference in references if not _is_override(reference)]
    overrides = [reference for reference in references if _is_override(reference)]
    written = {"name": name, "seed": seed, "method": method, "metric": metric, "max_members": max_members}
    written |= {"keep_all": keep_all or None}

    def claimed(path: Path) -> None:
        context.obj["run"] = {"id": path.name, "path": str(path)}

    made = run_ensemble(
        runs,
        _settings(written, overrides),
        runs_dir=runs_dir,
        top=top,
        snapshots=snapshots,
        trust=trust,
        argv=["dlrun", *sys.argv[1:]],
        claimed=claimed,
        tell=out.say_if_heard,
    )
    if quiet and not json:
        out.tell(str(made.path))
    for line in ["", *made.lines(width=out.text_width, columns=out.columns)]:
        out.say_if_heard(line)
    if json:
        out.result(_object(made))


def _is_override(reference: str) -> bool:
    return _OVERRIDE.match(reference) is not None and not Path(reference).exists()


def _settings(written: dict[str, Any], overrides: list[str]) -> Ensemble:
    """Validate the options and overrides together; raises ConfigError with every problem."""
    from dlrun.base.text import json_text
    from dlrun.config.load import load_settings
    from dlrun.ensembles.settings import Ensemble

    options = [f"{key}={json_text(value, indent=None)}" for key, value in written.items() if value is not None]
    settings, _, _ = load_settings("{}", "options", [*options, *overrides], Ensemble)
    return settings


def _object(made: EnsembleRun) -> dict[str, Any]:
    facts, test = made.metrics["ensemble"], made.metrics["ensemble"]["test"] or {}
    validation = facts["validation"]
    return {
        "id": made.id,
        "path": made.path,
        "method": facts["method"],
        "metric": facts["metric"],
        "members": [{"id": member, "weight": weight} for member, weight in made.weights.items()],
        "skipped": [{"id": entry.id, "reason": entry.reason} for entry in made.skipped],
        "best_member": facts["best_member"],
        "metrics": {
            "validation": made.metrics["validation"],
            "cross_fitted": validation["cross_fitted"],
            "in_sample": validation["in_sample"],
            "uniform": validation["uniform"],
            "best_member": validation["best_member"],
            "best_member_in_sample": validation["best_member_in_sample"],
            "test": test.get("ensemble"),
            "test_uniform": test.get("uniform"),
            "test_best_member": test.get("best_member"),
            "test_gain_over_best_member": test.get("gain_over_best_member"),
            "test_looks": made.metrics["test_looks"],
            "methods": facts["methods"],
        },
        "diversity": made.metrics["diversity"],
    }


EXAMPLES = (
    "dlrun ensemble 'runs/*' --metric auc",
    "dlrun ensemble runs --method greedy method.size=50",
)
