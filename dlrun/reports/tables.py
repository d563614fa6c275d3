"""Tables of text, for screens and logs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from dlrun.base.text import printable


def width_of(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    wide = sum(unicodedata.east_asian_width(character) in {"W", "F"} for character in text)
    joined = sum(unicodedata.category(character) in {"Mn", "Me"} for character in text)
    return len(text) + wide - joined


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> list[str]:
    """Lay out a table in columns as wide as their content.

    Args:
        header: Titles of the columns.
        rows: Cells; as many in each row as there are titles.
        right: Positions of columns that are aligned to the right.

    Returns:
        One line for the titles, one for each row.
    """
    lines = [[printable(cell) for cell in cells] for cells in (header, *rows)]
    widths = [max(width_of(line[column]) for line in lines) for column in range(len(header))]
    to_right = set(right)
    laid_out = []
    for line in lines:
        cells = []
        for column, cell in enumerate(line):
            space = " " * (widths[column] - width_of(cell))
            cells.append(space + cell if column in to_right else cell + space)
        laid_out.append("  ".join(cells).rstrip())
    return laid_out
