"""Predictions: what a run has stored of its validation and test rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError, StorageError
from dlrun.experiment.datasets.role import ROLES
from dlrun.records.arrays import decode_arrays, read_arrays
from dlrun.records.folder import RunFolder


class Unfit(Exception):
    """Why a run cannot be a member."""


@dataclass(frozen=True)
class Rows:
    """The rows that a run predicted, in an order of their own: by fold, then by row.

    Args:
        order: What puts its validation predictions into this order.
        validation: Rows, then folds, shape (2, rows).
        test_order: What puts its test predictions in order.
        test: Rows, shape (rows,); empty without a test set.
    """

    order: NDArray[np.int64]
    validation: NDArray[np.int64]
    test_order: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def key(self) -> bytes:
        parts = (self.validation.tobytes(), b"|", self.test.tobytes())
        return hashlib.blake2b(b"".join(parts), digest_size=16).digest()


def _load(run: RunFolder, part: str, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Read some arrays of a file of predictions."""
    file = run.file(f"predictions/{part}.npz")
    content = file.read_bytes()
    try:
        return decode_arrays(content, file.name, names)
    except DataError as error:
        raise Unfit(f"predictions/{part}.npz is damaged") from error


def read_rows(run: RunFolder) -> Rows:
    """Read which rows a run has predicted.

    Raises:
        Unfit, StorageError: There are no such predictions.
    """
    found = _load(run, "validation", ["row", "fold"])
    row, fold = (_numbers(found[name]) for name in ("row", "fold"))
    if len(row) != len(fold) or not len(row):
        raise Unfit("predictions/validation.npz is damaged: it holds no rows with their folds")
    order = np.lexsort((row, fold))
    test = np.empty(0, dtype=np.int64)
    if run.file("predictions/test.npz").exists():
        test = _numbers(_load(run, "test", ["row"])["row"])
    test_order = np.argsort(test, kind="stable")
    return Rows(order, np.stack([row[order], fold[order]]), test_order, test[test_order])


def read_roles(run: RunFolder, part: str, order: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Read the ids, groups, times and weights that stand beside predictions, in a given order; those that are there.

    Args:
        run: Its folder.
        part: `validation` or `test`.
        order: From `read_rows`.

    Raises:
        StorageError: They cannot be used.
    """
    file = run.file(f"predictions/{part}.npz")
    found = read_arrays(file)
    found = {name: found[name] for name in ROLES if name in found}
    if any(values.shape != order.shape for values in found.values()):
        raise StorageError(f"{file} is damaged: it has not one id or weight for each row")
    weights = found.get("weight", np.ones(1))
    if weights.dtype.kind != "f" or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise StorageError(f"{file} is damaged: it holds what are no weights")
    return {name: values[order] for name, values in found.items()}


def read_weights(run: RunFolder, part: str, order: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Read the weights of predictions, as `read_roles`; None if all rows weigh the same."""
    weights = read_roles(run, part, order).get("weight")
    return None if weights is None or (weights == weights[0]).all() else weights.astype(np.float64)


def _numbers(values: NDArray[Any]) -> NDArray[np.int64]:
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise Unfit("its predictions are damaged: rows and folds must be whole numbers")
    return values.astype(np.int64)


def read_part(
    run: RunFolder, part: str, order: NDArray[np.int64], num_outputs: int | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read true values and predictions of a part, in a given order.

    Args:
        run: Its folder.
        part: `validation` or `test`.
        order: From `read_rows`.
        num_outputs: Outputs that the predictions must have; None for as many as there are targets.

    Raises:
        Unfit, StorageError: They cannot be used.
    """
    found = _load(run, part, ["y_true", "y_pred"])
    y_true, y_pred = found["y_true"], found["y_pred"]
    wanted = (len(order), num_outputs or y_true.shape[-1])
    if y_pred.shape != wanted or len(y_true) != len(order) or y_pred.dtype.kind != "f":
        raise Unfit(f"predictions/{part}.npz is damaged: its arrays have the wrong shape")
    if not np.isfinite(y_pred).all():
        raise Unfit(f"predictions/{part}.npz holds NaN or infinite predictions")
    return y_true[order], y_pred[order]
