"""Identifiers: telling columns that name the rows, of which nothing can be learned that holds for new ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import polars as pl

_IDENTIFIER = re.compile(
    r"^(?i:id|uid|uuid|guid|index|idx|key|row|row[_ ]?(?:id|num|number|names?)|unnamed: 0)?$"
    r"|[_\s.-](?i:id|uid|uuid|guid|key|idx)$|[a-z]I[dD]$|^(?i:id)[_\s.-]"
)
"""Names that identifiers of rows go by; the first column of a table without a name is its index."""

_FEW_ROWS = 20
_FEW_VALUES = 3
_HARDLY_TWICE = 0.95


def like_an_identifier(column: pl.Series) -> str:
    """Say what makes a column of whole numbers look like one that names the rows; empty if nothing does.

    All of its values differ, and they are a range, in order, or called as identifiers are; or it is called so and
    hardly a value comes twice. Measured numbers are not suspected for differing: prices and times do.

    Args:
        column: Any column; missing values are null.
    """
    if not column.dtype.is_numeric() or column.null_count() or len(column) < _FEW_VALUES or not _all_whole(column):
        return ""
    num_distinct, num_rows, named = column.n_unique(), len(column), bool(_IDENTIFIER.search(column.name))
    if num_distinct < num_rows:
        return f"holds {num_distinct:,} different numbers" if named and num_distinct >= _HARDLY_TWICE * num_rows else ""
    if bool((column.diff().drop_nulls() == 1).all()):
        return "counts the rows"
    if num_rows < _FEW_ROWS or not column.dtype.is_integer():
        return "differs in every row" if named else ""
    first, last = int(cast(int, column.min())), int(cast(int, column.max()))
    is_range, in_order = last - first + 1 == num_rows, column.is_sorted() or column.is_sorted(descending=True)
    return "differs in every row" if named or is_range or in_order else ""


def _all_whole(column: pl.Series) -> bool:
    return column.dtype.is_integer() or bool((column == column.round()).all())
