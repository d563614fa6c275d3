"""The lines of a CSV file as Python's reader takes them: where the header stands, what it holds, and every row.

Training reads with polars and prediction a few rows at a time with Python; both learn from here how a file begins.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

_GZIP = b"\x1f\x8b"

LONGEST_CELL = 2**20
"""Characters of a cell that Python's reader of CSV takes."""

LONGEST_LINE = 2**26
"""Characters of a line: a million columns of 64 characters. A line is held in memory as a whole."""

UNREADABLE = (ValueError, LookupError, OSError, EOFError, zlib.error)
"""What reading a file in a wrong encoding, or a damaged one, raises."""


@dataclass(frozen=True)
class Layout:
    """How the lines of a file are written.

    Args:
        separator: Character between the columns.
        encoding: Encoding of the text.
        names: Names of the columns where no line holds them.
        skip_rows: Lines at the top that are left out.
        comment: How a line begins that is left out; empty if none is.
    """

    separator: str = ","
    encoding: str = "utf8"
    names: tuple[str, ...] = ()
    skip_rows: int = 0
    comment: str = ""

    def opened(self, path: Path) -> contextlib.AbstractContextManager[TextIO]:
        """Open a file as text, unpacked, without a mark of the byte order."""
        return _opened(path, "utf-8-sig" if codecs.lookup(self.encoding).name == "utf-8" else self.encoding)

    def rows(self, lines: Lines, *, strict: bool = False) -> Iterator[list[str]]:
        """Yield every row that is neither empty nor a comment; the header is the first, unless there are `names`.

        Raises:
            csv.Error: Quotes do not fit, with `strict`, or a cell is too long.
        """
        csv.field_size_limit(LONGEST_CELL)
        reader = csv.reader(lines, delimiter=self.separator, strict=strict)
        while True:
            lines.begin_row()
            try:
                row = next(reader)
            except StopIteration:
                return
            if row:
                yield row

    def num_before_header(self, path: Path) -> int:
        """Return how many lines stand before the first row; 0 where the file cannot be read."""
        with contextlib.suppress(csv.Error, *UNREADABLE), self.opened(path) as stream:
            lines = self.lines(stream)
            for line in lines:
                if line.strip("\r\n"):
                    return lines.number - 1
                lines.begin_row()
        return 0

    def lines(self, stream: TextIO) -> Lines:
        """Return the lines of a file that has just been opened."""
        return Lines(stream, self.skip_rows, self.comment)


class Lines:
    """Lines of text without those at the top and without comments; a comment begins no line inside of quotes.

    Args:
        stream: The text.
        skip_rows: Lines at the top that are left out.
        comment: How a line begins that is left out; empty if none is.
    """

    def __init__(self, stream: TextIO, skip_rows: int, comment: str) -> None:
        self._stream = stream
        self._comment = comment
        self._begins = True
        self.number = 0
        """Number of the last line that was read, from 1."""
        for _ in range(skip_rows):
            if not self._next():
                break

    def begin_row(self) -> None:
        """Say that the next line begins a row."""
        self._begins = True

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        while True:
            line = self._next()
            if not line:
                raise StopIteration
            if not (self._begins and self._comment and line.startswith(self._comment)):
                self._begins = False
                return line

    def _next(self) -> str:
        """Read a line; it is empty where there is none.

        Raises:
            csv.Error: It is longer than `LONGEST_LINE`.
        """
        line = self._stream.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            raise csv.Error(f"line {self.number + 1} has more than {LONGEST_LINE:,} characters")
        self.number += bool(line)
        return line


@contextlib.contextmanager
def _opened(path: Path, encoding: str) -> Iterator[TextIO]:
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        yield io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, encoding, newline="")
