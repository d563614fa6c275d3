"""Columns of a table: which are numbers, which are categories, and which cannot be used.

The rule, after `dataset.types`: numbers are numeric; text and true/false are categories. Refused are dates and times,
nested values, infinite numbers, and free text: columns of text with more than `MAX_TEXT_VALUES` different values that
differ in more than half of the rows, unless `dataset.types` calls them categorical. NaN counts as missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dlrun.datasets.dataset import LARGEST
from dlrun.datasets.names import counted, listed
from dlrun.errors import DataError

if TYPE_CHECKING:
    import polars as pl

ColumnType = Literal["numeric", "categorical"]

MAX_INFERRED_CLASSES = 20
"""Most different whole numbers that are taken for classes without being told."""

MAX_TEXT_VALUES = 100
"""Different values that a text column may always have."""

_FEW_TEXTS = 3
"""Different texts in a column of numbers that are taken for marks or mistakes; more are a part of what it holds."""

AS_TRAINED = "Correct these values; dataset.missing of the run's config lists the texts that mean a missing one."
"""What to do about a value that a run which is over cannot take for a number."""

_CORRECT = "Correct the values, or leave them empty to have them treated as missing."
_MOSTLY = 0.5
_FEW_ROWS = 20
_LOOKED_AT = 1000
_TIME = r"\d{1,2}:\d{2}(:\d{2}.*)?"
_DATE = rf"^(\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}([ T]{_TIME})?|{_TIME})$"


def prepare(
    frame: pl.DataFrame, types: Mapping[str, ColumnType], dropped: Sequence[str] = ()
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Bring columns into the forms that preprocessing knows: numbers, booleans and text, missing values as null.

    Args:
        frame: Columns of inputs.
        types: What the config says about columns.
        dropped: Columns that it leaves out already.

    Returns:
        The same columns, and notes on what the user should know about them.

    Raises:
        DataError: Columns cannot be used; all columns with the same fault are named at once.
    """
    _refuse_nested(frame, dropped)
    _refuse_dates(frame, types, dropped)
    frame = frame.with_columns([_formed(column, types.get(column.name)) for column in frame])
    _refuse_infinite(frame)
    _refuse_free_text(frame, types, dropped)
    return frame, _notes(frame, types)


def as_numbers(column: pl.Series, remedy: str | None = None) -> pl.Series:
    """Return a column as 64-bit floats with null for missing values.

    Args:
        column: Numbers, or texts that are numbers.
        remedy: What to do about others; by default what to change in the config.

    Raises:
        DataError: A value is not a number; the message counts these.
    """
    import polars as pl

    text = column.cast(pl.String) if column.dtype in (pl.Categorical, pl.Enum) else column
    numbers = text.cast(pl.Float64, strict=False)
    failed = numbers.is_null() & text.is_not_null()
    if failed.any():
        first = failed.arg_max()
        value = text[first] if first is not None else None
        raise DataError(
            f"column '{column.name}' holds no number in {counted(int(failed.sum()), 'row')}, the first is '{value}' in "
            f"row {first} (from 0)",
            remedy=remedy
            or f"List texts that mean a missing value in dataset.missing, such as dataset.missing=['{value}'], "
            f"or set dataset.types.{column.name}=categorical.",
        )
    return numbers.fill_nan(None)


def as_text(column: pl.Series) -> pl.Series:
    """Return a column as text; whole numbers are written without a point, so that 1 and 1.0 are the same category."""
    import polars as pl

    if not column.dtype.is_float():
        return column.cast(pl.String)
    numbers = column.fill_nan(None)
    whole = numbers == numbers.round()
    written = numbers.cast(pl.Int64, strict=False).cast(pl.String)
    return written.zip_with(whole & written.is_not_null(), numbers.cast(pl.String))


def is_whole(column: pl.Series) -> bool:
    """Tell whether a column holds whole numbers that NumPy has a type for; it has none of 128 bits."""
    return column.dtype.is_integer() and str(column.dtype) not in ("Int128", "UInt128")


def _formed(column: pl.Series, wanted: ColumnType | None) -> pl.Series:
    import polars as pl

    if wanted == "numeric" or (wanted is None and column.dtype.is_numeric() and not is_whole(column)):
        return as_numbers(column)
    if wanted == "categorical" or not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        return as_text(column)
    return column


def _refuse_nested(frame: pl.DataFrame, dropped: Sequence[str]) -> None:
    import polars as pl

    nested = [column.name for column in frame if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object)]
    if nested:
        raise DataError(
            f"lists, structures and bytes cannot be learned from: {listed(nested)}",
            remedy=f"Leave them out with {_drop(nested, dropped)}, or write one value a column.",
        )


def _refuse_dates(frame: pl.DataFrame, types: Mapping[str, ColumnType], dropped: Sequence[str]) -> None:
    dates = [column.name for column in frame if types.get(column.name) != "categorical" and _is_date(column)]
    if dates:
        raise DataError(
            f"dates and times cannot be learned from yet: {listed(dates)}",
            remedy=f"Leave them out with {_drop(dates, dropped)}, or convert them to numbers, such as the year or the "
            "days since a first day.",
        )


