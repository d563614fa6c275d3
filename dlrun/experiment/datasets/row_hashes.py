"""Row hashes: what single rows are known by, wherever they stand and whatever stands around them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.tables.columns import without_nan

if TYPE_CHECKING:
    import polars as pl

_SIZE = 8


def row_hashes(x: NDArray[Any] | pl.DataFrame, columns: Sequence[str] = ()) -> NDArray[np.uint64]:
    """Hash the inputs of each row; equal rows have equal hashes, however their numbers were stored.

    Args:
        x: Inputs of the form that a dataset has.
        columns: Columns of a table to look at; all unless given.

    Returns:
        The first 64 bits of BLAKE2b of each row, shape (rows,).
    """
    rows = _array_rows(x) if isinstance(x, np.ndarray) else _table_rows(x, columns)
    digests = b"".join(hashlib.blake2b(row, digest_size=_SIZE).digest() for row in rows)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _array_rows(x: NDArray[Any]) -> list[bytes]:
    numbers = np.array(x, "<f4") + np.float32(0)  # minus zero is zero
    numbers[np.isnan(numbers)] = np.nan
    return [row.tobytes() for row in numbers]


def _table_rows(x: pl.DataFrame, columns: Sequence[str]) -> list[bytes]:
    """Write rows as text; a number is the same whether it was read as one or as text."""
    import polars as pl

    told = []
    for name in sorted(columns or x.columns):
        column = x[name]
        text = column.cast(pl.String)
        numbers = column.cast(pl.Float64) if column.dtype.is_numeric() else text.cast(pl.Float64, strict=False)
        pairs = zip(without_nan(numbers).to_list(), text.to_list(), strict=True)
        told.append([repr(text) if number is None else repr(number + 0.0) for number, text in pairs])
    return ["|".join(row).encode() for row in zip(*told, strict=True)]
