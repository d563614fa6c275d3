"""The trials of a study, as `dlrun show` lists them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlrun.base.text import printable
from dlrun.cli.output import fitted_table, left_out
from dlrun.errors import StorageError

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
        asked: Number of trials that it is to have; None for as many as there are points.
        complete: Whether all is done, the report included.
        concluding: What has been done since the search of a study that goes on has ended; None before.
    """

    rows: list[dict[str, str]]
    metric: str
    mode: str
    running: dict[str, dict[str, Any]] | None = None
    asked: int | None = None
    complete: bool = False
    concluding: dict[str, Any] | None = None

    @property
    def num_done(self) -> int:
        """Number of trials that have ended."""
        return sum(row["state"] not in ("pending", "interrupted") for row in self.rows)

    @property
    def best(self) -> dict[str, str] | None:
        """Row of the finished trial with the best value, the earliest of equals; None before one has finished."""
        finished = [row for row in self.rows if row["state"] == "finished" and row["value"]]
        sign = -1.0 if self.mode == "max" else 1.0
        return min(finished, key=lambda row: sign * float(row["value"]), default=None)


def trials_of(folder: RunFolder, *, is_running: bool) -> StudyTrials | None:
    """Read the trials of a study; None if the folder is no study's.

    Args:
        folder: Any run.
        is_running: Whether somebody carries it out now.

    Raises:
        StorageError: A file cannot be read.
    """
    from dlrun.studies.folder import read_facts
    from dlrun.studies.report import FILE

    facts = read_facts(folder)
    if facts is None:
        return None
    rows = []
    if folder.file(FILE).is_file():
        rows = list(csv.DictReader(io.StringIO(folder.read_text(FILE))))
        if not all(map(_is_whole, rows)):
            raise StorageError(f"{printable(str(folder.file(FILE)))} is damaged: it is no table of trials")
    told = _told(folder) if is_running else {}
    entries = [entry for entry in told.get("running") or [] if isinstance(entry, dict) and "trial" in entry]
    running = {str(entry["trial"]): entry for entry in entries} if is_running else None
    concluding = told.get("concluding")
    return StudyTrials(
        rows,
        facts.metric,
        facts.mode,
        running,
        facts.trials,
        facts.complete,
        concluding if isinstance(concluding, dict) else None,
    )


def _is_whole(row: Mapping[str | None, str | None]) -> bool:
    """Tell whether a row has all that every trial has, and a value that is a number if it has any."""
    try:
        float(row["value"] or 0)
        return None not in row and None not in row.values() and all(name in row for name in (*_FACTS, "run", "reason"))
    except (KeyError, ValueError):
        return False


def _told(folder: RunFolder) -> dict[str, Any]:
    """Return what a study that goes on tells of itself."""
    from dlrun.records.index import RUNNING

    told = folder.read_json(RUNNING) if folder.file(RUNNING).is_file() else {}
    return told if isinstance(told, dict) else {}


def trial_lines(study: StudyTrials, importance: Mapping[str, float], *, columns: int | None = None) -> list[str]:
    """Lay out the best trials; while the study goes on, those that are running and the newest ones.

    Args:
        study: Returned by `trials_of`.
        importance: Share of each setting in the differences between the scores, the largest first; may be empty.
        columns: Width to fit; None for any.
    """
    rows = _ordered(study)
    if not rows:
        return ["no trial has ended yet"]
    shown = rows[:_MOST_ROWS]
    what = "running and newest trials" if study.running else "best trials"
    more = f", {len(rows) - len(shown)} more in trials.csv" if len(rows) > len(shown) else ""
    room = None if columns is None else columns - 2
    lines, missing = _fitted(study, shown, importance, room)
    lines += left_out(missing, room, where="--json and trials.csv have all")
    return [f"{what}{more}", *(f"  {line}" for line in lines)]


def _ordered(study: StudyTrials) -> list[dict[str, str]]:
    """Return the rows in the order in which they are shown."""
    running = study.running or {}
    if not running:
        sign = -1.0 if study.mode == "max" else 1.0
        ended = [row for row in study.rows if row["value"]]
        return sorted(ended, key=lambda row: sign * float(row["value"]))
    newest = list(reversed(study.rows))
    return sorted(newest, key=lambda row: row["trial"] not in running)


def _fitted(
    study: StudyTrials, rows: Sequence[Row], importance: Mapping[str, float], columns: int | None
) -> tuple[list[str], list[str]]:
    """Lay out rows in a table that is not too wide; return its lines and the settings that found no room.

    The settings that matter least have to go, and first of all those that are the same in all rows.
    """
    from dlrun.reports.settings_text import short_names

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
