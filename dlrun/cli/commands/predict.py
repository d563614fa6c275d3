"""`dlrun predict`: predict new rows with a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dlrun.cli.options import DEFAULT_RUNS_DIR, Array, DataFile, Json, Metric, RunOrBundle, RunsDir
from dlrun.cli.output import Output, printing
from dlrun.errors import UsageError

EXAMPLES = ("dlrun predict latest new.csv --output predictions.csv --keep id",)


def predict(
    run: RunOrBundle,
    data: DataFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="A .csv, .parquet or .npz file; by default CSV on stdout."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="COLUMN", help="Column of DATA to pass on; may be given more than once."),
    ] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Write the numbers of the rows too, from 0, in a column 'row'.")
    ] = False,
    confidence: Annotated[
        float | None,
        typer.Option("--confidence", metavar="SHARE", help="Share of the truth in an interval; by default the run's."),
    ] = None,
    array: Array = None,
    metric: Metric = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    json: Json = False,
) -> None:
    """Predict new rows with a finished run, an ensemble or a bundle.

    DATA is a CSV, Parquet or npz file with the inputs that the run was trained on, by the same names and shapes; other
    columns are left alone, and ids (dataset.id of the run) stand first. There is a line for each row, in the same
    order. Classes get a label and probabilities, numbers get an interval from validation residuals.
    """
    if json and output is None:
        raise UsageError("--json prints facts, not predictions", remedy="Name a file for these with --output.")
    if confidence is not None and not 0 < confidence < 1:
        raise UsageError(f"--confidence is {confidence:g}, expected a share between 0 and 1")
    from dlrun.cli.references import find_stored
    from dlrun.predictions.files.data import find_data, open_data
    from dlrun.predictions.files.layout import column_names
    from dlrun.predictions.files.write import CsvWriter, check_file, check_output, predict_file, writing
    from dlrun.predictions.load import load_stored

    out = Output(json=json or output is None)
    found = find_data(data)
    if output is not None:
        check_file(output)
        if output.exists() and output.samefile(found):
            raise UsageError(
                f"--output is '{output}', the very data to predict, which would be lost", remedy="Name another file."
            )
    predictor = load_stored(find_stored(runs_dir, run, metric))
    kept = tuple(dict.fromkeys(keep or []))
    check_output(output, predictor, kept, rows=rows)
    opened = open_data(data, predictor, keep=kept, array=array)
    kept = opened.kept
    check_output(output, predictor, kept, rows=rows, ids=opened.ids)
    share = confidence or predictor.description.experiment.evaluation.confidence
    _say(out, (*predictor.notes, *opened.notes))
    if output is None:
        printer = CsvWriter(sys.stdout.buffer, predictor, rows=rows)
        with printing(sys.stdout):
            _, found_notes = predict_file(predictor, opened, printer, confidence=share, keep=kept)
            sys.stdout.buffer.flush()
        _say(out, found_notes)
        return
    with writing(output, predictor, kept, rows=rows, ids=opened.ids) as writer:
        num_rows, found_notes = predict_file(predictor, opened, writer, confidence=share, keep=kept)
    _say(out, found_notes)
    out.say_if_heard(f"{num_rows:,} rows predicted by {predictor.id}: {output}")
    if json:
        out.result(
            {
                "id": predictor.id,
                "task": predictor.task,
                "rows": num_rows,
                "output": output.absolute(),
                "columns": [*["row"] * rows, *kept, *column_names(predictor)],
                "classes": predictor.class_names,
                "confidence": share if predictor.residuals is not None else None,
                "notes": [*predictor.notes, *opened.notes, *found_notes],
            }
        )


def _say(out: Output, notes: tuple[str, ...]) -> None:
    for note in notes:
        out.say_if_heard(note)
