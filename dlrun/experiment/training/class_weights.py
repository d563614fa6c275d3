"""Weights: how much a row counts in the loss, by its class and by itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import ConfigError, Problem
from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.validation.plan import Rows

ClassWeights = str | Mapping[str, float] | None
"""`balanced`, or a weight by the name of a class; None weighs all the same."""


def check_class_weights(class_weights: ClassWeights, dataset: Dataset) -> None:
    """Refuse weights that do not suit a dataset.

    Args:
        class_weights: What the config asks for.
        dataset: What was loaded.

    Raises:
        ConfigError: The task has no classes, a name is not one of them, or all of them weigh nothing.
    """
    if class_weights is None:
        return
    if dataset.task not in {"binary", "multiclass"}:
        raise _error(f"a {dataset.task} task has no classes to weigh", "Leave it out.")
    unknown = [] if isinstance(class_weights, str) else sorted(set(class_weights) - set(dataset.class_names))
    if unknown:
        more = ", ..." if len(dataset.class_names) > 12 else ""
        raise _error(
            f"no class is called {', '.join(map(repr, unknown))}",
            f"The classes are {', '.join(map(repr, dataset.class_names[:12]))}{more}.",
        )
    if not isinstance(class_weights, str) and not any(class_weights.get(name, 1.0) for name in dataset.class_names):
        raise _error("all classes weigh nothing, so that there is nothing to learn", "Give one a weight above 0.")


def row_weights(class_weights: ClassWeights, dataset: Dataset, training: Rows) -> NDArray[np.float32] | None:
    """Return the weight of every row in the loss, shape (rows,), or None if all weigh the same.

    Args:
        class_weights: `balanced` for rows / (classes x rows of the class), as in scikit-learn, rows counted as often as
            they weigh; or a weight by name, 1 for a class without one.
        dataset: All rows; their own weights are multiplied by those of their classes.
        training: Rows that frequencies are counted on.

    Raises:
        ConfigError: As `check_class_weights`.
    """
    check_class_weights(class_weights, dataset)
    own = dataset.role("weight")
    own = None if own is None or (own == 1).all() else own
    if class_weights is None:
        return None if own is None else own.astype(np.float32)
    if isinstance(class_weights, str):
        counts = np.bincount(dataset.y[training], None if own is None else own[training], len(dataset.class_names))
        weights = counts.sum() / (len(counts) * np.where(counts > 0, counts, 1))
    else:
        weights = np.array([class_weights.get(name, 1.0) for name in dataset.class_names])
    chosen: NDArray[np.float32] = weights.astype(np.float32)[dataset.y]
    return chosen if own is None else (chosen * own).astype(np.float32)


def mean_weight(dataset: Dataset, training: Rows) -> float:
    """Return the mean weight that training rows have of their own, 1 if they have none."""
    own = dataset.role("weight")
    return 1.0 if own is None else float(own[training].mean())


def _error(message: str, hint: str) -> ConfigError:
    return ConfigError([Problem("", "training.class_weights", message, hint)])
