"""The trials of a study, as `dlrun show` lists them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlrun.cli.output import fitted_table, left_out

if TYPE_CHECKING:
    from dlrun.records.folder import RunFolder

_MOST_ROWS = 20
_LONGEST_CELL = 24
_FACTS = ("trial", "state", "value", "epochs", "seconds")
_OTHER = "objective "
"""What the columns of further objectives begin with."""

Row = Mapping[str, str]


@dataclass(frozen=True)
class StudyTrials:
    """What there is to list of a study.

    Args:
        rows: Rows of `trials.csv` by column.
        metric: Name of the value that is searched by.
        mode: Whether it is to be `min` or `max`.
        running: How far the trials are that are being carried out, by number as in `trials.csv`; None if the study
            does not go on now.
    """

    rows: list[dict[str, str]]
    metric: str
    mode: str
    running: dict[str, dict[str, Any]] | None = None


def trials_of(folder: RunFolder, *, is_running: bool) -> StudyTrials | None:
    """Read the trials of a study; None if the folder is no study's.

    Args:
        folder: Any run.
        is_running: Whether somebody carries it out now.

    Raises:
        StorageError: A file cannot be read.
    """
    from dlrun.tuning.study_folder import read_facts
    from dlrun.tuning.table import FILE

    facts = read_facts(folder)
    if facts is None:
        return None
    rows = []
    if folder.file(FILE).is_file():
        rows = list(csv.DictReader(io.StringIO(folder.read_text(FILE))))
    return StudyTrials(rows, facts.metric, facts.mode, _running(folder) if is_running else None)


def _running(folder: RunFolder) -> dict[str, dict[str, Any]]:
    from dlrun.tuning.watching import RUNNING

    if not folder.file(RUNNING).is_file():
        return {}
    told = folder.read_json(RUNNING)
    entries = told.get("running") if isinstance(told, dict) else None
    known = [entry for entry in entries or [] if isinstance(entry, dict) and "trial" in entry]
    return {str(entry["trial"]): entry for entry in known}


def trial_lines(study: StudyTrials, importance: Mapping[str, float], *, columns: int | None = None) -> list[str]:
    """Lay out the best trials; while the study goes on, those that are running and the newest ones.

    Args:
        study: Returned by `trials_of`.
        importance: Share of each setting in the differences between the scores, the largest first; may be empty.
        columns: Width to fit; None for any.
    """
    if not study.rows:
        return ["no trial has ended yet"]
    rows = _ordered(study)
    shown = rows[:_MOST_ROWS]
    what = "best trials" if study.running is None else "running and newest trials"
    more = f", {len(rows) - len(shown)} more in trials.csv" if len(rows) > len(shown) else ""
    room = None if columns is None else columns - 2
    lines, missing = _fitted(study, shown, importance, room)
    lines += left_out(missing, room, where="--json and trials.csv have all")
    return [f"{what}{more}", *(f"  {line}" for line in lines)]


def _ordered(study: StudyTrials) -> list[dict[str, str]]:
    """Return the rows in the order in which they are shown."""
    if study.running is None:
        sign = -1.0 if study.mode == "max" else 1.0
        ended = [row for row in study.rows if row["value"]]
        return sorted(ended, key=lambda row: sign * float(row["value"]))
    newest = list(reversed(study.rows))
    return sorted(newest, key=lambda row: row["trial"] not in (study.running or {}))


def _fitted(
    study: StudyTrials, rows: Sequence[Row], importance: Mapping[str, float], columns: int | None
) -> tuple[list[str], list[str]]:
    """Lay out rows in a table that is not too wide; return its lines and the settings that found no room.

    The settings that matter least have to go, and first of all those that are the same in all rows.
    """
    from dlrun.reporting.settings_text import short_names

    labels = [label for label in study.rows[0] if label not in (*_FACTS, "run", "reason")]
    others = [label for label in labels if label.startswith(_OTHER)]
    settings = [label for label in labels if label not in others]
    names = short_names(settings)
    order = list(importance)
    rank = {label: order.index(label) if label in importance else len(order) for label in settings}
    settings.sort(key=lambda label: (len({row[label] for row in rows}) == 1, rank[label]))
    header = ["trial", "state", study.metric, "epochs", "seconds", *(label.removeprefix(_OTHER) for label in others)]
    facts = [[*_facts(study, row), *(_number(row[label]) for label in others)] for row in rows]
    first = len(header)
    header += [names[label] for label in settings]
    cells = [[*fact, *(_number(row[label]) for label in settings)] for fact, row in zip(facts, rows, strict=True)]
    expendable = range(len(header) - 1, first - 1, -1)
    return fitted_table(header, cells, width=columns, expendable=expendable, right=[0, 2, 3, 4])


def _facts(study: StudyTrials, row: Row) -> list[str]:
    """Return what is known of a trial beside its settings; of a running one, where it is now."""
    if study.running is None or row["state"] != "pending":
        return [_number(row[name]) for name in _FACTS]
    now = study.running.get(row["trial"])
    if now is None:
        return [row["trial"], "waiting", "", "", ""]
    if "epoch" not in now:
        return [row["trial"], "running", "", "", ""]
    fold = f"fold {now['fold']}/{now['num_folds']} " if now.get("num_folds", 1) != 1 else ""
    value = "" if now.get("value") is None else _number(repr(now["value"]))
    return [row["trial"], "running", value, f"{fold}{now['epoch']}/{now.get('num_epochs')}", ""]


def _number(cell: str) -> str:
    try:
        number = float(cell)
    except ValueError:
        return cell[:_LONGEST_CELL]
    return cell if number.is_integer() and "e" not in cell and "." not in cell else f"{number:.4g}"
