"""Targets of a table: what its columns hold, read so that classes keep the names that the file gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dlrun.base.settings import Auto
from dlrun.base.words import quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.datasets.tables.columns import ColumnType, as_numbers, as_text, is_whole
from dlrun.experiment.datasets.tables.dates import is_date
from dlrun.experiment.datasets.tables.notation import Notation, other_notation
from dlrun.experiment.datasets.tables.spelling import differ_in_blanks, differ_in_case, examples
from dlrun.experiment.datasets.tables.text_columns import MAX_INFERRED_CLASSES, is_free_text, text_among_numbers
from dlrun.experiment.datasets.targets import Targets, encode

if TYPE_CHECKING:
    import polars as pl

Infer = Callable[["pl.Series"], "pl.Series"]
"""Returns a column of text as what it seems to hold: whole numbers, numbers, truth values, or text as before."""


def check_target(target: pl.Series, infer: Infer, notation: Notation) -> None:
    """Refuse a target of text that would become as many classes, though it seems to be something else.

    Args:
        target: The column as it was read, with every row of the file.
        infer: How text is read.
        notation: How numbers are written.

    Raises:
        DataError: It holds a few texts among numbers, numbers in another notation, dates, or names of single rows.
    """
    import polars as pl

    if target.dtype != pl.String or infer(target).dtype != pl.String:
        return
    name = target.name
    as_names = f"dataset.types.{name}=categorical takes all values for names of classes."
    if is_date(target):
        raise DataError(
            f"the target '{name}' holds dates or times, such as '{target.drop_nulls()[0]}'",
            remedy=f"Convert it to numbers, such as the days since a first day. {as_names}",
        )
    if found := text_among_numbers(target, notation):
        raise DataError(
            f"the target '{name}' {found}",
            remedy=f"Correct {quoted_list(found.texts)}, or leave the rows out: add them to dataset.missing, and set "
            "dataset.drop_unlabeled_rows=true. dataset.task=multiclass takes all values for names of classes.",
        )
    other = other_notation(target, notation)
    if other and other.num_distinct > MAX_INFERRED_CLASSES:
        remedy = f"Set {other.setting}." if other.setting else "Write bare numbers, or leave the cells empty."
        raise DataError(f"the target '{name}' {other}", remedy=f"{remedy} {as_names}")
    if is_free_text(target):
        raise DataError(
            f"the target '{name}' is text that differs in most rows: {target.n_unique():,} different values in "
            f"{len(target):,} rows",
            remedy=f"Nothing can be learned of classes with one row each: check dataset.target. {as_names}",
        )


def targets_of(
    columns: Sequence[pl.Series], task: Task | Auto, types: Mapping[str, ColumnType], infer: Infer
) -> Targets:
    """Turn the columns of the targets into those of a `Dataset`.

    Args:
        columns: One target or several, without missing values.
        task: What the config asks for.
        types: What the config says of columns.
        infer: How text is read.

    Raises:
        DataError: The columns cannot be used as asked.
    """
    import polars as pl

    for column in columns:
        if column.dtype.is_temporal() or column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
            raise DataError(
                f"the target '{column.name}' is of type {column.dtype}", remedy="Targets are numbers, booleans or text."
            )
    names = tuple(column.name for column in columns)
    if len(columns) == 1:
        return _single(columns[0], task, types.get(names[0]), infer)
    typed = [infer(column) if column.dtype == pl.String else column for column in columns]
    return encode(_stacked(typed), task, names)


def _single(column: pl.Series, task: Task | Auto, wanted: ColumnType | None, infer: Infer) -> Targets:
    import polars as pl

    names = (column.name,)
    if wanted == "categorical":
        return _named(as_text(column), task)
    if wanted == "numeric":
        numbers = as_numbers(infer(column) if column.dtype == pl.String else column)
        return encode(numbers.to_numpy(), "regression" if task == "auto" else task, names)
    typed = infer(column) if column.dtype == pl.String else column
    if not (typed.dtype.is_numeric() or typed.dtype == pl.Boolean):
        return _named(typed.cast(pl.String), task)
    written = column if column.dtype == pl.String else None
    targets = encode(_stacked([typed]), task, names, written=written)
    if written is not None and targets.task == "regression" and written.str.contains(r"^-?0\d").any():
        first = written.filter(written.str.contains(r"^-?0\d"))[0]
        note = (
            f"the target '{column.name}' is written with zeros in front, such as '{first}', as codes are: taken for "
            f"numbers; dataset.types.{column.name}=categorical makes them classes"
        )
        return replace(targets, notes=(*targets.notes, note))
    return targets


def _named(text: pl.Series, task: Task | Auto) -> Targets:
    """Encode names of classes; what is probably one class written in two ways is refused or told."""
    import polars as pl

    class_names = text.unique().sort().to_list()
    if groups := differ_in_blanks(class_names):
        raise DataError(
            f"classes of the target '{text.name}' differ in blanks only: {examples(groups)}",
            remedy="Set dataset.strip=true, which takes blanks around values away, or correct the file.",
        )
    codes = text.cast(pl.Enum(class_names)).to_physical().cast(pl.Int64).to_numpy()
    targets = encode(codes, task, (text.name,), tuple(class_names))
    notes = list(targets.notes)
    if groups := differ_in_case(class_names):
        notes.append(
            f"classes of the target '{text.name}' differ in upper and lower case only: {examples(groups)}; they are "
            "different classes unless the file is corrected"
        )
    if other := other_notation(text):
        setting = f"; {other.setting} reads them" if other.setting else ""
        notes.append(f"the target '{text.name}' {other}: taken for names of classes{setting}")
    return replace(targets, notes=tuple(notes))


def _stacked(columns: Sequence[pl.Series]) -> np.ndarray[Any, np.dtype[Any]]:
    import polars as pl

    text = [column.name for column in columns if not (column.dtype.is_numeric() or column.dtype == pl.Boolean)]
    if text:
        raise DataError(
            f"the targets {quoted_list(text)} are text", remedy="Several targets must be numbers; name one target."
        )
    simple = [column.dtype.is_float() or column.dtype == pl.Boolean or is_whole(column) for column in columns]
    arrays = [(column if kept else as_numbers(column)).to_numpy() for column, kept in zip(columns, simple, strict=True)]
    return arrays[0] if len(arrays) == 1 else np.column_stack(arrays)
