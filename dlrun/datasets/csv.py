"""Tables in CSV files."""

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

from pydantic import BeforeValidator, Field

from dlrun.datasets.names import counted, listed
from dlrun.datasets.table import Table, unreadable
from dlrun.errors import DataError
from dlrun.settings import Names

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL")
"""Texts that always mean a missing value."""

_GZIP = b"\x1f\x8b"

LONGEST_CELL = 2**20
"""Characters of a cell that Python's reader of CSV takes."""

_UNREADABLE = (ValueError, LookupError, OSError, EOFError, zlib.error)
"""What reading a file in a wrong encoding, or a damaged one, raises."""

_REMEDY = "Check that it is a text file with one header line, dataset.separator and dataset.encoding."


def _spelled_out(value: object) -> object:
    """Take a backslash and a t for the tab that they stand for: only double quotes make one of them in YAML."""
    return "\t" if value == "\\t" else value


class Csv(Table):
    """A CSV file with a header. `.gz` files are unpacked, empty lines are skipped, columns of dates are refused."""

    kind: Literal["csv"] = "csv"

    separator: Annotated[str, BeforeValidator(_spelled_out)] = Field(",", min_length=1, max_length=1)
    """Character between the columns, such as `;` or `\\t`."""

    missing: Names[str] = ()
    """Texts that mean a missing value, beside the empty text, NA, N/A, #N/A, NaN, nan, null and NULL."""

    encoding: str = "utf8"
    """Encoding of the text, a name that Python knows, such as `latin-1`."""

    def _header(self, path: Path) -> list[str]:
        first = self._read(path, skip_lines=self._num_blank(path), has_header=False, n_rows=1, infer_schema=False)
        names = [str(name) if name is not None else "" for name in (first.row(0) if first.height else ())]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(
                f"'{path}': more than one column is called {listed(twice)}", remedy="Give every column its own name."
            )
        return names

    def _rows(self, path: Path, columns: list[str], text: Collection[str]) -> "pl.DataFrame":
        import polars as pl

        frame = self._read(
            path,
            columns=columns,
            schema_overrides={name: pl.String for name in columns if name in text},
            null_values=[*MISSING, *self.missing],
            infer_schema_length=None,
            n_rows=self.limit,
        )
        if frame[self._last_of(columns, path)].null_count():  # polars fills lines that are too short
            self._refuse_uneven(path)
        return frame.filter(~pl.all_horizontal(pl.all().is_null())).select(columns)

    def _last_of(self, columns: list[str], path: Path) -> str:
        """Return the column that stands last in the file; a line that is too short has no value there."""
        return next(name for name in reversed(self._header(path)) if name in columns)

    def _read(self, path: Path, **options: Any) -> "pl.DataFrame":
        import polars as pl

        try:
            return pl.read_csv(self._source(path), separator=self.separator, glob=False, **options)
        except pl.exceptions.NoDataError as error:
            raise DataError(f"'{path}' is empty", remedy="A header line and rows are needed.") from error
        except (pl.exceptions.PolarsError, *_UNREADABLE) as error:
            self._refuse_uneven(path)
            raise unreadable(path, "CSV", error, _REMEDY) from error

    def _source(self, path: Path) -> Path | io.BytesIO:
        if codecs.lookup(self.encoding).name == "utf-8":
            return path
        return io.BytesIO(self._text(path).encode())

    def _text(self, path: Path) -> str:
        content = path.read_bytes()
        text = gzip.decompress(content) if content.startswith(_GZIP) else content
        return text.decode(self.encoding)

    def _refuse_uneven(self, path: Path) -> None:
        """Raise DataError if a line has more or fewer values than the header, and say which; empty lines are none."""
        with contextlib.suppress(csv.Error, *_UNREADABLE), self._opened(path) as stream:
            csv.field_size_limit(LONGEST_CELL)
            reader = csv.reader(stream, delimiter=self.separator)
            rows = filter(None, reader)
            width = len(next(rows, []))
            for row in itertools.islice(rows, self.limit):
                if len(row) != width:
                    found = counted(len(row), "value")
                    raise DataError(
                        f"'{path}': line {reader.line_num} holds {found}, the header holds {width}",
                        remedy="Put a text that holds the separator into double quotes, or check dataset.separator.",
                    )

    def _num_blank(self, path: Path) -> int:
        """Return how many empty lines stand before the header; 0 where the file cannot be read."""
        with contextlib.suppress(*_UNREADABLE), self._opened(path) as stream:
            return sum(1 for _ in itertools.takewhile(lambda line: line in ("\n", "\r\n"), stream))
        return 0

    @contextlib.contextmanager
    def _opened(self, path: Path) -> Iterator[TextIO]:
        """Open the file as text, unpacked, a line at a time."""
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            yield io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, self.encoding, newline="")

    def _refuse_one_column(self, header: list[str], path: Path) -> None:
        others = [mark for mark in (",", ";", "\t", "|") if mark != self.separator and mark in header[0]]
        if len(header) == 1 and others:
            raise DataError(
                f"'{path}' has one column only, '{header[0]}', with dataset.separator={self.separator!r}",
                remedy=f"Set dataset.separator={others[0]!r} if that is what stands between the columns.",
            )
