"""Frames: data frames and columns of any library as those of polars, and arrays of objects as what they hold.

pandas is not needed, and is never imported: its frames are known by what they can do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError

if TYPE_CHECKING:
    import polars as pl


def as_frame(value: Any) -> pl.DataFrame | None:
    """Return a data frame of polars, pandas or Arrow as one of polars; None if it is no frame.

    The index of a pandas frame is left out: it numbers or names rows.

    Args:
        value: Anything.

    Raises:
        DataError: A column mixes text and numbers, or cannot be read.
    """
    import polars as pl

    if isinstance(value, pl.LazyFrame):
        return value.collect()
    if isinstance(value, pl.DataFrame):
        return _named(value)
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        return pl.DataFrame([_column(str(name), value.iloc[:, place]) for place, name in enumerate(value.columns)])
    if hasattr(value, "__arrow_c_stream__") and hasattr(value, "column_names"):
        return _named(pl.DataFrame(value))
    return None


def as_array(value: Any, where: str) -> NDArray[Any]:
    """Return an array, a column or a list as an array; objects become text, truth values or numbers.

    Args:
        value: What numpy can make an array of.
        where: What it is, for the message.

    Raises:
        DataError: It is no array, or holds objects that are none of these, or not of one kind.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{where} is no array: {error}", remedy="Give one value, or as many values, a row.") from error
    if array.dtype.kind not in "OT":
        return array
    kinds = {type(item) for item in array.flat}
    if all(issubclass(kind, str) for kind in kinds):
        return array.astype(np.str_)
    if all(issubclass(kind, bool | np.bool_) for kind in kinds):
        return array.astype(np.bool_)
    if all(issubclass(kind, int | float | np.integer | np.floating) for kind in kinds):
        return np.array(array.tolist())
    names = sorted(kind.__name__ for kind in kinds)
    raise DataError(
        f"{where} holds values of the types {', '.join(names[:4])}",
        remedy="Give numbers, truth values or text alone, and no missing ones where labels are.",
    )


def name_of(value: Any) -> str:
    """Return the name that a column goes by; empty if it has none."""
    name = getattr(value, "name", None)
    return name if isinstance(name, str) else ""


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose categories are text: two frames number theirs differently."""
    import polars as pl

    named = [column.cast(pl.String) for column in frame if column.dtype in (pl.Categorical, pl.Enum)]
    return frame.with_columns(named)


def _column(name: str, column: Any) -> pl.Series:
    """Return a column of pandas: missing values of whatever kind are null."""
    import polars as pl

    values, missing = column.to_numpy(), np.asarray(column.isna())
    if values.dtype.kind != "O":
        series = pl.Series(name, np.ascontiguousarray(values))
        return series.fill_nan(None) if series.dtype.is_float() else series
    items = [None if gone else value for value, gone in zip(values.tolist(), missing.tolist(), strict=True)]
    try:
        return pl.Series(name, items)
    except (TypeError, pl.exceptions.PolarsError) as error:
        kinds = sorted({type(item).__name__ for item in items if item is not None})
        raise DataError(
            f"column '{name}' mixes values of the types {', '.join(kinds[:4])}",
            remedy="Give it one type, such as with frame[column].astype(str).",
        ) from error
