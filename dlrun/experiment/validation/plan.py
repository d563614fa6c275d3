"""SplitPlan: which rows are test, and which are training and validation in each fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
"""Row numbers of a dataset, shape (rows,)."""


@dataclass(frozen=True)
class Fold:
    """One division of the development rows.

    Args:
        number: Position among the folds, from 0; repeats count on.
        training: Rows that preprocessing and the learner are fitted on.
        validation: Rows that the fold is scored on.
    """

    number: int
    training: Rows
    validation: Rows


@dataclass(frozen=True)
class SplitPlan:
    """The rows of every part of an experiment.

    Args:
        folds: At least one.
        test: Rows that only the last look sees; may be empty.
    """

    folds: tuple[Fold, ...]
    test: Rows

    @property
    def development(self) -> Rows:
        """All rows that are not test: training and validation together, in order of their numbers."""
        first = self.folds[0]
        return np.sort(np.concatenate([first.training, first.validation]))

    @property
    def validated(self) -> dict[str, Rows]:
        """Rows that the folds are scored on, by what messages call the folds, counted from 1."""
        number = len(self.folds)
        names = [f"fold {fold.number + 1}/{number}" if number > 1 else "the validation part" for fold in self.folds]
        return dict(zip(names, (fold.validation for fold in self.folds), strict=True))

    @property
    def scored(self) -> dict[str, Rows]:
        """Rows of all parts that are scored, by name: the folds, then the test part."""
        return {**self.validated, "the test part": self.test}

    def arrays(self) -> dict[str, Rows]:
        """Return the rows of every part as `split.npz` holds them: `test`, `training_0`, `validation_0`, ..."""
        parts = {"test": self.test}
        for fold in self.folds:
            parts[f"training_{fold.number}"] = fold.training
            parts[f"validation_{fold.number}"] = fold.validation
        return parts
