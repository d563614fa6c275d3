"""Hints: what to do about a CSV file whose lines are other than the config says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlrun.base.words import quoted, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.csv_lines import Layout

if TYPE_CHECKING:
    import polars as pl

_COMMENTS = ("#", "%", "//", ";")
_FRACTION = re.compile(r"[-+]?\d*[.,]\d+([eE][-+]?\d+)?|-\d+")
"""A number that is no name of a column, unlike a year or a position."""


def numbers_in(header: Sequence[str]) -> list[str]:
    """Return what is no name in a header: fractions, numbers below 0, and whole numbers that stand there twice.

    Args:
        header: The values of the first line.
    """
    values = [value.strip() for value in header]
    num_each = Counter(values)
    return [value for value in num_each if _FRACTION.fullmatch(value) or (value.isdigit() and num_each[value] > 1)]


def if_no_header(header: Sequence[str]) -> str:
    """Return what to do if the first line is a row; empty where it does not look like one.

    Args:
        header: The values of the first line.
    """
    if not numbers_in(header):
        return ""
    names = ", ".join(f"x{number}" for number in range(1, min(len(header), 4)))
    more = "..., " if len(header) > 4 else ""
    return f"If the file has no header, name its {len(header)} columns: dataset.names=[{names}, {more}y]."


def if_uneven(layout: Layout, header: Sequence[str], row: Sequence[str], following: Sequence[str], above: int) -> str:
    """Return what to do about a line that has another number of values than the header.

    Args:
        layout: What the config says of lines.
        header: The values of the header.
        row: Those of the line.
        following: Those of the line below.
        above: Number of the line above it.
    """
    mark = next((mark for mark in _COMMENTS if header and header[0].startswith(mark)), "")
    if mark and not layout.comment:
        return f"dataset.comment='{mark}' leaves out lines that begin with it."
    remedy = "Put a text that holds the separator into double quotes, or check dataset.separator."
    if len(header) < len(row) == len(following) and not layout.names:
        lines = f"the {above} lines above it are" if above > 1 else "the line above it is"
        return f"If {lines} no part of the table, set dataset.skip_rows={above}. {remedy}"
    return remedy


def doubts_about(
    path: Path, header: Sequence[str], frame: pl.DataFrame, target: Collection[str], *, has_header: bool
) -> tuple[str, ...]:
    """Return what is doubtful about a header.

    Args:
        path: The file.
        header: Names of all columns.
        frame: The rows below it.
        target: Names of the targets.
        has_header: Whether the header stands in the file.

    Raises:
        DataError: It is a row, beyond doubt.
    """
    notes = []
    if (unnamed := header.count("")) > 1:
        notes.append(
            f"{unnamed} columns without a name or a value are left out; separators at the ends of lines make them"
        )
    if has_header and numbers_in(header):
        lost = [name for name in target if name in frame[name]]
        if lost:
            raise DataError(
                f"'{path}' seems to have no header: the target '{lost[0]}' of its first line is also a value below",
                remedy=if_no_header(header),
            )
        found = quoted_list(numbers_in(header), most=3)
        notes.append(
            f"the header holds numbers ({found}), as a row does: if the file has no header, its first row is lost; "
            "dataset.names names the columns"
        )
    return tuple(notes)


def refuse_one_column(path: Path, header: Sequence[str], separator: str) -> None:
    """Refuse a file whose only column holds another separator in its name; raises DataError.

    Args:
        path: The file.
        header: Names of all columns.
        separator: What the config says.
    """
    others = [mark for mark in (",", ";", "\t", "|") if mark != separator and len(header) == 1 and mark in header[0]]
    if others:
        raise DataError(
            f"'{path}' has one column only, {quoted(header[0])}, with dataset.separator={separator!r}",
            remedy=f"Set dataset.separator={others[0]!r} if that is what stands between the columns.",
        )
