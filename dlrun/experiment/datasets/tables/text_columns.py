"""Text in the columns of a table: what is free text, and what is a mark or a mistake in a column of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dlrun.base.words import counted, quoted_list
from dlrun.experiment.datasets.tables.notation import PLAIN, Notation

if TYPE_CHECKING:
    import polars as pl

MAX_INFERRED_CLASSES = 20
"""Most different whole numbers that are taken for classes without being told."""

MAX_TEXT_VALUES = 100
"""Different values that a text column may always have."""

_FEW_TEXTS = 3
"""Different texts in a column of numbers that are taken for marks or mistakes; more are a part of what it holds."""

_MOSTLY = 0.5
_FEW_ROWS = 20


@dataclass(frozen=True)
class TextAmongNumbers:
    """A few texts in a column of numbers.

    Args:
        num_rows: Rows that hold text.
        texts: The different texts.
        row: The first row that holds one, from 0.
    """

    num_rows: int
    texts: tuple[str, ...]
    row: int

    def __str__(self) -> str:
        rows = counted(self.num_rows, "row")
        first = f"the first is '{self.texts[0]}' in row {self.row} (from 0)"
        return f"holds text in {rows} and numbers in all others; {first}"


def text_among_numbers(column: pl.Series, notation: Notation = PLAIN) -> TextAmongNumbers | None:
    """Find the few different texts of a column that otherwise holds many different numbers; None if it is another.

    Args:
        column: Text; missing values are null.
        notation: How numbers are written.
    """
    numbers = _numbers(column, notation)
    strange = numbers.is_null() & column.is_not_null()
    num_strange, num_numbers = int(strange.sum()), len(numbers) - numbers.null_count()
    if not 0 < num_strange < num_numbers or numbers.n_unique() <= MAX_INFERRED_CLASSES:
        return None
    texts = column.filter(strange).unique(maintain_order=True).to_list()
    return TextAmongNumbers(num_strange, tuple(texts), strange.arg_max() or 0) if len(texts) <= _FEW_TEXTS else None


def is_free_text(column: pl.Series) -> bool:
    """Tell whether a column of text has many different values that differ in most rows, as names have."""
    return column.drop_nulls().n_unique() > MAX_TEXT_VALUES and mostly_differs(column)


def mostly_differs(column: pl.Series) -> bool:
    """Tell whether the values of a column differ in most rows that have one."""
    present = column.drop_nulls()
    return len(present) >= _FEW_ROWS and present.n_unique() > _MOSTLY * len(present)


def _numbers(text: pl.Series, notation: Notation) -> pl.Series:
    """Return the numbers in text as 64-bit floats, and all else as null."""
    import polars as pl

    bare = text.str.strip_chars()
    return (bare if notation.is_plain else notation.canonical(bare)).cast(pl.Float64, strict=False)


def almost_numeric(column: pl.Series, notation: Notation) -> str:
    """Return a hint if most values of a column of text are numbers, else nothing.

    Args:
        column: Text; missing values are null.
        notation: How numbers are written.
    """
    text = column.drop_nulls()
    numbers = _numbers(text, notation)
    count = len(text) - numbers.null_count()
    if len(text) == 0 or count < _MOSTLY * len(text) or count == len(text):
        return ""
    others = text.filter(numbers.is_null()).unique(maintain_order=True).head(3).to_list()
    return (
        f"; {count:,} of the {len(text):,} values of '{column.name}' are numbers: list in dataset.missing what "
        f"means a missing value, such as {quoted_list(others)}"
    )