def _is_date(column: pl.Series) -> bool:
    import polars as pl

    if column.dtype.is_temporal():
        return True
    if column.dtype != pl.String:
        return False
    some = column.drop_nulls().head(_LOOKED_AT)
    return len(some) > 0 and bool(some.str.contains(_DATE).all())


def _refuse_infinite(frame: pl.DataFrame) -> None:
    for column in frame:
        if column.dtype.is_float():
            infinite = column.is_infinite().fill_null(value=False)
            if infinite.any():
                raise DataError(
                    f"column '{column.name}' is infinite in {counted(int(infinite.sum()), 'row')}, the first is row "
                    f"{infinite.arg_max()} (from 0)",
                    remedy=_CORRECT,
                )
            extreme = (column.abs() > LARGEST).fill_null(value=False)
            if extreme.any():
                first = extreme.arg_max() or 0
                raise DataError(
                    f"column '{column.name}' holds {column[first]:g} in row {first} (from 0), more than a 32-bit float "
                    f"can ({LARGEST:.2g})",
                    remedy=_CORRECT,
                )


def _refuse_free_text(frame: pl.DataFrame, types: Mapping[str, ColumnType], dropped: Sequence[str]) -> None:
    import polars as pl

    refused: dict[str, int] = {}
    spoiled: dict[str, TextAmongNumbers] = {}
    for column in frame:
        if column.dtype == pl.String and column.name not in types and _is_free_text(column):
            if found := text_among_numbers(column):
                spoiled[column.name] = found
            else:
                refused[column.name] = column.n_unique()
    messages, remedies = [f"column '{name}' {found}" for name, found in spoiled.items()], []
    if spoiled:
        marks = listed(dict.fromkeys(text for found in spoiled.values() for text in found.texts))
        remedies.append(f"Correct {marks}, or add them to dataset.missing.")
    if refused:
        counts = "; ".join(f"'{name}' has {count:,} different values" for name, count in list(refused.items())[:8])
        first = next(iter(refused))
        messages.append(f"text that differs in most rows that have one, as names and free text do: {counts}")
        remedies.append(
            f"Leave them out with {_drop(list(refused), dropped)}, or make the most frequent values categories "
            f"with dataset.types.{first}=categorical."
        )
    if messages:
        raise DataError("; ".join(messages), remedy=" ".join(remedies))


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


def text_among_numbers(column: pl.Series) -> TextAmongNumbers | None:
    """Find the few different texts of a column that otherwise holds many different numbers; None if it is another.

    Args:
        column: Text; missing values are null.
    """
    import polars as pl

    numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
    strange = numbers.is_null() & column.is_not_null()
    num_strange, num_numbers = int(strange.sum()), len(numbers) - numbers.null_count()
    if not 0 < num_strange < num_numbers or numbers.n_unique() <= MAX_INFERRED_CLASSES:
        return None
    texts = column.filter(strange).unique(maintain_order=True).to_list()
    return TextAmongNumbers(num_strange, tuple(texts), strange.arg_max() or 0) if len(texts) <= _FEW_TEXTS else None


def _is_free_text(column: pl.Series) -> bool:
    return column.drop_nulls().n_unique() > MAX_TEXT_VALUES and _mostly_differs(column)


def _mostly_differs(column: pl.Series) -> bool:
    present = column.drop_nulls()
    return len(present) >= _FEW_ROWS and present.n_unique() > _MOSTLY * len(present)


def _almost_numeric(column: pl.Series) -> str:
    """Return a hint if most values of a column of text are numbers, else nothing."""
    import polars as pl

    text = column.drop_nulls()
    numbers = text.str.strip_chars().cast(pl.Float64, strict=False)
    count = len(text) - numbers.null_count()
    if len(text) == 0 or count < _MOSTLY * len(text) or count == len(text):
        return ""
    others = text.filter(numbers.is_null()).unique(maintain_order=True).head(3).to_list()
    return (
        f"; {count:,} of the {len(text):,} values of '{column.name}' are numbers: list in dataset.missing what "
        f"means a missing value, such as {listed(others)}"
    )


def _notes(frame: pl.DataFrame, types: Mapping[str, ColumnType]) -> tuple[str, ...]:
    import polars as pl

    notes: list[str] = []
    for column in frame:
        name = f"column '{column.name}'"
        if column.null_count() == len(column):
            notes.append(f"{name} has no values at all")
        elif column.null_count() == 0 and column.n_unique() == 1:
            notes.append(f"{name} has the same value in every row")
        elif column.dtype == pl.String and column.name not in types and _mostly_differs(column):
            notes.append(
                f"{name} is text that differs in most rows; dataset.drop leaves it out{_almost_numeric(column)}"
            )
        elif _is_counter(column):
            notes.append(f"{name} counts the rows, as an identifier does; dataset.drop leaves it out")
        elif column.dtype == pl.String and column.name not in types and (hint := _almost_numeric(column)):
            notes.append(f"{name} is taken for categories{hint}")
    return tuple(notes)


def _is_counter(column: pl.Series) -> bool:
    if not column.dtype.is_integer() or column.null_count() or len(column) < 3:
        return False
    return bool((column.diff().drop_nulls() == 1).all())


def _drop(names: list[str], dropped: Sequence[str]) -> str:
    """Return the setting that leaves out these columns too; it takes the place of the one before."""
    return f"dataset.drop=[{', '.join([*dropped, *names[:8]])}]"
