"""Columns of a table: which are numbers, which are categories, and which cannot be used.

The rule, after `dataset.types`: numbers are numeric; text and true/false are categories. Refused are dates and times,
nested values, infinite numbers, and free text: columns of text with more than `MAX_TEXT_VALUES` different values that
differ in more than half of the rows, unless `dataset.types` calls them categorical. NaN counts as missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, cast

from dlrun.base.words import counted, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import LARGEST
from dlrun.experiment.datasets.tables.dates import is_date
from dlrun.experiment.datasets.tables.identifiers import like_an_identifier
from dlrun.experiment.datasets.tables.notation import PLAIN, Notation, OtherNotation, other_notation
from dlrun.experiment.datasets.tables.spelling import spelling_notes
from dlrun.experiment.datasets.tables.text_columns import (
    MAX_INFERRED_CLASSES,
    TextAmongNumbers,
    almost_numeric,
    is_free_text,
    mostly_differs,
    text_among_numbers,
)

if TYPE_CHECKING:
    import polars as pl

ColumnType = Literal["numeric", "categorical"]

AS_TRAINED = "Correct these values; dataset.missing of the run's config lists the texts that mean a missing one."
"""What to do about a value that a run which is over cannot take for a number."""

_CORRECT = "Correct the values, or leave them empty to have them treated as missing."
_MOST_DROPPED = 100
"""Columns left out already that a message repeats; each column may have such a message."""

_MOST_SPELLINGS = 1000
"""Different values among which those that are probably the same are looked for."""


def prepare(
    frame: pl.DataFrame,
    types: Mapping[str, ColumnType],
    dropped: Sequence[str] = (),
    notation: Notation = PLAIN,
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Bring columns into the forms that preprocessing knows: numbers, booleans and text, missing values as null.

    Args:
        frame: Columns of inputs.
        types: What the config says about columns.
        dropped: Columns that it leaves out already.
        notation: How it says that numbers are written.

    Returns:
        The same columns, and notes on what the user should know about them.

    Raises:
        DataError: Columns cannot be used; all columns with the same fault are named at once.
    """
    _refuse_nested(frame, dropped)
    _refuse_dates(frame, types, dropped)
    frame = frame.with_columns([_formed(column, types.get(column.name)) for column in frame])
    refuse_infinite(frame)
    _refuse_free_text(frame, types, dropped, notation)
    return frame, _notes(frame, types, dropped, notation)


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
    if column.dtype.is_numeric():
        return without_nan(numbers)
    failed = numbers.is_null() & text.is_not_null()
    if failed.any():
        first = failed.arg_max()
        value = text[first] if first is not None else None
        raise DataError(
            f"column '{column.name}' holds no number in {counted(int(failed.sum()), 'row')}, the first is '{value}' in "
            f"row {first} (from 0)",
            remedy=remedy
            or _in_other_notation(text)
            or f"List texts that mean a missing value in dataset.missing, such as dataset.missing=['{value}'], "
            f"or set dataset.types.{column.name}=categorical.",
        )
    return without_nan(numbers)


def without_nan(numbers: pl.Series) -> pl.Series:
    """Return 64-bit floats with null for NaN.

    A sum tells that there is none a hundred times faster than a search of polars, which counts for wide tables.
    """
    return numbers.fill_nan(None) if math.isnan(numbers.sum()) else numbers


def _in_other_notation(text: pl.Series) -> str:
    """Return the setting that reads a column as numbers, if one does."""
    import polars as pl

    other = other_notation(text) if text.dtype == pl.String else None
    return f"It {other}: set {other.setting}." if other and other.setting else ""


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
            f"lists, structures and bytes cannot be learned from: {quoted_list(nested)}",
            remedy=f"Leave them out with {_drop(nested, dropped)}, or write one value a column.",
        )


def _refuse_dates(frame: pl.DataFrame, types: Mapping[str, ColumnType], dropped: Sequence[str]) -> None:
    dates = [column.name for column in frame if types.get(column.name) != "categorical" and is_date(column)]
    if dates:
        raise DataError(
            f"dates and times cannot be learned from yet: {quoted_list(dates)}",
            remedy=f"Leave them out with {_drop(dates, dropped)}, or convert them to numbers, such as the year or the "
            f"days since a first day. dataset.types.{dates[0]}=categorical takes the values for categories.",
        )


