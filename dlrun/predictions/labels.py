"""Labels: the true values of new rows, in the codes that a run learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import counted, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.tables.columns import as_numbers, as_text
from dlrun.experiment.datasets.tables.spelling import number_in
from dlrun.experiment.datasets.targets import decoded
from dlrun.predictions.description import Description

if TYPE_CHECKING:
    import polars as pl

_REMEDY = "Give data with the labels that the run was trained on, in the same words."


def encode(targets: pl.DataFrame | NDArray[Any], description: Description) -> NDArray[Any]:
    """Turn true values into those of `Dataset.y`.

    Args:
        targets: Columns of a table, or an array of shape (rows,) or (rows, targets).
        description: What the run predicts.

    Returns:
        Codes (rows,), 0/1 labels (rows, labels) or numbers (rows, targets).

    Raises:
        DataError: A value is missing, or none that the run knows.
    """
    columns = _columns(targets)
    for column in columns:
        _require_present(column)
    facts = description.facts
    if facts.task == "regression":
        _require_number(columns, facts.num_outputs, "targets")
        numbers: NDArray[np.float64] = np.stack([as_numbers(column, _REMEDY).to_numpy() for column in columns], axis=1)
        return numbers
    if facts.task == "multilabel":
        _require_number(columns, facts.num_outputs, "labels")
        labels: NDArray[np.float32] = np.stack(
            [_zeros_and_ones(column) for column in columns], axis=1, dtype=np.float32, casting="unsafe"
        )
        return labels
    if len(columns) == 1:
        return _codes(columns[0], description.class_names)
    _require_number(columns, len(description.class_names), "one-hot classes")
    return np.asarray(np.argmax([_zeros_and_ones(column) for column in columns], axis=0), np.int64)


def _columns(targets: pl.DataFrame | NDArray[Any]) -> list[pl.Series]:
    import polars as pl

    if not isinstance(targets, np.ndarray):
        return targets.get_columns()
    if targets.dtype.kind not in "biufUS":
        raise DataError(f"the targets are of type {targets.dtype}, expected numbers, booleans or text", remedy=_REMEDY)
    values = decoded(targets) if targets.dtype.kind == "S" else targets
    flat = values.reshape(len(values), -1)
    names = ["y"] if flat.shape[1] == 1 else [f"y_{column}" for column in range(flat.shape[1])]
    return [pl.Series(name, np.ascontiguousarray(column)) for name, column in zip(names, flat.T, strict=True)]


def _require_present(column: pl.Series) -> None:
    missing = column.is_null()
    if column.dtype.is_float():
        missing = missing | column.is_nan().fill_null(value=False)
    if missing.any():
        raise DataError(
            f"no label in '{column.name}' for {counted(int(missing.sum()), 'row')}, the first is row "
            f"{missing.arg_max()} (from 0)",
            remedy="Leave these rows out, or fill the labels in.",
        )


def _require_number(columns: list[pl.Series], expected: int, what: str) -> None:
    if len(columns) != expected:
        raise DataError(f"the data have {counted(len(columns), 'target')}, expected {expected} {what}", remedy=_REMEDY)


def _zeros_and_ones(column: pl.Series) -> NDArray[Any]:
    import polars as pl

    if column.dtype == pl.String:
        column = column.str.to_lowercase().replace({"true": "1", "false": "0"})
    values = as_numbers(column, _REMEDY).to_numpy()
    if not ((values == 0) | (values == 1)).all():
        raise DataError(f"the label '{column.name}' holds values other than 0 and 1", remedy=_REMEDY)
    return np.asarray(values)


def _codes(column: pl.Series, class_names: tuple[str, ...]) -> NDArray[np.int64]:
    """Find each value among the names of classes; 1, 1.0 and `1` are the same, and so are true and True."""
    import polars as pl

    text = as_text(column)
    known = text.cast(pl.Enum(class_names), strict=False)
    if known.null_count():
        other = _spelled(text, class_names).cast(pl.Enum(class_names), strict=False)
        known = pl.select(pl.coalesce(known, other)).to_series()
    strange = text.filter(known.is_null())
    if len(strange):
        raise DataError(
            f"'{column.name}' holds labels that the run does not know, in {counted(len(strange), 'row')}: "
            f"{quoted_list(strange.unique(maintain_order=True).to_list(), most=5)}; "
            f"it knows {quoted_list(class_names)}",
            remedy=_REMEDY,
        )
    codes: NDArray[np.int64] = known.to_physical().cast(pl.Int64).to_numpy()
    return codes


def _spelled(text: pl.Series, class_names: tuple[str, ...]) -> pl.Series:
    """Write values as classes are named where these are different numbers, or truth values."""
    by_key = {_key(name): name for name in class_names}
    if len(by_key) < len(class_names) or None in by_key:
        return text
    found = text.unique().drop_nulls().to_list()
    return text.replace_strict(found, [by_key.get(_key(value)) for value in found], default=None)


def _key(text: str) -> str | float | None:
    """Return the truth value or the number that a text is; None if it is neither."""
    if text.lower() in ("false", "true"):
        return f"is {text.lower()}"
    return number_in(text)
