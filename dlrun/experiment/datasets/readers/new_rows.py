"""New rows: data that are handed over to predict or to evaluate, in chunks, as the source of a run reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import DatasetFacts

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
        kept: Columns that are to be passed on, or None if there are none.
        unlabeled: Rows without a label that were left out, as the run leaves them out.
    """

    first: int
    x: NDArray[Any] | pl.DataFrame
    targets: pl.DataFrame | NDArray[Any] | None = None
    kept: pl.DataFrame | None = None
    unlabeled: int = 0

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
    """

    path: Path
    notes: tuple[str, ...]
    rows: Rows

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
