"""The trials of a study, as `dlrun show` lists them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dlrun.cli.output import table

if TYPE_CHECKING:
    from dlrun.records.folder import RunFolder

_MOST_ROWS = 20
_LONGEST_CELL = 24
_FACTS = ("trial", "state", "value", "epochs", "seconds")


def study_rows(folder: RunFolder) -> list[dict[str, str]] | None:
    """Return the rows of a study's `trials.csv` by column; None if the folder is no study's.

    Raises:
        StorageError: The file cannot be read.
    """
    if not folder.file("study.json").is_file():
        return None
    if not folder.file("trials.csv").is_file():
        return []
    return list(csv.DictReader(io.StringIO(folder.read_text("trials.csv"))))


def trial_lines(rows: Sequence[Mapping[str, str]], metrics: Any) -> list[str]:
    """Lay out the best trials, or the newest ones while the study goes on.

    Args:
        rows: Returned by `study_rows`.
        metrics: Content of the study's `metrics.json`; None while it goes on.
    """
    study = (metrics or {}).get("study")
    if not rows:
        return ["no trial has ended yet"]
    ended = [row for row in rows if row["value"]]
    sign = -1.0 if study and study["mode"] == "max" else 1.0
    ordered = sorted(ended, key=lambda row: sign * float(row["value"])) if study else list(reversed(rows))
    shown = ordered[:_MOST_ROWS]
    labels = [label for label in rows[0] if label not in (*_FACTS, "run", "reason")]
    header = [*_FACTS, *(_short(label) for label in labels)]
    cells = [[*(_number(row[name]) for name in _FACTS), *(_number(row[label]) for label in labels)] for row in shown]
    what = "best trials" if study else "newest trials"
    more = f", {len(rows) - len(shown)} more in trials.csv" if len(rows) > len(shown) else ""
    return [f"{what}{more}", *(f"  {line}" for line in table(header, cells, right=[0, 2, 3, 4]))]


def _short(label: str) -> str:
    """Keep the end of a path, which tells settings apart."""
    return label if len(label) <= _LONGEST_CELL else f"…{label[1 - _LONGEST_CELL :]}"


def _number(cell: str) -> str:
    try:
        number = float(cell)
    except ValueError:
        return cell[:_LONGEST_CELL]
    return cell if number.is_integer() and "e" not in cell and "." not in cell else f"{number:.4g}"
