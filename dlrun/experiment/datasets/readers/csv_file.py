"""CsvFile: a table in a CSV file.

polars reads it: as a whole to learn from, in blocks of some megabytes to predict. What polars cannot read and Python's
strict reader can, such as quotes inside of values that are not quoted, and the line ends of old Macs, is written anew
for polars. Who reads a file is found out by reading all of it, before the first block is given.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlrun.base.words import counted, place_of, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.csv_blocks import are_even, require_closed, row_blocks
from dlrun.experiment.datasets.readers.csv_hints import doubts_about, if_no_header, refuse_one_column
from dlrun.experiment.datasets.readers.csv_lines import UNREADABLE, Layout
from dlrun.experiment.datasets.readers.csv_written import REMEDY, WrittenRows
from dlrun.experiment.datasets.readers.files import refuse_packed
from dlrun.experiment.datasets.readers.headers import require_usable
from dlrun.experiment.datasets.readers.table_file import TableFile, unreadable
from dlrun.experiment.datasets.tables.notation import PLAIN, Notation

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL")
"""Texts that mean a missing value unless `dataset.not_missing` says otherwise."""

_CORRECT = "Correct these values, or list those that mean a missing one in dataset.missing."


class CsvFile(TableFile):
    """A CSV file.

    Args:
        path: The file; `.gz` is unpacked on the way.
        layout: How its lines are written.
        notation: How its numbers and texts are written.
        missing: Every text that means a missing value.
        limit: Rows to read to learn from; all if None.
        optional: Names of the layout whose columns may be left out of the file: those of targets, for prediction.
    """

    settled = "New files are read by the settings of the run's config: write them as its own were."

    def __init__(
        self,
        path: Path,
        layout: Layout,
        notation: Notation = PLAIN,
        missing: Sequence[str] = MISSING,
        *,
        limit: int | None = None,
        optional: Sequence[str] = (),
    ) -> None:
        super().__init__(path)
        self.notation = notation
        self._layout, self._missing, self._limit, self._optional = layout, list(missing), limit, optional
        self._written = WrittenRows(path, layout, limit)
        self._is_even = False

    @cached_property
    def header(self) -> list[str]:
        header, num_each = self._in_file, Counter(self._in_file)
        twice = sorted(name for name, number in num_each.items() if number > 1)
        unnamed = [place for place, name in enumerate(header) if not name]
        if [name for name in twice if name or not self._written.are_empty(unnamed, header)]:
            self._require_even()
            raise DataError(
                f"'{self.path}': more than one column is called {quoted_list(twice)}",
                remedy=("" if self._layout.names else if_no_header(header)) or "Give every column its own name.",
            )
        return [name for name in header if num_each[name] == 1]

    @cached_property
    def _in_file(self) -> list[str]:
        """Names of all columns, some of which may be the same."""
        refuse_packed(self.path)
        first = self._written.first()
        header = self._named(first) if self._layout.names else first
        require_usable(self.path, header)
        return header

    def _named(self, first: list[str]) -> list[str]:
        """Return the names that the layout gives to the columns of a file without a header."""
        names = list(self._layout.names)
        for header in (names, [name for name in names if name not in self._optional]):
            if first == header:
                raise DataError(
                    f"the first row of '{self.path}' holds dataset.names: it is a header",
                    remedy="Take the header out of the file." if self._optional else "Leave dataset.names out.",
                )
            if len(first) == len(header):
                return header
        raise DataError(
            f"dataset.names holds {counted(len(names), 'name')}, the first row of '{self.path}' holds "
            f"{counted(len(first), 'value')}",
            remedy="Give a file with the columns of the training data, with or without the target."
            if self._optional
            else "Name every column of the file, also those that dataset.drop leaves out.",
        )

    def frame(self, columns: Sequence[str], text: Collection[str] = (), numbers: Collection[str] = ()) -> pl.DataFrame:
        import polars as pl

        wanted = self._wanted(columns)
        as_text = set(text) if self.notation.is_plain else set(columns)
        try:
            frame = self._whole(self._source(), wanted, as_text, **self._around)
            if self._limit is None:
                require_closed(self._layout.pieces(self.path))
            _require_rows(_without_empty(frame).height)
        except (pl.exceptions.PolarsError, csv.Error, *UNREADABLE) as error:
            self._require_even()
            with self._read_by_nobody(error):
                frame = self._whole(b"".join(self._written.anew()), wanted, as_text)
        if frame[_last(wanted)].null_count():  # polars fills lines that are too short
            self._require_even()
        frame = _without_empty(frame)
        if self.notation.is_plain:
            return frame
        frame = frame.with_columns([self._stripped(column) for column in frame])
        read = [self.notation.numbers(column, _CORRECT) for column in frame if column.name in numbers]
        inferred = [self.notation.inferred(column) for column in frame if column.name not in text]
        return frame.with_columns([*read, *inferred])

    def _whole(self, source: Path | bytes, wanted: dict[str, int], text: set[str], **around: Any) -> pl.DataFrame:
        """Read columns of all rows, by their places and as what polars finds in them."""
        import polars as pl

        own = self._own_names(source, **around)
        frame = pl.read_csv(
            source,
            columns=sorted(wanted.values()),
            schema_overrides={own[place]: pl.String for name, place in wanted.items() if name in text},
            null_values=self._missing,
            infer_schema_length=None,
            n_rows=self._limit,
            **self._options,
            **around,
        )
        return frame.select([frame[own[place]].alias(name) for name, place in wanted.items()])

    def _own_names(self, source: Path | bytes, **around: Any) -> list[str]:
        """Return what polars calls the columns.

        Raises:
            ValueError: It finds another number of them than Python, as it does in files of old Macs.
        """
        import polars as pl

        own = pl.read_csv(source, n_rows=1, infer_schema=False, **self._options, **around).columns
        widths = {len(own)}
        if self._layout.names:  # without a header, polars makes room for the longest line
            widths.add(pl.read_csv(source, n_rows=0, infer_schema_length=None, **self._options, **around).width)
        if widths != {len(self._in_file)}:
            raise ValueError(f"a line holds {counted(max(widths), 'value')}")
        return own

    @property
    def _options(self) -> dict[str, Any]:
        return {"separator": self._layout.separator, "has_header": not self._layout.names, "glob": False}

    def blocks(self, columns: Sequence[str], *, spare: bool = False) -> Iterator[pl.DataFrame]:
        read = self._reader(columns)
        for block in self._texts(read(), columns, self._missing, spare=spare):
            yield block.with_columns([self._stripped(column) for column in block]) if self.notation.strip else block

    def _reader(self, columns: Sequence[str]) -> Callable[[], Iterator[bytes]]:
        """Return what gives the file in a form of which polars reads all."""
        import polars as pl

        try:
            if self._layout.is_utf8:
                self._own_names(self.path, **self._around)
            else:
                self._own_names(next(self._as_it_is(), b""))
            texts = self._texts(self._as_it_is(), columns, self._missing)
            _require_rows(sum(block.height for block in texts))
        except (pl.exceptions.PolarsError, csv.Error, *UNREADABLE) as error:
            self._require_even()
            with self._read_by_nobody(error):
                for _ in self._texts(self._written.anew(), columns, self._missing):
                    pass
            return self._written.anew
        return self._as_it_is

    def _as_it_is(self) -> Iterator[bytes]:
        return row_blocks(self._layout.pieces(self.path))

    def _texts(
        self, blocks: Iterator[bytes], columns: Sequence[str], missing: list[str], *, spare: bool = False
    ) -> Iterator[pl.DataFrame]:
        """Yield columns as text, without lines that hold nothing in them; with `spare`, nothing in any column."""
        import polars as pl

        wanted, width, separator = self._wanted(columns), len(self._in_file), self._layout.separator
        above = separator.join(f'"{place}"' for place in range(width)).encode() + b"\n"
        options: dict[str, Any] = {"separator": separator, "infer_schema": False}
        doubtful, sure = False, True
        for number, block in enumerate(blocks):
            is_below = number > 0 or bool(self._layout.names)
            content = above + block if is_below else block
            read = pl.read_csv(content, columns=sorted(wanted.values()), null_values=missing, **options)
            at = dict(zip(sorted(wanted.values()), read, strict=True))
            frame = read.select([at[place].alias(name) for name, place in wanted.items()])
            doubtful |= frame[_last(wanted)].null_count() > 0
            sure = sure and (self._is_even or are_even(block, width, separator))
            kept = _without_empty(frame)
            if spare and kept.height < frame.height:
                every = pl.read_csv(content, null_values=missing, **options)
                kept = frame.filter(~every.select(pl.all_horizontal(pl.all().is_null())).to_series())
            yield kept
        self._is_even = self._is_even or sure
        if doubtful:
            self._require_even()

    @contextmanager
    def _read_by_nobody(self, error: Exception) -> Iterator[None]:
        """Tell why polars could not read a file if Python cannot read it either; raises DataError."""
        import polars as pl

        try:
            yield
        except csv.Error as strict:
            remedy = "Double the quotes inside of a value that is in quotes."
            raise unreadable(self.path, "CSV", strict, remedy) from error
        except (pl.exceptions.PolarsError, *UNREADABLE):
            raise unreadable(self.path, "CSV", error, REMEDY) from error

    def _wanted(self, columns: Sequence[str]) -> dict[str, int]:
        """Return the places of columns in the file, in the order in which they are asked for."""
        place = place_of(self._in_file)
        return {name: place[name] for name in columns}

    @property
    def _around(self) -> dict[str, Any]:
        """What polars leaves out at the top of the file and between its rows."""
        before = self._layout.num_before_header(self.path)
        return {"skip_lines": before, "comment_prefix": self._layout.comment or None}

    def _source(self) -> Path | bytes:
        if self._layout.is_utf8:
            return self.path
        with self._layout.opened(self.path) as stream:
            return stream.read().encode()

    def _require_even(self) -> None:
        """Refuse a line with more or fewer values than the header; all are looked at once."""
        if not self._is_even:
            self._written.require_even(self._in_file)
        self._is_even = True

    def _stripped(self, column: pl.Series) -> pl.Series:
        """Return text without the blanks that are no part of it; some may be missing then."""
        import polars as pl

        shorter = self.notation.stripped(column)
        is_value = ~shorter.is_in(self._missing)
        return pl.select(pl.when(is_value).then(shorter).alias(column.name)).to_series()

    def texts_for_missing(self, column: str) -> tuple[str, ...]:
        import polars as pl

        written = pl.concat(self._texts(self._reader([column])(), [column], [""], spare=True)).to_series()
        texts = written.head(self._limit or len(written)).drop_nulls()
        return tuple(texts.filter(texts.str.strip_chars().is_in(self._missing)).unique().sort().to_list())

    def doubts(self, frame: pl.DataFrame, target: Collection[str]) -> tuple[str, ...]:
        return doubts_about(self.path, self._in_file, frame, target, has_header=not self._layout.names)

    def misread(self) -> str:
        refuse_one_column(self.path, self.header, self._layout.separator)
        self._require_even()
        return "" if self._layout.names else if_no_header(self.header)


def _last(wanted: dict[str, int]) -> str:
    """Return the column that stands last in the file."""
    return max(wanted, key=wanted.__getitem__)


def _require_rows(number: int) -> None:
    """Raise ValueError if polars finds no rows: Python may, where a quote in the header hides them from polars."""
    if not number:
        raise ValueError("there are no rows")


def _without_empty(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out lines that hold nothing, such as empty ones and separators alone."""
    import polars as pl

    if all(column.null_count() for column in frame):
        return frame.filter(~pl.all_horizontal(pl.all().is_null()))
    return frame
