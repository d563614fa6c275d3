"""`dlrun evaluate`: score a run on labelled rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlrun.cli.options import DEFAULT_RUNS_DIR, Array, DataFile, Json, Metric, RunOrBundle, RunsDir
from dlrun.cli.output import Output

if TYPE_CHECKING:
    from dlrun.predictions.evaluate import Evaluated


def evaluate(
    run: RunOrBundle,
    data: DataFile,
    array: Array = None,
    metric: Metric = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    json: Json = False,
) -> None:
    """Score a finished run, an ensemble or a bundle on labelled rows.

    DATA holds the inputs that the run was trained on and the targets, by the same names. Every score has an interval
    and stands beside the baseline. A look at a known test set is counted in the ledger of the runs, and told.
    """
    from dlrun.cli.references import find_stored
    from dlrun.predictions.evaluate import evaluate_file
    from dlrun.predictions.files.data import find_data, open_data
    from dlrun.predictions.load import load_stored

    out = Output(json=json)
    find_data(data)
    stored = find_stored(runs_dir, run, metric)
    predictor = load_stored(stored)
    opened = open_data(data, predictor, targets=True, array=array)
    for note in (*predictor.notes, *opened.notes):
        out.say_if_heard(note)
    found = evaluate_file(predictor, stored, opened)
    _tell(out, predictor.id, data, found)
    if json:
        out.result(
            {
                "id": predictor.id,
                "task": predictor.task,
                "positive_class": found.positive_class,
                "data": opened.path,
                "rows": found.num_rows,
                "scores": found.scores,
                "intervals": found.intervals,
                "baseline": found.baseline,
                "test_looks": found.test_looks,
                "notes": [*predictor.notes, *opened.notes, *found.notes],
            }
        )


def _tell(out: Output, run: str, data: str, found: Evaluated) -> None:
    from dlrun.reports.summary import summary_lines

    kind, *_ = found.baseline.values()
    metrics = {
        "positive_class": found.positive_class,
        "scores": found.scores,
        "intervals": {"scores": found.intervals},
        "baseline": {"kind": kind, "scores": found.baseline},
    }
    out.say(f"{run} on {found.num_rows:,} rows of {data}")
    for note in found.notes:
        out.say(note)
    out.say("\n".join(["", *summary_lines(metrics, width=out.text_width, parts=("scores",))]))


EXAMPLES = ("dlrun evaluate latest labelled.csv",)
