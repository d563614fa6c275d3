"""Roles: columns that are no inputs but tell of the rows what they are, belong to, when they were, and how they count.

Ids and groups are text, or whole numbers where the text is nothing else. Times are numbers, dates or dates and times,
all of a column alike: text as ISO 8601 writes it, `2024-12-31` or `2024-12-31 23:59:30`, with or without a zone; with
one they are in UTC. Weights are numbers from 0 up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import counted, quoted
from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import LARGEST
from dlrun.experiment.datasets.role import Role, RoleName
from dlrun.experiment.datasets.tables.columns import as_numbers, as_text, is_whole
from dlrun.experiment.datasets.tables.notation import PLAIN, Notation

if TYPE_CHECKING:
    import polars as pl

_LONGEST = 200
"""Characters of an id or a group: every row of an array takes as much room as the longest."""

_ISO = (
    r"^\s*(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<minute>\d{2}:\d{2})(?::(?P<second>\d{2}(?:\.\d{1,9})?))?\s?(?P<zone>Z|[-+]\d{2}:?\d{2})?)?\s*$"
)
_FORM = "%Y-%m-%dT%H:%M:%S%.f"

_FILL_IN: dict[RoleName, str] = {
    "id": "Fill them in, or leave dataset.id out: predictions hold the numbers of the rows in any case.",
    "group": "Fill them in; a row that belongs to no other is a group of its own, with a name of its own.",
    "time": "Fill them in, or leave these rows out.",
    "weight": "Fill them in: 1 is a row like any other, 0 takes a row out of loss and scores.",
}
_AS_TIMES = (
    "Write all of them as numbers, as dates such as 2024-12-31, or as dates and times such as 2024-12-31 23:59:30; "
    "03/04/2024 is not the same day everywhere."
)


def _nothing() -> str:
    return ""


def read_role(
    role: RoleName, column: pl.Series, notation: Notation = PLAIN, held: Callable[[], str] = _nothing
) -> Role:
    """Read a column that is no input.

    Args:
        role: What it is for.
        column: Its values, of whatever type the file gives them.
        notation: How numbers are written where they are text.
        held: Tells which texts of the file mean a missing value; asked if one is missing.

    Raises:
        DataError: A value is missing, or none that the role takes; says in which row.
    """
    import polars as pl

    unfit = (pl.Binary, pl.Object, pl.Time, pl.Duration, *([] if role in ("id", "group") else [pl.Boolean]))
    if column.dtype.is_nested() or column.dtype in unfit:
        raise DataError(
            f"dataset.{role}: the column {quoted(column.name)} is of type {column.dtype}", remedy=f"{_EXPECTED[role]}."
        )
    _require_values(role, column, held)
    values = _READERS[role](role, column, notation)
    if role == "weight" and not values.any():
        raise DataError(
            f"dataset.weight: every row weighs 0 in {quoted(column.name)}",
            remedy="Give the rows that count a weight above 0, or leave dataset.weight out.",
        )
    return Role(column.name, values)


def _require_values(role: RoleName, column: pl.Series, held: Callable[[], str]) -> None:
    missing = column.is_null() | column.is_nan() if column.dtype.is_float() else column.is_null()
    if missing.any():
        raise DataError(
            f"dataset.{role}: no value in {quoted(column.name)} for {counted(int(missing.sum()), 'row')}, the first is "
            f"row {missing.arg_max()} (from 0){held()}",
            remedy=_FILL_IN[role],
        )


def read_weights(column: pl.Series, notation: Notation = PLAIN) -> NDArray[np.float64]:
    """Read weights of some of the rows of a file as `read_role` does, be they all 0.

    Args:
        column: Their values.
        notation: How numbers are written where they are text.

    Raises:
        DataError: A value is missing, or no weight; says in which row.
    """
    _require_values("weight", column, _nothing)
    return _weights("weight", column, notation)


def read_array(role: RoleName, name: str, parts: Sequence[NDArray[Any]]) -> Role:
    """Read arrays of shape (rows,), one of the rows to learn from and perhaps one of the own test part, as `read_role`.

    Args:
        role: What they are for.
        name: Name of the first one.
        parts: Numbers, truth values, text, or dates and times.

    Raises:
        DataError: As `read_role`, or they are of different kinds.
    """
    kinds = {part.dtype.kind.replace("u", "i") for part in parts}
    if len(kinds) > 1:
        types = " and ".join(dict.fromkeys(str(part.dtype) for part in parts))
        raise DataError(f"dataset.{role}: the array {quoted(name)} is of type {types}", remedy=f"{_EXPECTED[role]}.")
    return read_role(role, as_series(role, name, np.concatenate(parts)))


def as_series(role: RoleName, name: str, values: NDArray[Any]) -> pl.Series:
    """Return an array of shape (rows,) as a column.

    Args:
        role: What it is for.
        name: Its name.
        values: Numbers, truth values, text, or dates and times.

    Raises:
        DataError: It holds something else.
    """
    import polars as pl

    if values.dtype.kind not in "biufUSM":
        message = f"dataset.{role}: the array {quoted(name)} is of type {values.dtype}"
        raise DataError(message, remedy=f"{_EXPECTED[role]}.")
    if values.dtype.kind == "S":
        try:
            values = np.char.decode(values, "utf-8")
        except UnicodeDecodeError as error:
            message = f"dataset.{role}: the array {quoted(name)} holds text that is not UTF-8"
            raise DataError(message, remedy="Save it as text, not as bytes.") from error
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]")
    return pl.Series(name, np.ascontiguousarray(values))


def test_name(name: str) -> str:
    """Return what the array of the own test part is called, beside one of the rows to learn from."""
    return f"{name.removesuffix('_train')}_test"


def notes_of(roles: Mapping[RoleName, Role]) -> tuple[str, ...]:
    """Return what the user should know about columns that are no inputs.

    Args:
        roles: What was read.
    """
    notes = []
    if "id" in roles:
        notes += _notes_of_ids(roles["id"], has_groups="group" in roles)
    if "weight" in roles:
        notes.append(_note_of_weights(roles["weight"]))
    return tuple(notes)


def _notes_of_ids(ids: Role, *, has_groups: bool) -> list[str]:
    found, first = np.unique(ids.values, return_index=True)
    if len(found) == len(ids.values):
        return []
    again = np.setdiff1d(np.arange(len(ids.values)), first)[0]
    group = "" if has_groups else f"; if rows of one id belong together, dataset.group={ids.column} says so"
    return [
        f"dataset.id: {quoted(ids.column)} holds {len(found):,} different ids in {len(ids.values):,} rows, the first "
        f"that comes again is {quoted(ids.values[again])} in row {again} (from 0){group}"
    ]


def _note_of_weights(weights: Role) -> str:
    values = weights.values
    low, high, num_zero = values.min(), values.max(), int((values == 0).sum())
    if low == high:
        return f"dataset.weight: every row weighs {low:g} in {quoted(weights.column)}, so that scores are plain ones"
    zero = f", {counted(num_zero, 'row')} of them nothing" if num_zero else ""
    return f"loss and scores weigh rows by {quoted(weights.column)}, from {low:g} to {high:g}{zero}"


def _names(role: RoleName, column: pl.Series, notation: Notation) -> NDArray[Any]:  # noqa: ARG001 - what all take
    """Return ids or groups: whole numbers if that is all that they are, else text."""
    text = as_text(column)
    too_long = text.str.len_chars() > _LONGEST
    if too_long.any():
        first = too_long.arg_max() or 0
        _refuse(role, column, first, f"{quoted(text[first])}, and such a name has at most {_LONGEST} characters")
    return as_names(text)


def as_names(column: pl.Series) -> NDArray[Any]:
    """Return ids or groups as an array: whole numbers if that is all that they are, else text; missing ones are empty.

    Args:
        column: Text or whole numbers.
    """
    import polars as pl

    text = as_text(column).fill_null("")
    numbers = text.cast(pl.Int64, strict=False)
    if not numbers.null_count() and (numbers.cast(pl.String) == text).all():
        return numbers.to_numpy()
    return np.array(text.to_list(), dtype=np.str_)


def _weights(role: RoleName, column: pl.Series, notation: Notation) -> NDArray[np.float64]:
    weights = _numbers(role, column, notation)
    wrong = np.flatnonzero(~(weights >= 0) | (weights > LARGEST))
    if len(wrong):
        others = f" and in {counted(len(wrong) - 1, 'more row')}" if len(wrong) > 1 else ""
        _refuse(role, column, int(wrong[0]), f"{weights[wrong[0]]:g}{others}, which is no weight")
    return weights


def _numbers(role: RoleName, column: pl.Series, notation: Notation) -> NDArray[np.float64]:
    import polars as pl

    remedy = f"{_EXPECTED[role]}."
    if column.dtype == pl.String and not notation.is_plain:
        return notation.numbers(column, remedy).cast(pl.Float64).to_numpy()
    return as_numbers(column, remedy).to_numpy()


def _times(role: RoleName, column: pl.Series, notation: Notation) -> NDArray[Any]:
    """Return numbers, or dates and times in microseconds, in UTC if they have a zone."""
    import polars as pl

    if column.dtype == pl.String:
        inferred = notation.inferred(column)
        column = inferred if inferred.dtype.is_numeric() else _parsed(column, notation)
    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("us")).to_numpy()
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is not None:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return column.cast(pl.Datetime("us")).to_numpy()
    if is_whole(column) and column.dtype != pl.UInt64:
        return column.cast(pl.Int64).to_numpy()
    numbers = _numbers(role, column, notation)
    infinite = np.flatnonzero(~np.isfinite(numbers))
    if len(infinite):
        _refuse(role, column, int(infinite[0]), f"{numbers[infinite[0]]}, which is no time")
    return numbers


def _parsed(text: pl.Series, notation: Notation) -> pl.Series:
    """Parse dates, or dates and times, of which all or none have a zone; raises DataError."""
    import polars as pl

    parts = text.str.extract_groups(_ISO).struct.unnest()
    clock = (pl.col("minute").fill_null("00:00"), pl.lit(":"), pl.col("second").fill_null("00"))
    written = parts.select(pl.concat_str("day", pl.lit("T"), *clock)).to_series()
    times = written.str.to_datetime(_FORM, time_unit="us", strict=False)
    if times.null_count():
        neither = times.is_null() & notation.canonical(text).is_null()
        first = (neither if neither.any() else times.is_null()).arg_max() or 0
        what = "which is neither a number nor a date nor a time" if neither.any() else "where others are dates"
        _refuse("time", text, first, f"{quoted(text[first])}, {what}")
    zones = parts["zone"]
    if zones.null_count() == len(zones):
        return times
    if zones.null_count():
        first = zones.is_null().arg_max() or 0
        _refuse("time", text, first, f"{quoted(text[first])} without a zone, where others have one")
    digits = zones.replace("Z", "+00:00").str.replace(":", "")
    minutes = (digits.str.slice(1, 2).cast(pl.Int64) * 60 + digits.str.slice(3, 2).cast(pl.Int64)).to_numpy()
    east = np.where(digits.str.starts_with("-").to_numpy(), -minutes, minutes)
    return times - pl.Series(east * 60_000_000).cast(pl.Duration("us"))


def _refuse(role: RoleName, column: pl.Series, row: int, found: str) -> NoReturn:
    raise DataError(
        f"dataset.{role}: {quoted(column.name)} holds {found}, in row {row} (from 0)", remedy=f"{_EXPECTED[role]}."
    )


_EXPECTED: dict[RoleName, str] = {
    "id": "Ids are text or whole numbers",
    "group": "Groups are text or whole numbers",
    "time": _AS_TIMES.removesuffix("."),
    "weight": "Weights are numbers from 0 up; correct these, or leave dataset.weight out",
}
_READERS: dict[RoleName, Callable[[RoleName, pl.Series, Notation], NDArray[Any]]] = {
    "id": _names,
    "group": _names,
    "time": _times,
    "weight": _weights,
}
