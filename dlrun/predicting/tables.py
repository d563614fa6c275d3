"""Tables to predict, read a few thousand rows at a time."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dlrun.datasets.csv import LONGEST_CELL, MISSING
from dlrun.datasets.names import listed, nearest
from dlrun.errors import DataError

if TYPE_CHECKING:
    import polars as pl

_ALL_COLUMNS = "Give data with all columns that the run was trained on, by the same names."
_GZIP = b"\x1f\x8b"
_BLOCK_ROWS = 65_536


class TableFile(ABC):
    """A file of columns with names.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header = self._read_header()

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
        missing = [name for name in columns if name not in self.header]
        if missing:
            found = {name: nearest(name, self.header) for name in missing[:8]}
            alike = len(found) > 1 and len(set(found.values())) == 1
            hints = found[missing[0]] if alike else "; ".join(f"'{name}': {hint}" for name, hint in found.items())
            raise DataError(f"'{self.path}' has no column {listed(missing)} ({hints})", remedy=remedy)
        twice = [name for name in columns if self.header.count(name) > 1]
        if twice:
            raise DataError(
                f"'{self.path}': the columns {listed(twice)} appear more than once",
                remedy="Give every column its own name.",
            )


class CsvFile(TableFile):
    """A CSV file; every cell comes as text.

    Args:
        path: The file; `.gz` is unpacked on the way.
        separator: Character between the columns.
        missing: Texts that mean a missing value, beside those that always do.
        encoding: Encoding of the text.
    """

    def __init__(
        self, path: Path, *, separator: str = ",", missing: Sequence[str] = (), encoding: str = "utf8"
    ) -> None:
        self._separator = separator
        self._missing = frozenset([*MISSING, *missing])
        self._encoding = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        super().__init__(path)

    def _read_header(self) -> list[str]:
        with self._rows() as rows:
            return next(rows, [])

    def frames(self, columns: Sequence[str], num_rows: int) -> Iterator[pl.DataFrame]:
        places = [self.header.index(name) for name in columns]
        with self._rows() as rows:
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

        missing = self._missing
        return pl.DataFrame(
            {
                name: [None if row[place] in missing else row[place] for row in block]
                for name, place in zip(columns, places, strict=True)
            },
            schema=dict.fromkeys(columns, pl.String),
        )

    @contextlib.contextmanager
    def _rows(self) -> Iterator[Iterator[list[str]]]:
        """Yield the rows of the file, the header first; empty lines are skipped, uneven ones refused."""
        with self._readable(), self._open() as stream:
            csv.field_size_limit(LONGEST_CELL)
            reader = csv.reader(stream, delimiter=self._separator, strict=True)
            yield self._even(reader)

    def _even(self, reader: Any) -> Iterator[list[str]]:
        width: int | None = None
        for row in reader:
            if not row:
                continue
            width = len(row) if width is None else width
            if len(row) != width:
                raise DataError(
                    f"'{self.path}': line {reader.line_num} has {len(row)} cells, the header has {width}",
                    remedy="Correct the line; a cell that holds the separator needs quotes.",
                )
            yield row

    def _open(self) -> IO[str]:
        with self.path.open("rb") as file:
            packed = file.read(2) == _GZIP
        if packed:
            return gzip.open(self.path, "rt", encoding=self._encoding, newline="")
        return self.path.open(encoding=self._encoding, newline="")

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
