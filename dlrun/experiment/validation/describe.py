"""The record of a dataset and its parts that `dataset.json` holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.datasets.role import Role, RoleName
from dlrun.experiment.validation.parts_report import PartsReport, check_parts
from dlrun.experiment.validation.plan import Rows, SplitPlan


def describe(dataset: Dataset, plan: SplitPlan, report: PartsReport | None = None) -> dict[str, Any]:
    """Return what `dataset.json` holds, as plain JSON-able values.

    Args:
        dataset: What was loaded.
        plan: How it was split.
        report: What `check_parts` found, if it was called before.

    Raises:
        DataError: As `check_parts`.
    """
    report = check_parts(dataset, plan) if report is None else report
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "task": dataset.task,
        "input_kind": dataset.input_kind,
        "num_rows": dataset.num_rows,
        "inputs": _inputs(dataset),
        "targets": {
            "names": list(dataset.target_names),
            "classes": list(dataset.class_names),
            "dtype": str(dataset.y.dtype),
            "shape": list(dataset.y.shape),
            "fingerprint": dataset.targets_fingerprint,
        },
        **({"roles": {name: _role(name, role) for name, role in dataset.roles.items()}} if dataset.roles else {}),
        "own_test_part": dataset.test_rows is not None,
        "parts": {"development": _part(dataset, plan.development), "test": _part(dataset, plan.test)},
        "folds": [
            {
                "fold": fold.number,
                "training": _part(dataset, fold.training),
                "validation": _part(dataset, fold.validation),
            }
            for fold in plan.folds
        ],
        "checks": report.facts,
        "notes": [*dataset.notes, *report.notes],
    }


def _inputs(dataset: Dataset) -> dict[str, Any]:
    if isinstance(dataset.x, np.ndarray):
        return {
            "dtype": str(dataset.x.dtype),
            "shape": list(dataset.x.shape),
            "bytes": dataset.x.nbytes,
            "names": list(dataset.feature_names),
        }
    frame = dataset.x
    return {
        "shape": list(frame.shape),
        "bytes": frame.estimated_size(),
        "columns": {
            column.name: {"dtype": str(column.dtype), "missing": column.null_count(), "distinct": column.n_unique()}
            for column in frame
        },
    }


def _role(name: RoleName, role: Role) -> dict[str, Any]:
    """Return what a column that is no input is called, and what it holds."""
    values = role.values
    record = {"column": role.column, "dtype": str(values.dtype), "distinct": len(np.unique(values))}
    if name not in ("time", "weight"):  # ids and groups may name people; a bundle holds none of them
        return record
    lowest, highest = (str(each) if values.dtype.kind == "M" else each.item() for each in (values.min(), values.max()))
    return {**record, "lowest": lowest, "highest": highest}


def _part(dataset: Dataset, rows: Rows) -> dict[str, Any]:
    """Return the number of rows of a part and how its targets are distributed, and what the rows weigh if they do."""
    weights = dataset.score_weights
    y = dataset.y[rows]
    part: dict[str, Any] = {"rows": len(rows)}
    if dataset.task == "regression":
        names = dataset.target_names or tuple(f"target_{column}" for column in range(y.shape[1]))
        part["targets"] = {name: _spread(y[:, column]) for column, name in enumerate(names)} if len(y) else {}
    elif dataset.task == "multilabel":
        part["labels"] = dict(zip(dataset.class_names, y.sum(axis=0).astype(int).tolist(), strict=True))
    else:
        counts = np.bincount(y, minlength=len(dataset.class_names))
        part["classes"] = dict(zip(dataset.class_names, counts.tolist(), strict=True))
    if weights is not None:
        part["weight"] = float(weights[rows].sum())
        part["weighted"] = _weighted(dataset, rows, weights[rows])
    return part


def _weighted(dataset: Dataset, rows: Rows, weights: NDArray[np.float64]) -> list[float] | None:
    """Return the share of each class or label, or the mean of each target, by weight; None without any weight."""
    if not weights.any():
        return None
    y = dataset.y[rows]
    if y.ndim == 2:
        return list(np.average(y, axis=0, weights=weights).tolist())
    counts = np.bincount(y, weights=weights, minlength=len(dataset.class_names))
    return list((counts / weights.sum()).tolist())


def _spread(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
    }
