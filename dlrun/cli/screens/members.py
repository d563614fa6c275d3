"""The members of an ensemble, as `dlrun show` lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dlrun.base.text import printable
from dlrun.cli.output import table
from dlrun.errors import StorageError

if TYPE_CHECKING:
    from dlrun.records.folder import RunFolder

_MOST_ROWS = 30
_MOST_SCORES = 4


def member_rows(folder: RunFolder) -> list[dict[str, Any]] | None:
    """Return the members in `members.json`, highest weight first; None if the folder is no ensemble's.

    Raises:
        StorageError: The file cannot be read, or does not hold what dlrun writes.
    """
    from dlrun.records.kinds import MEMBERS

    if not folder.file(MEMBERS).is_file():
        return None
    try:
        members = [dict(member) for member in folder.read_json(MEMBERS)["members"]]
        return sorted(members, key=lambda member: -float(member["weight"]))
    except (LookupError, TypeError, ValueError) as error:
        raise StorageError(f"{folder.file(MEMBERS)} is damaged: it does not hold what dlrun writes") from error


def comparison(folder: RunFolder, metrics: Any, *, width: int, columns: int | None) -> list[str]:
    """Return the scores of the ensemble beside those of its members, and why its method was taken.

    Args:
        folder: The ensemble.
        metrics: Content of its `metrics.json`; None while it is being made. Those of an older dlrun hold no reason.
        width: Longest line of running text, in letters.
        columns: Width to fit; None for any.

    Raises:
        StorageError: The metrics do not hold what dlrun writes.
    """
    from dlrun.reports.ensemble_summary import comparison_lines

    try:
        whole = metrics is not None and "why" in metrics["ensemble"]
        lines = comparison_lines(metrics, width=width, columns=columns) if whole else []
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        path = printable(str(folder.file("metrics.json")))
        raise StorageError(f"{path} is damaged: it does not hold what dlrun writes") from error
    return "\n".join(["", *lines]).rstrip("\n").split("\n") if lines else []


def member_lines(members: Sequence[Mapping[str, Any]], metrics: Any) -> list[str]:
    """Lay out the members with their weights, gains, and validation scores as on record.

    Args:
        members: Returned by `member_rows`.
        metrics: Content of the ensemble's `metrics.json`; None while it is being made.
    """
    from dlrun.base.words import number, words

    gains = ((metrics or {}).get("diversity") or {}).get("gains") or {}
    shown = members[:_MOST_ROWS]
    names = list(dict.fromkeys(name for member in shown for name in member.get("validation") or {}))[:_MOST_SCORES]
    header = ["member", "weight", "gain", "model", *(words(name) for name in names)]
    rows = []
    for member in shown:
        scores = member.get("validation") or {}
        model = f"{member.get('model')}{', trained again' if 'trained_again' in member else ''}"
        facts = [str(member.get("id")), f"{float(member['weight']):.3f}", number(gains.get(member.get("id"))), model]
        rows.append([*facts, *(number(scores.get(name)) for name in names)])
    lines = [f"  {line}" for line in table(header, rows, right=(1, 2, *range(4, 4 + len(names))))]
    more = [f"  and {len(members) - len(shown):,} more in members.json"] if len(members) > len(shown) else []
    return ["members, with their validation scores", *lines, *more]