def refuse_infinite(frame: pl.DataFrame) -> None:
    """Refuse numbers that learners cannot take.

    Args:
        frame: Columns of inputs; those of floats hold no NaN.

    Raises:
        DataError: A value is infinite, or more than a 32-bit float can hold.
    """
    for column in frame:
        if column.dtype.is_float() and not _is_moderate(column):
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


def _is_moderate(column: pl.Series) -> bool:
    """Tell whether all values of a column of floats without NaN fit 32-bit floats."""
    low, high = cast("float | None", column.min()), cast("float | None", column.max())
    return low is None or high is None or max(-low, high) <= LARGEST


def _refuse_free_text(
    frame: pl.DataFrame, types: Mapping[str, ColumnType], dropped: Sequence[str], notation: Notation
) -> None:
    import polars as pl

    refused: dict[str, int] = {}
    spoiled: dict[str, TextAmongNumbers] = {}
    otherwise: dict[str, OtherNotation] = {}
    for column in frame:
        if column.dtype != pl.String or column.name in types:
            continue
        few = column.n_unique() <= MAX_INFERRED_CLASSES
        if not few and not text_among_numbers(column, notation) and (other := other_notation(column, notation)):
            otherwise[column.name] = other
        elif is_free_text(column):
            if found := text_among_numbers(column, notation):
                spoiled[column.name] = found
            else:
                refused[column.name] = column.n_unique()
    messages = [f"column '{name}' {found}" for name, found in (*otherwise.items(), *spoiled.items())]
    remedies = [_read_otherwise(otherwise, dropped)] if otherwise else []
    if spoiled:
        marks = quoted_list(dict.fromkeys(text for found in spoiled.values() for text in found.texts))
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


def _read_otherwise(found: Mapping[str, OtherNotation], dropped: Sequence[str]) -> str:
    """Return what to do about columns of numbers in another notation."""
    settings = list(dict.fromkeys(other.setting for other in found.values() if other.setting))
    first = next(iter(found))
    read = f"Set {settings[0]}" if settings else f"Write bare numbers, or leave them out with {_drop([first], dropped)}"
    return f"{read}; dataset.types.{first}=categorical takes the values for categories."


def _notes(
    frame: pl.DataFrame, types: Mapping[str, ColumnType], dropped: Sequence[str], notation: Notation
) -> tuple[str, ...]:
    import polars as pl

    notes: list[str] = []
    for column in frame:
        name = f"column '{column.name}'"
        is_text = column.dtype == pl.String and column.name not in types
        if column.null_count() == len(column):
            notes.append(f"{name} has no values at all")
        elif column.null_count() == 0 and column.n_unique() == 1:
            notes.append(f"{name} has the same value in every row")
        elif why := like_an_identifier(column):
            along = f", dataset.id={column.name} takes it along" if column.name else ""
            left_out = f"{_drop([column.name], dropped)} leaves it out"
            notes.append(f"{name} {why}, as an identifier does; {left_out}{along}")
        elif is_text and (other := other_notation(column, notation)):
            setting = f"; {other.setting} reads them" if other.setting else ""
            notes.append(f"{name} {other}: taken for categories{setting}")
        elif is_text and mostly_differs(column):
            notes.append(
                f"{name} is text that differs in most rows; {_drop([column.name], dropped)} leaves it out"
                f"{almost_numeric(column, notation)}"
            )
        elif is_text and (hint := almost_numeric(column, notation)):
            notes.append(f"{name} is taken for categories{hint}")
        if column.dtype == pl.String and column.n_unique() <= _MOST_SPELLINGS:
            notes += spelling_notes(column)
    return tuple(notes)


def _drop(names: list[str], dropped: Sequence[str]) -> str:
    """Return the setting that leaves out these columns too; it takes the place of the one before."""
    before = [*dropped[:_MOST_DROPPED], "..."] if len(dropped) > _MOST_DROPPED else dropped
    return f"dataset.drop=[{', '.join([*before, *names[:8]])}]"
