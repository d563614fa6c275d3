"""`dlrun ls`: the runs of a folder in a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir
from dlrun.cli.output import Output, fitted_table, left_out

if TYPE_CHECKING:
    from dlrun.records.index import RunSummary

_HEADER = ["run", "state", "age", "dataset", "model", "validation", "test", "seconds"]
_RIGHT = (2, 7)
_EXPENDABLE = tuple(map(_HEADER.index, ("seconds", "dataset", "model", "age", "test")))
"""What a narrow terminal does without, first to last."""
_TIME = len("20261121-191502-")
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def ls(
    last: Annotated[
        int | None, typer.Option("--last", "-n", min=1, metavar="N", help="Only the N newest runs.")
    ] = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    json: Json = False,
) -> None:
    """List the runs with their scores.

    Oldest first: id, state, age, kinds of dataset and model, validation and test score, seconds.
    """
    from dlrun.records.index import index

    out = Output(json=json)
    runs = index(runs_dir, last=last)
    whole = [run for run in runs if run.problem is None]
    if whole:
        out.say("\n".join(_laid_out(whole, datetime.now(UTC), out.columns)))
    if not runs:
        out.say(f"no runs in {runs_dir}. Train one with `dlrun train`.")
    for run in runs:
        if run.problem is not None:
            out.say(f"{run.id} is left out: {run.problem}")
    if json:
        out.result({"runs_dir": runs_dir.absolute(), "runs": [_object(run) for run in runs]})


def _laid_out(runs: Sequence[RunSummary], now: datetime, width: int | None) -> list[str]:
    """Lay out the table; where it is too wide, with one score in place of two, then with fewer columns.

    Before the scores had to go, the ids lose their time, which their age tells: what is left still names a run.
    """
    for num_scores, whole_ids in ((2, True), (1, True), (1, False)):
        rows = [_row(run, now, num_scores, whole_ids=whole_ids) for run in runs]
        lines, missing = fitted_table(_HEADER, rows, width=width, expendable=_EXPENDABLE, right=_RIGHT)
        if not missing or (num_scores == 1 and "test" not in missing):
            break
    return [*lines, *left_out(missing, width)]


def _row(run: RunSummary, now: datetime, num_scores: int, *, whole_ids: bool) -> list[str]:
    return [
        run.id if whole_ids else run.id[_TIME:],
        str(run.state),
        age(run.started, now),
        run.dataset or "",
        _model(run),
        _scores(run, run.validation, num_scores),
        _scores(run, run.test, num_scores),
        f"{run.seconds:.1f}" if run.seconds is not None else "",
    ]


def _model(run: RunSummary) -> str:
    """Name the kind of model, and say of a study how many trials it has, and how many are done if it is unfinished."""
    kind = run.model or ""
    if run.trials is None:
        return kind
    done = "" if run.done is None else f"{run.done} of "
    return f"{kind}, {done}{run.trials or 'all'} trials"


def _scores(run: RunSummary, scores: dict[str, float] | None, num: int) -> str:
    """Show the metric that the run was selected by, and the first one beside the loss."""
    from dlrun.records.log import number

    if not scores:
        return ""
    first = next((name for name in scores if name != "loss"), "loss")
    names = list(dict.fromkeys(name for name in (run.primary, first) if name is not None and name in scores))
    return ", ".join(f"{name} {number(scores[name])}" for name in names[:num])


def age(started: str | None, now: datetime) -> str:
    """Write how long ago a run began, in its largest unit.

    Args:
        started: When it began, ISO 8601.
        now: The present.
    """
    if started is None:
        return ""
    moment = datetime.fromisoformat(started)
    seconds = (now - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))).total_seconds()
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "now"


def _object(run: RunSummary) -> dict[str, Any]:
    return {
        "id": run.id,
        "path": run.path,
        "state": run.state,
        "started": run.started,
        "seconds": run.seconds,
        "dataset": run.dataset,
        "model": run.model,
        "task": run.task,
        "monitor": run.monitor,
        "validation": run.validation,
        "test": run.test,
        "problem": run.problem,
        "trials": run.trials,
        "done": run.done,
    }


EXAMPLES = ("dlrun ls --last 10",)
