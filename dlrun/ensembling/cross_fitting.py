"""Cross-fitting: predictions whose weights have not seen the rows that they are scored on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dlrun.ensembling import combining
from dlrun.ensembling.methods.method import Method
from dlrun.ensembling.stack import Stack

_STREAM = 0xC405
"""Sets the division apart from other random numbers made of the same seed."""


def divide(stack: Stack, num_parts: int, seed: int) -> NDArray[np.int64]:
    """Divide the rows at random into parts of equal size, with even shares of the classes.

    Args:
        stack: The rows; predictions of the same row stay together.
        num_parts: Parts wanted; there are fewer if there are fewer rows.
        seed: Same seed and rows, same parts.

    Returns:
        The part of each prediction, shape (rows,).
    """
    rows, first, place = np.unique(stack.rows, return_index=True, return_inverse=True)
    generator = np.random.default_rng([seed, _STREAM])
    order = generator.permutation(len(rows))
    if stack.task in {"binary", "multiclass"}:
        order = order[np.argsort(stack.y_true[first][order], kind="stable")]
    parts = np.empty(len(rows), dtype=np.int64)
    parts[order] = np.arange(len(rows)) % min(num_parts, len(rows))
    divided: NDArray[np.int64] = parts[place]
    return divided


def cross_fitted(
    method: Method, stack: Stack, metric: str, parts: NDArray[np.int64], *, seed: int, max_members: int | None = None
) -> NDArray[np.float64]:
    """Predict every part with what was fitted on the others.

    Args:
        method: How to combine.
        stack: Members and true values.
        metric: Name of the metric to score best by.
        parts: Part of each prediction, as `divide` returns it.
        seed: Where random numbers come from.
        max_members: As in `combining.fit`.

    Returns:
        Shape (rows, outputs).

    Raises:
        UsageError: These members cannot be combined in this way.
    """
    combined = np.empty((stack.num_rows, stack.num_outputs))
    for part in range(parts.max() + 1):
        inside = np.flatnonzero(parts == part)
        fitted = combining.fit(
            method, stack.of_rows(np.flatnonzero(parts != part)), metric, seed=seed, max_members=max_members
        )
        combined[inside] = combining.predict(fitted, stack.y_pred[:, inside])
    return combined
