"""Tables to predict, read a few thousand rows at a time."""

from __future__ import annotations

import contextlib
import csv
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlrun.base.words import absent, did_you_mean, place_of, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.csv_lines import Layout, Lines
from dlrun.experiment.datasets.readers.files import refuse_packed
from dlrun.experiment.datasets.readers.headers import require_usable
from dlrun.experiment.datasets.sources.csv import MISSING
from dlrun.experiment.datasets.tables.notation import PLAIN, Notation

if TYPE_CHECKING:
    import polars as pl

_ALL_COLUMNS = "Give data with all columns that the run was trained on, by the same names."
_BLOCK_ROWS = 65_536


class TableFile(ABC):
    """A file of columns with names.

    Args:
        path: The file.
        notation: How numbers are written where the file holds them as text.
    """

    def __init__(self, path: Path, notation: Notation = PLAIN) -> None:
        self.path = path
        self.notation = notation
        self.header = self._read_header()
        require_usable(path, self.header)

    @abstractmethod
    def _read_header(self) -> list[str]:
        """Return the names of the columns."""

    @abstractmethod
    def frames(self, columns: Sequence[str], num_rows: int) -> Iterator[pl.DataFrame]:
        """Yield some columns, at most `num_rows` rows at a time; missing values are null.

        Raises:
            DataError: The file is damaged.
        """

    def require(self, columns: Sequence[str], remedy: str = _ALL_COLUMNS) -> None:
        """Refuse a file without some columns, naming them.

        Args:
            columns: Names of the columns.
            remedy: What to do if one is missing.

        Raises:
            DataError: A column is missing, or there twice.
        """
        missing = absent(columns, self.header)
        if missing:
            found = {name: did_you_mean(name, self.header) for name in missing[:8]}
            alike = len(found) > 1 and len(set(found.values())) == 1
            hints = found[missing[0]] if alike else "; ".join(f"'{name}': {hint}" for name, hint in found.items())
            raise DataError(f"'{self.path}' has no column {quoted_list(missing)} ({hints})", remedy=remedy)
        num_each = Counter(self.header)
        twice = [name for name in columns if num_each[name] > 1]
        if twice:
            raise DataError(
                f"'{self.path}': the columns {quoted_list(twice)} appear more than once",
                remedy="Give every column its own name.",
            )


class CsvFile(TableFile):
    """A CSV file; every cell comes as text.

    Args:
        path: The file; `.gz` is unpacked on the way.
        layout: How its lines are written.
        notation: How its numbers and texts are written.
        missing: Every text that means a missing value.
        optional: Names of the layout whose columns may be left out of the file: those of the targets.
    """

    def __init__(
        self,
        path: Path,
        *,
        layout: Layout,
        notation: Notation = PLAIN,
        missing: Sequence[str] = MISSING,
        optional: Sequence[str] = (),
    ) -> None:
        self._layout = layout
        self._missing = frozenset(missing)
        self._optional = frozenset(optional)
        refuse_packed(path)
        super().__init__(path, notation)

    def _read_header(self) -> list[str]:
        with self._rows() as rows:
            first = next(rows, [])
        names = list(self._layout.names)
        if not names or not first:
            return names or first
        without = [name for name in names if name not in self._optional]
        for header in (names, without):
            if first == header:
                raise DataError(
                    f"'{self.path}' has a header, the run's data had none", remedy="Take the header out of the file."
                )
            if len(first) == len(header):
                return header
        raise DataError(
            f"'{self.path}': the first row has {len(first)} cells, the run's dataset.names are {len(names)} names",
            remedy="Give a file with the columns of the training data, with or without the target.",
        )

    def frames(self, columns: Sequence[str], num_rows: int) -> Iterator[pl.DataFrame]:
        place = place_of(self.header)
        places = [place[name] for name in columns]
        with self._rows() as rows:
            if not self._layout.names:
                next(rows, None)
            block: list[list[str]] = []
            for row in rows:
                block.append(row)
                if len(block) == num_rows:
                    yield self._frame(block, columns, places)
                    block = []
            if block:
                yield self._frame(block, columns, places)

    def _frame(self, block: list[list[str]], columns: Sequence[str], places: list[int]) -> pl.DataFrame:
        import polars as pl

        missing, strip = self._missing, self.notation.strip
        cells = {
            name: [row[place].strip() if strip else row[place] for row in block]
            for name, place in zip(columns, places, strict=True)
        }
        present = {name: [None if cell in missing else cell for cell in column] for name, column in cells.items()}
        return pl.DataFrame(present, schema=dict.fromkeys(columns, pl.String))

    @contextlib.contextmanager
    def _rows(self) -> Iterator[Iterator[list[str]]]:
        """Yield the rows of the file, a header first; empty lines are skipped, uneven ones refused."""
        with self._readable(), self._layout.opened(self.path) as stream:
            lines = self._layout.lines(stream)
            yield self._even(self._layout.rows(lines, strict=True), lines)

    def _even(self, rows: Iterator[list[str]], lines: Lines) -> Iterator[list[str]]:
        width: int | None = None
        for row in rows:
            width = len(row) if width is None else width
            if len(row) != width:
                raise DataError(
                    f"'{self.path}': line {lines.number} has {len(row)} cells, the header has {width}",
                    remedy="Correct the line; a cell that holds the separator needs quotes.",
                )
            yield row

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (csv.Error, UnicodeError, OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"'{self.path}' cannot be read as CSV: {error}",
                remedy="Check that it is a text file with one header line, with the separator and encoding of the "
                "run's config.",
            ) from error


class ParquetFile(TableFile):
    """A Parquet file; its own column types count."""

    def _read_header(self) -> list[str]:
        import polars as pl

        with self._readable():
            return list(pl.read_parquet_schema(self.path))

    def frames(self, columns: Sequence[str], num_rows: int) -> Iterator[pl.DataFrame]:
        import polars as pl

        with self._readable():
            table = pl.scan_parquet(self.path, glob=False, hive_partitioning=False)
            count = int(table.select(pl.len()).collect().item())
            for start in range(0, count, _BLOCK_ROWS):
                block = table.select(columns).slice(start, _BLOCK_ROWS).collect()
                # Two files number their categories differently.
                named = [column.cast(pl.String) for column in block if column.dtype in (pl.Categorical, pl.Enum)]
                block = block.with_columns(named)
                for first in range(0, block.height, num_rows):
                    yield block.slice(first, num_rows)

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        import polars as pl

        try:
            yield
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            first_line = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise DataError(
                f"'{self.path}' cannot be read as Parquet: {first_line}",
                remedy="Check that the file is complete and that it is a Parquet file.",
            ) from error
