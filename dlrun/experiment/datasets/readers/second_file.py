"""Columns of a second file, in the types that they have in the first: in that of a test part, and in one to predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlrun.base.words import counted
from dlrun.errors import DataError
from dlrun.experiment.datasets.tables.columns import as_numbers
from dlrun.experiment.datasets.tables.notation import Notation

if TYPE_CHECKING:
    import polars as pl


def alike(column: pl.Series, dtype: str, notation: Notation, where: str, remedy: str) -> pl.Series:
    """Return a column of a second file in the type that it has in the first.

    Args:
        column: Any column; text stands for numbers and truth values too.
        dtype: The type as polars names it: `Boolean`, `String`, or one of numbers.
        notation: How text is read as numbers.
        where: Where it has that type, for the message.
        remedy: What to do about another type, or about text that cannot be read so.

    Raises:
        DataError: It has another type, or holds such text.
    """
    import polars as pl

    is_number = dtype.startswith(("Int", "UInt", "Float", "Decimal"))
    if column.dtype == pl.String and dtype == "Boolean":
        return _truth(column, where, remedy)
    if column.dtype == pl.String and is_number:
        return as_numbers(column, remedy) if notation.is_plain else notation.numbers(column, remedy)
    if str(column.dtype) == dtype or (is_number and column.dtype.is_numeric()):
        return column
    if column.null_count() == len(column):
        return column.cast(pl.Float64 if is_number else pl.String)
    raise DataError(f"column '{column.name}' is of type {column.dtype}, {where} it is of type {dtype}", remedy=remedy)


def _truth(text: pl.Series, where: str, remedy: str) -> pl.Series:
    """Return text as truth values."""
    lower = text.str.to_lowercase()
    strange = ~lower.is_in(["true", "false"]) & text.is_not_null()
    if strange.any():
        first = strange.arg_max() or 0
        raise DataError(
            f"column '{text.name}' holds neither true nor false in {counted(int(strange.sum()), 'row')}, the first is "
            f"'{text[first]}' in row {first} (from 0); {where} it holds nothing else",
            remedy=remedy,
        )
    return lower == "true"
