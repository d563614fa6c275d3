"""New rows: data that are handed over to predict or to evaluate, in chunks, as the source of a run reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.datasets.role import RoleName

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Asked:
    """What a run asks of new rows.

    Args:
        run: Its id, for messages.
        facts: Facts of the dataset that it learned from; `input_shape` is that of one row.
        inputs: Columns of the inputs, in their order; empty where they have no names.
        dtypes: Type of each column of a table as polars names it, by name; empty for arrays.
        categorical: Columns that the config takes for categories, whatever they look like.
        targets: Columns of the targets.
        scored: Whether the true values are needed.
        keep: Columns to pass on.
        left_out: Columns that the run knows and does not use.
        roles: Columns or arrays of the run's own data that are no inputs, by what they are for.
        array: Name of the array of inputs, if one was named.
    """

    run: str
    facts: DatasetFacts
    inputs: tuple[str, ...]
    dtypes: Mapping[str, str]
    categorical: frozenset[str]
    targets: tuple[str, ...]
    scored: bool = False
    keep: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    roles: Mapping[RoleName, str] = field(default_factory=dict)
    array: str | None = None

    @property
    def shape(self) -> str:
        """Shape of the inputs for messages, such as `(rows, 28, 28)`."""
        return f"({', '.join(map(str, ('rows', *self.facts.input_shape)))})"


@dataclass(frozen=True)
class Chunk:
    """Some new rows.

    Args:
        first: Number of the first row, from 0.
        x: Inputs of the dataset's form.
        targets: Columns of the targets as they are in the file, or None if they were not asked for.
        kept: Columns that are to be passed on, that of ids first, or None if there are none.
        unlabeled: Rows without a label that were left out, as the run leaves them out.
        weights: How much each row counts in scores, or None if all count the same.
    """

    first: int
    x: NDArray[Any] | pl.DataFrame
    targets: pl.DataFrame | NDArray[Any] | None = None
    kept: pl.DataFrame | None = None
    unlabeled: int = 0
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.x)


class Rows(Protocol):
    """What yields new rows."""

    def chunks(self, num_rows: int) -> Iterator[Chunk]:
        """Yield the rows in order, so many at a time."""


@dataclass(frozen=True)
class Data:
    """New rows that suit a run.

    Args:
        path: The file or folder that holds them.
        notes: What the user should know about how they are read.
        rows: Yields them.
        ids: Column of ids, which is passed on, or None if there is none.
        kept: All columns that are passed on.
    """

    path: Path
    notes: tuple[str, ...]
    rows: Rows
    ids: str | None = None
    kept: tuple[str, ...] = ()

    def chunks(self, num_rows: int) -> Iterator[Chunk]:
        """Yield the rows in order.

        Args:
            num_rows: Most rows at a time.

        Raises:
            DataError: The data are damaged, or hold values that cannot be used.
        """
        yield from self.rows.chunks(num_rows)


def located(error: DataError, path: Path, first: int, num_rows: int) -> DataError:
    """Say which rows of a file an error speaks of: it counts from the first row of its chunk.

    Args:
        error: Says where as `row 3 (from 0)`, if it does.
        path: The file.
        first: Number of the chunk's first row.
        num_rows: Rows of the chunk.
    """
    message = re.sub(r"\brow (\d+) \(from 0\)", lambda row: f"row {int(row[1]) + first} (from 0)", error.message)
    rows = f", rows {first:,} to {first + num_rows - 1:,}" if first else ""
    return DataError(f"'{path}'{rows}: {message}", remedy=error.remedy)


def notes_of_roles(asked: Asked, ids: str | None, weights: str | None) -> tuple[str, ...]:
    """Say what becomes of the ids and weights of new data.

    Args:
        asked: What the run needs.
        ids: The column of ids that the data have.
        weights: The column of weights that they have.
    """
    names = asked.roles
    if not asked.scored and ids is None and "id" in names:
        return (
            f"the data have no ids, no column '{names['id']}': predictions are in the order of the rows, which --rows "
            "numbers",
        )
    if not asked.scored or "weight" not in names:
        return ()
    if weights is None:
        return (f"the data have no weights, no column '{names['weight']}': in these scores all rows count alike",)
    return (f"scores weigh rows by '{weights}'",)
