"""The lines of a CSV file: where the header stands, what it holds, and every row as Python's reader takes it."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from dlrun.experiment.datasets.readers.csv_blocks import pieces_of, without_comments

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

    @property
    def is_utf8(self) -> bool:
        """Whether the file is written in UTF-8; raises LookupError if nobody knows its encoding."""
        return codecs.lookup(self.encoding).name == "utf-8"

    @contextlib.contextmanager
    def opened(self, path: Path, newline: str = "") -> Iterator[TextIO]:
        """Open a file as text, unpacked, without a mark of the byte order.

        Args:
            path: The file.
            newline: What ends a line; line feeds and carriage returns unless given.
        """
        encoding = "utf-8-sig" if self.is_utf8 else self.encoding
        with _unpacked(path) as raw:
            yield io.TextIOWrapper(raw, encoding, newline=newline)

    def pieces(self, path: Path) -> Iterator[bytes]:
        """Yield a file as UTF-8, a piece at a time, from its first row on and without comments."""
        with _unpacked(path) if self.is_utf8 else self._recoded(path) as stream:
            for _ in range(self.num_before_header(path)):
                stream.readline()
            if self.comment:
                yield from without_comments(_unmarked(stream), self.comment.encode())
            else:
                yield from _unmarked(pieces_of(stream.read))

    @contextlib.contextmanager
    def _recoded(self, path: Path) -> Iterator[BinaryIO]:
        """Open a file as UTF-8, whatever its encoding."""
        with self.opened(path, newline="\n") as text:
            yield cast(BinaryIO, _Recoded(text))

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


class _Recoded:
    """Text as a stream of bytes in UTF-8."""

    def __init__(self, text: TextIO) -> None:
        self._text = text

    def read(self, size: int) -> bytes:
        return self._text.read(size).encode()

    def readline(self) -> bytes:
        return self._text.readline().encode()

    def __iter__(self) -> Iterator[bytes]:
        return (line.encode() for line in self._text)


@contextlib.contextmanager
def _unpacked(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw


def _unmarked(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts of a file without the mark of the byte order that it may begin with."""
    for number, part in enumerate(parts):
        yield part if number else part.removeprefix(codecs.BOM_UTF8)
