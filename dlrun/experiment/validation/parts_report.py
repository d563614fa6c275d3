"""PartsReport: how the parts of a dataset relate - duplicates across them, and classes that training never sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import quoted_list
from dlrun.experiment.datasets.checks import require_variety, require_weight
from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.validation.plan import Rows, SplitPlan


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


def check_parts(dataset: Dataset, plan: SplitPlan) -> PartsReport:
    """Compare the parts: duplicates across splits and classes that training never sees.

    Args:
        dataset: What was loaded.
        plan: How it was split.

    Raises:
        DataError: Training rows of a fold hold a single class or a constant target; no row of a part weighs anything.
    """
    for fold in plan.folds:
        where = "the training part" if len(plan.folds) == 1 else f"the training part of fold {fold.number}"
        require_variety(dataset, fold.training, where)
        require_weight(dataset, fold.training, where)
    for part, rows in plan.scored.items():
        require_weight(dataset, rows, part)
    distinct, identities = np.unique(_hashes(dataset), return_inverse=True)
    duplicates = {
        "rows": dataset.num_rows - len(distinct),
        "validation_in_training": [_shared(identities, fold.training, fold.validation) for fold in plan.folds],
        "test_in_development": _shared(identities, plan.development, plan.test),
    }
    unseen = _unseen_classes(dataset, plan)
    notes = [*_duplicate_notes(duplicates, plan), *_unseen_notes(unseen)]
    return PartsReport({"duplicates": duplicates, "classes_not_in_training": unseen}, tuple(notes))


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
    return [f"{part} holds classes that training never sees: {quoted_list(names)}" for part, names in unseen.items()]
