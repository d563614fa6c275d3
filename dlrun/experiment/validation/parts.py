"""Parts: rows divided in two, at random, by class or in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.validation.plan import Rows


@dataclass(frozen=True)
class Strata:
    """Classes whose shares every part is to keep.

    Args:
        codes: Class of every row of the dataset, shape (rows,).
        names: Names of the classes, in the order of the codes.
    """

    codes: NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> Strata:
        return cls(dataset.y, dataset.class_names)

    def check(self, rows: Rows, num_parts: int, division: str) -> None:
        """Refuse classes that are too small to be in every part.

        Args:
            rows: Rows about to be divided.
            num_parts: Number of parts that each class must reach.
            division: The division in words, such as `5 folds`.

        Raises:
            DataError: A class has fewer rows than there are parts.
        """
        codes, counts = np.unique(self.codes[rows], return_counts=True)
        smallest = int(np.argmin(counts))
        if counts[smallest] >= num_parts:
            return
        name = self.names[codes[smallest]] if self.names else str(codes[smallest])
        number = int(counts[smallest])
        raise DataError(
            f"stratifying {division} needs at least {num_parts} rows of each class, "
            f"but class '{name}' has {number} of the {len(rows)} rows to divide",
            remedy="Add rows of that class, drop or merge it, or set `validation.stratify: false`.",
        )

    def check_sizes(self, rows: Rows, sizes: dict[str, int]) -> None:
        """Refuse parts that are too small to hold a row of every class.

        Args:
            rows: Rows about to be divided.
            sizes: Rows of each part, by its name.

        Raises:
            DataError: A part has fewer rows than there are classes.
        """
        num_classes = len(np.unique(self.codes[rows]))
        for part, size in sizes.items():
            if size < num_classes:
                raise DataError(
                    f"the {part} part of {size} row{'s' * (size > 1)} cannot hold a row of each of the {num_classes} "
                    "classes",
                    remedy="Use more rows, change validation.fraction or validation.test_fraction, or set "
                    "`validation.stratify: false`.",
                )


def refuse_empty(part: str, size: int, setting: str, fraction: float, num_rows: int) -> None:
    """Refuse a part without rows.

    Args:
        part: Name of the part.
        size: Rows that it would have.
        setting: Path of the setting that gives its share.
        fraction: Share that was asked for.
        num_rows: Rows that the share refers to.

    Raises:
        DataError: The part is empty.
    """
    if size < 1:
        raise DataError(
            f"the {part} part would be empty: {setting} is {fraction:g}, and there {_are(num_rows)}",
            remedy=f"Use more rows, or change {setting}.",
        )


def refuse_fewer_rows_than_folds(num_rows: int, num_folds: int) -> None:
    """Refuse folds without rows.

    Args:
        num_rows: Rows outside the test part.
        num_folds: Folds that they are to be cut into.

    Raises:
        DataError: There are fewer rows than folds.
    """
    if num_rows < num_folds:
        raise DataError(
            f"validation.folds is {num_folds}, but there {_are(num_rows)} outside the test part",
            remedy="Use more rows, or lower validation.folds.",
        )


def _are(num_rows: int) -> str:
    return "is 1 row" if num_rows == 1 else f"are {num_rows} rows"


def share(fraction: float, num_rows: int) -> int:
    """Return the whole number of rows nearest to a share of them."""
    return int(fraction * num_rows + 0.5)


def random_state(seed: int, stage: int) -> int:
    """Derive the seed of one division, so that divisions of one experiment are independent.

    Args:
        seed: Seed of the experiment, any size.
        stage: Which division: 0 sets the test part aside, 1 and up divide the rest.
    """
    return int(np.random.default_rng([seed, stage]).integers(2**32))


def take_last(rows: Rows, size: int) -> tuple[Rows, Rows]:
    """Divide rows into all before the last `size`, and these."""
    return rows[: len(rows) - size], rows[len(rows) - size :]


def take_random(
    rows: Rows, size: int, strata: Strata | None, state: int, names: Sequence[str] = ("training", "validation")
) -> tuple[Rows, Rows]:
    """Divide rows at random; both parts come back in order of their numbers.

    Args:
        rows: Rows to divide, shape (rows,).
        size: Rows of the second part.
        strata: Classes whose shares both parts keep, or None to ignore classes.
        state: Seed of this division, below 2**32.
        names: What the two parts are called in errors.

    Returns:
        The rest, and the part of `size` rows.

    Raises:
        DataError: A class is too small to be in both parts, or a part too small to hold every class.
    """
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

    sizes: dict[str, Any] = {"n_splits": 1, "test_size": size, "train_size": len(rows) - size, "random_state": state}
    if strata is None:
        divisions = ShuffleSplit(**sizes).split(rows)
    else:
        strata.check(rows, 2, f"the {names[0]} and {names[1]} parts")
        strata.check_sizes(rows, dict(zip(names, (len(rows) - size, size), strict=True)))
        divisions = StratifiedShuffleSplit(**sizes).split(rows, strata.codes[rows])
    rest, part = next(divisions)
    return np.sort(rows[rest]), np.sort(rows[part])


def cut_folds(rows: Rows, num_folds: int, strata: Strata | None, state: int | None) -> list[tuple[Rows, Rows]]:
    """Divide rows into folds of equal size, each validated once.

    Args:
        rows: Rows to divide, shape (rows,).
        num_folds: Number of folds.
        strata: Classes whose shares every fold keeps, or None to ignore classes.
        state: Seed of the shuffle, below 2**32; None for contiguous blocks in the given order.

    Returns:
        Training and validation rows of each fold, in order of their numbers.

    Raises:
        DataError: A class has fewer rows than there are folds.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    shuffle = state is not None
    if strata is None:
        divisions = KFold(num_folds, shuffle=shuffle, random_state=state).split(rows)
    else:
        strata.check(rows, num_folds, f"{num_folds} folds")
        stratified = StratifiedKFold(num_folds, shuffle=shuffle, random_state=state)
        divisions = stratified.split(rows, strata.codes[rows])
    return [(rows[training], rows[validation]) for training, validation in divisions]
