"""Checks of a dataset: values that nothing can be learned from, and facts about how its parts relate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import counted, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import LARGEST, Dataset

_CHUNK = 2**22


def check_values(dataset: Dataset) -> None:
    """Refuse values that nothing can be learned from; call before splitting.

    Args:
        dataset: What was loaded.

    Raises:
        DataError: NaN or infinity in the inputs or targets, a single class, a constant target, codes without a class.
    """
    if dataset.num_rows == 0:
        raise DataError("the dataset has no rows", remedy="Check the file and dataset.limit.")
    if isinstance(dataset.x, np.ndarray):
        require_finite(dataset.x, "the inputs")
    require_finite(dataset.y, "the targets")
    if dataset.task in ("binary", "multiclass"):
        highest = int(dataset.y.max())
        if dataset.y.min() < 0 or highest >= len(dataset.class_names):
            raise DataError(
                f"the targets hold the code {highest}, there are {len(dataset.class_names)} classes",
                remedy="The file is damaged, or its labels are not those of this dataset.",
            )
    require_variety(dataset, np.arange(dataset.num_rows), "the dataset")
    _require_varied_labels(dataset)


def require_finite(values: NDArray[Any], what: str) -> None:
    """Refuse NaN, infinity and what is too large for the 32-bit floats of learners.

    Args:
        values: Numbers of any shape; the first axis counts rows.
        what: What they are, for the message.

    Raises:
        DataError: With the number of such values and the first place, or the largest value.
    """
    if values.dtype.kind != "f" or values.size == 0:
        return
    for first, chunk in _chunks(values):
        # NaN and infinity survive a sum: one pass without temporary arrays finds that all is well.
        with np.errstate(invalid="ignore", over="ignore"):
            if np.isfinite(chunk.sum(dtype=np.float64)):
                _require_moderate(chunk, what)
                continue
        bad = ~np.isfinite(chunk)
        if not bad.any():
            _require_moderate(chunk, what)
            continue
        place = np.argwhere(bad)[0]
        number = sum(int((~np.isfinite(part)).sum()) for _, part in _chunks(values))
        raise DataError(
            f"{what} are NaN or infinite at {counted(number, 'place')}, the first is {chunk[tuple(place)]} in "
            f"row {first + int(place[0])}{_position(place[1:])} (from 0)",
            remedy="Remove these rows or fill the values in; missing values of csv and parquet tables are filled in "
            "by preprocessing.",
        )


def _require_moderate(values: NDArray[Any], what: str) -> None:
    largest = max(values.max(), -values.min()) if values.dtype.itemsize > 4 else 0
    if largest > LARGEST:
        raise DataError(
            f"{what} reach {largest:g}, more than a 32-bit float can hold ({LARGEST:.2g})",
            remedy="Correct these values, or divide them all by a constant.",
        )


def _position(place: NDArray[np.int64]) -> str:
    if len(place) == 0:
        return ""
    return f", column {place[0]}" if len(place) == 1 else f", position {tuple(place.tolist())}"


def _chunks(values: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    rows = max(1, _CHUNK // max(1, values[0].size))
    for first in range(0, len(values), rows):
        yield first, values[first : first + rows]


def require_variety(dataset: Dataset, rows: NDArray[np.int64], where: str) -> None:
    """Refuse rows of a single class or with a constant target.

    Args:
        dataset: What was loaded.
        rows: The rows to look at.
        where: What they are, for the message.

    Raises:
        DataError: There is nothing to learn from them.
    """
    y = dataset.y[rows]
    if dataset.task in ("binary", "multiclass"):
        if (y == y[0]).all():
            raise DataError(
                f"{where} holds one class only: '{dataset.class_names[int(y[0])]}'",
                remedy="There is nothing to learn from one class: check the target, dataset.limit and "
                "validation.stratify.",
            )
    elif dataset.task == "regression":
        constant = np.flatnonzero((y == y[0]).all(axis=0))
        if len(constant):
            name = dataset.target_names[constant[0]] if dataset.target_names else str(constant[0])
            raise DataError(
                f"the target '{name}' is {y[0, constant[0]]:g} in every row of {where}",
                remedy="There is nothing to learn from a constant target: check dataset.target and dataset.limit.",
            )


def require_weight(dataset: Dataset, rows: NDArray[np.int64], where: str) -> None:
    """Refuse rows none of which weighs anything; arguments and errors as `require_variety` has them."""
    weights = dataset.weights_of(rows)
    if weights is not None and len(rows) and not weights.any():
        raise DataError(
            f"every row of {where} weighs 0 in '{dataset.roles['weight'].column}'",
            remedy="Use larger parts, or leave rows out that weigh nothing.",
        )


def _require_varied_labels(dataset: Dataset) -> None:
    if dataset.task != "multilabel":
        return
    constant = np.flatnonzero((dataset.y == dataset.y[0]).all(axis=0))
    if len(constant):
        names = quoted_list(dataset.class_names[label] for label in constant)
        raise DataError(
            f"labels have the same value in every row of the dataset: {names}",
            remedy="There is nothing to learn from a constant label: check dataset.target and dataset.limit.",
        )
