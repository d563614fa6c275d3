"""Chunks: the rows of a file, a few thousand at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from dlrun.errors import DataError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    Args:
        first: Number of the first row, from 0.
        x: Inputs of the dataset's form.
        targets: Columns of the targets as they are in the file, or None if they were not asked for.
        kept: Columns that are to be passed on, or None if there are none.
    """

    first: int
    x: NDArray[Any] | pl.DataFrame
    targets: pl.DataFrame | NDArray[Any] | None
    kept: pl.DataFrame | None

    def __len__(self) -> int:
        return len(self.x)


class Source(Protocol):
    """What yields the rows of a file."""

    def chunks(self, num_rows: int) -> Iterator[Chunk]:
        """Yield the rows in order, so many at a time."""


@dataclass(frozen=True)
class Data:
    """A file that suits a run.

    Args:
        path: The file.
        notes: What the user should know about how it is read.
    """

    path: Path
    notes: tuple[str, ...]
    _source: Source

    def chunks(self, num_rows: int) -> Iterator[Chunk]:
        """Yield the rows in order.

        Args:
            num_rows: Most rows at a time.

        Raises:
            DataError: The file is damaged, or holds values that cannot be used.
        """
        yield from self._source.chunks(num_rows)


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
