"""Table: all trials of a study as CSV, for people, spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from dlrun.base.text import harmless_cell
from dlrun.records.folder import RunFolder
from dlrun.studies.state.trial import Trial

FILE = "trials.csv"

_COLUMNS = ("trial", "state", "value", "epochs", "seconds", "run", "reason")


def write_table(folder: RunFolder, trials: Sequence[Trial]) -> None:
    """Write `trials.csv`, a row a trial; what a trial does not have stays empty. Raises StorageError.

    Args:
        folder: The study.
        trials: All of them, by number.
    """
    labels = list(dict.fromkeys(label for trial in trials for label in trial.point))
    others = list(dict.fromkeys(name for trial in trials if trial.outcome for name in trial.outcome.others))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(f"objective {name}" for name in others), *map(harmless_cell, labels)])
    for trial in trials:
        outcome = trial.outcome
        ended = (
            (outcome.value, outcome.epochs, outcome.seconds, outcome.run, outcome.reason) if outcome else (None,) * 5
        )
        further = [outcome.others.get(name) if outcome else None for name in others]
        writer.writerow([trial.id, trial.state, *map(_cell, (*ended, *further, *map(trial.point.get, labels)))])
    folder.write_text(FILE, buffer.getvalue())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    return harmless_cell(str(value))
