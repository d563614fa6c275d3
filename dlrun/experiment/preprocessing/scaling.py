"""Scaling: statistics of training rows, and their use on any row, in pieces that bound the memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.validation.plan import Rows

Scaling = Literal["none", "standardize", "minmax"]
"""`standardize`: mean 0 and standard deviation 1 on training rows; `minmax`: 0 to 1 on training rows."""

_PIECE = 2**20


def fit_scaling(x: NDArray[Any], rows: Rows, scaling: Scaling, columns: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return offset and scale, so that (x - offset) / scale is scaled; a constant column gets its value and 1.

    Args:
        x: Numbers of shape (rows, ..., columns), or of any shape if `columns` is 1.
        rows: Training rows; nothing else is looked at.
        scaling: How to scale.
        columns: Columns with statistics of their own: the size of the last axis, or 1 for one pair for all values.

    Returns:
        Offset and scale, float64 of shape (columns,).
    """
    if scaling == "none":
        return np.zeros(columns), np.ones(columns)
    total, count = np.zeros(columns), 0
    lowest, highest = np.full(columns, np.inf), np.full(columns, -np.inf)
    for piece in _pieces(x, rows, columns):
        total += piece.sum(axis=0)
        count += len(piece)
        lowest = np.minimum(lowest, piece.min(axis=0))
        highest = np.maximum(highest, piece.max(axis=0))
    if scaling == "minmax":
        offset, scale = lowest, highest - lowest
    else:
        offset = total / count
        squares = np.zeros(columns)
        for piece in _pieces(x, rows, columns):
            squares += np.square(piece - offset).sum(axis=0)
        scale = np.sqrt(squares / count)
    # Rounding can leave a constant column with a tiny standard deviation, which would blow up what differs from it.
    constant = (lowest == highest) | (scale == 0)
    return np.where(constant, lowest, offset), np.where(constant, 1.0, scale)


def scale_rows(x: NDArray[Any], offset: NDArray[Any], scale: NDArray[Any]) -> NDArray[np.float32]:
    """Return (x - offset) / scale, computed in float64.

    Args:
        x: Numbers of shape (rows, ..., columns).
        offset: Shape (columns,) or (1,).
        scale: As `offset`.
    """
    out = np.empty(x.shape, np.float32)
    step = max(1, _PIECE // max(1, int(np.prod(x.shape[1:]))))
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, len(x), step):
            piece = slice(first, first + step)
            out[piece] = (x[piece] - offset) / scale
    return out


def _pieces(x: NDArray[Any], rows: Rows, columns: int) -> Iterator[NDArray[np.float64]]:
    step = max(1, _PIECE // max(1, int(np.prod(x.shape[1:]))))
    for first in range(0, len(rows), step):
        yield x[rows[first : first + step]].astype(np.float64).reshape(-1, columns)
