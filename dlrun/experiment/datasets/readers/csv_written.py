"""WrittenRows: the rows of a CSV file as Python reads them, one at a time: to find faults, and to write them anew."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dlrun.base.words import counted
from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.csv_blocks import BLOCK_BYTES
from dlrun.experiment.datasets.readers.csv_hints import if_uneven
from dlrun.experiment.datasets.readers.csv_lines import UNREADABLE, Layout
from dlrun.experiment.datasets.readers.table_file import unreadable

REMEDY = "Check that it is a text file with one header line, dataset.separator and dataset.encoding."


@dataclass(frozen=True)
class WrittenRows:
    """The rows of a CSV file as Python reads them.

    Args:
        path: The file.
        layout: How its lines are written.
        limit: Rows to look at; all if None.
    """

    path: Path
    layout: Layout
    limit: int | None = None

    def first(self) -> list[str]:
        """Return the first row, which is the header unless the layout has names.

        Raises:
            DataError: There is none, or it cannot be read.
        """
        row = next(self._all(), [])
        if not row:
            raise DataError(f"'{self.path}' is empty", remedy="A header line and rows are needed.")
        return row

    def are_empty(self, places: list[int], header: list[str]) -> bool:
        """Tell whether no row holds anything in some columns; not by polars, to which each costs as much as any other.

        Args:
            places: Places of the columns.
            header: All names.

        Raises:
            DataError: A line has another number of values than the header.
        """
        first = 0 if self.layout.names else 1
        for row in itertools.islice(self._all(), first, self.limit and first + self.limit):
            if len(row) != len(header):
                self.require_even(header)
            elif any(row[place] for place in places):
                return False
        return True

    def require_even(self, header: list[str]) -> None:
        """Refuse a line with more or fewer values than the header, and say which; empty lines are none.

        Args:
            header: All names.

        Raises:
            DataError: There is such a line.
        """
        with suppress(csv.Error, *UNREADABLE), self.layout.opened(self.path) as stream:
            lines = self.layout.lines(stream)
            rows = self.layout.rows(lines)
            if not self.layout.names:
                next(rows, None)
            last = lines.number
            for row in itertools.islice(rows, self.limit):
                if len(row) != len(header):
                    found, known = counted(len(row), "value"), "dataset.names" if self.layout.names else "the header"
                    raise DataError(
                        f"'{self.path}': line {lines.number} holds {found}, {known} holds {len(header)}",
                        remedy=if_uneven(self.layout, header, row, next(rows, []), last),
                    )
                last = lines.number

    def anew(self) -> Iterator[bytes]:
        """Yield the rows as Python's strict reader takes them, in blocks, written as UTF-8 with quotes where needed.

        Raises:
            csv.Error: Quotes do not fit.
        """
        written = io.StringIO()
        writer = csv.writer(written, delimiter=self.layout.separator, lineterminator="\n")
        with self.layout.opened(self.path) as stream:
            lines = self.layout.lines(stream)
            try:
                for row in self.layout.rows(lines, strict=True):
                    writer.writerow(row)
                    if written.tell() >= BLOCK_BYTES:
                        yield written.getvalue().encode()
                        written.seek(0)
                        written.truncate()
            except csv.Error as error:
                raise csv.Error(f"line {lines.number}: {error}") from error
        if written.tell():
            yield written.getvalue().encode()

    def _all(self) -> Iterator[list[str]]:
        try:
            with self.layout.opened(self.path) as stream:
                yield from self.layout.rows(self.layout.lines(stream))
        except (csv.Error, *UNREADABLE) as error:
            raise unreadable(self.path, "CSV", error, REMEDY) from error
