"""What the commands that carry out a run have in common: who listens, and how its end is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dlrun.cli.output import Output
from dlrun.cli.screens.run import display
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.learners.listener import Listener, Listeners

if TYPE_CHECKING:
    from dlrun.runs.run import Run


@contextmanager
def watching(out: Output, context: typer.Context) -> Iterator[Listener]:
    """Yield a listener that shows the progress and notes the folder, so that an error can name it.

    Args:
        out: Where the command's words go.
        context: Of the command.
    """

    class Claim(Listener):
        def claimed(self, path: Path) -> None:
            context.obj["run"] = {"id": path.name, "path": str(path)}

    with display(out) as progress:
        yield Listeners([Claim(), progress])


def report(out: Output, run: Run) -> None:
    """Tell what a run came to.

    Args:
        out: Where the command's words go.
        run: The run, finished.
    """
    if out.quiet and not out.json:
        out.tell(str(run.path))
    else:
        summarize(out, run)
    if out.json:
        out.result({"id": run.id, "path": run.path, "state": run.state, "metrics": run.metrics})


def summarize(out: Output, run: Run) -> None:
    """Tell the scores of a run, as long as somebody reads.

    Args:
        out: Where the words go.
        run: The run, finished.
    """
    from dlrun.reports.summary import summary_lines

    metrics: Metrics = run.metrics
    for line in ["", *summary_lines(metrics, width=out.text_width), "", f"run folder {run.path}"]:
        out.say_if_heard(line)
