"""Checks of a dataset: values that nothing can be learned from, and facts about how its parts relate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.datasets.dataset import LARGEST, Dataset
from dlrun.datasets.names import counted, listed
from dlrun.errors import DataError
from dlrun.validation.plan import Rows, SplitPlan

_CHUNK = 2**22


@dataclass(frozen=True)
class PartsReport:
    """How the parts of a dataset relate.

    Args:
        facts: For `dataset.json`: `duplicates` counts rows whose inputs equal those of another row, in all, between
            validation and training (one number a fold), and between test and development.
        notes: What of it the user should know.
    """

    facts: dict[str, Any]
    notes: tuple[str, ...]


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
    _require_variety(dataset, np.arange(dataset.num_rows), "the dataset")
    _require_varied_labels(dataset)


def check_parts(dataset: Dataset, plan: SplitPlan) -> PartsReport:
    """Compare the parts: duplicates across splits and classes that training never sees.

    Args:
        dataset: What was loaded.
        plan: How it was split.

    Raises:
        DataError: Training rows of a fold hold a single class or a constant target.
    """
    for fold in plan.folds:
        where = "the training part" if len(plan.folds) == 1 else f"the training part of fold {fold.number}"
        _require_variety(dataset, fold.training, where)
    distinct, identities = np.unique(_hashes(dataset), return_inverse=True)
    duplicates = {
        "rows": dataset.num_rows - len(distinct),
        "validation_in_training": [_shared(identities, fold.training, fold.validation) for fold in plan.folds],
        "test_in_development": _shared(identities, plan.development, plan.test),
    }
    unseen = _unseen_classes(dataset, plan)
    notes = [*_duplicate_notes(duplicates, plan), *_unseen_notes(unseen)]
    return PartsReport({"duplicates": duplicates, "classes_not_in_training": unseen}, tuple(notes))


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


def _require_variety(dataset: Dataset, rows: Rows, where: str) -> None:
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


def _require_varied_labels(dataset: Dataset) -> None:
    if dataset.task != "multilabel":
        return
    constant = np.flatnonzero((dataset.y == dataset.y[0]).all(axis=0))
    if len(constant):
        names = listed(dataset.class_names[label] for label in constant)
        raise DataError(
            f"labels have the same value in every row of the dataset: {names}",
            remedy="There is nothing to learn from a constant label: check dataset.target and dataset.limit.",
        )


def _hashes(dataset: Dataset) -> NDArray[Any]:
    """Return a 64-bit hash of the inputs of each row; equal inputs have equal hashes."""
    if not isinstance(dataset.x, np.ndarray):
        return dataset.x.hash_rows(seed=0).to_numpy()
    rows = np.ascontiguousarray(dataset.x).reshape(dataset.num_rows, -1)
    return np.fromiter((hash(row.tobytes()) for row in rows), np.int64, len(rows))


def _shared(identities: NDArray[np.int64], known: Rows, asked: Rows) -> int:
    """Count the rows of `asked` whose identity, a number below that of rows, occurs in `known`."""
    is_known = np.zeros(len(identities), bool)
    is_known[identities[known]] = True
    return int(is_known[identities[asked]].sum())


def _unseen_classes(dataset: Dataset, plan: SplitPlan) -> dict[str, list[str]]:
    """Map parts to the classes that occur there and not in the training rows."""
    if dataset.task not in ("binary", "multiclass"):
        return {}
    found: dict[str, list[str]] = {}
    for fold in plan.folds:
        part = "validation" if len(plan.folds) == 1 else f"validation of fold {fold.number}"
        _add_unseen(found, part, dataset, fold.training, fold.validation)
    _add_unseen(found, "test", dataset, plan.development, plan.test)
    return found


def _add_unseen(found: dict[str, list[str]], part: str, dataset: Dataset, known: Rows, asked: Rows) -> None:
    codes = np.setdiff1d(dataset.y[asked], dataset.y[known])
    if len(codes):
        found[part] = [dataset.class_names[code] for code in codes]


def _duplicate_notes(duplicates: dict[str, Any], plan: SplitPlan) -> list[str]:
    notes = []
    num_validation = sum(len(fold.validation) for fold in plan.folds)
    if shared := sum(duplicates["validation_in_training"]):
        notes.append(f"validation rows with the inputs of a training row: {shared:,} of {num_validation:,}")
    if shared := duplicates["test_in_development"]:
        notes.append(f"test rows with the inputs of a row learned from: {shared:,} of {len(plan.test):,}")
    return notes


def _unseen_notes(unseen: dict[str, list[str]]) -> list[str]:
    return [f"{part} holds classes that training never sees: {listed(names)}" for part, names in unseen.items()]
