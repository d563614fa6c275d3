"""Blocks: the bytes of a CSV file, cut where a row ends."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator

import numpy as np

BLOCK_BYTES = 2**22
"""Bytes of a block, unless a row has more."""

LONGEST_ROW = 2**26
"""Bytes of a row, the header of blocks included: a million columns of 64 characters."""

_QUOTE, _END = b'"', b"\n"


def row_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join pieces of a file and cut them where a row ends: at the end of a line, outside of quotes.

    Args:
        pieces: They begin with a row.

    Raises:
        csv.Error: A row is longer than `LONGEST_ROW`, or quotes are never closed, of which polars makes what it likes.
    """
    rest = b""
    for piece in pieces:
        block = rest + piece
        end = _last_end(block)
        if end:
            yield block[:end]
        rest = block[end:]
        if len(rest) > LONGEST_ROW:
            raise csv.Error(f"a row has more than {LONGEST_ROW:,} characters")
    if rest.count(_QUOTE) % 2:
        raise csv.Error("the quotes of its last row are not closed")
    if rest:
        yield rest


def require_closed(pieces: Iterable[bytes]) -> None:
    """Raise csv.Error if quotes are never closed.

    Args:
        pieces: All of a file.
    """
    if sum(piece.count(_QUOTE) for piece in pieces) % 2:
        raise csv.Error("the quotes of a row are not closed")


def pieces_of(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield what a file holds, a piece at a time.

    Args:
        read: Reads so many bytes, or characters that are bytes then.
    """
    return iter(lambda: read(BLOCK_BYTES), b"")


def without_comments(lines: Iterable[bytes], comment: bytes) -> Iterator[bytes]:
    """Yield rows without the lines between them that begin as comments do.

    Args:
        lines: All lines.
        comment: How they begin.
    """
    held, quoted = io.BytesIO(), False
    for line in lines:
        if not quoted and line.startswith(comment):
            continue
        quoted ^= line.count(_QUOTE) % 2 == 1
        held.write(line)
        if held.tell() >= BLOCK_BYTES:
            yield held.getvalue()
            held = io.BytesIO()
    yield held.getvalue()


def are_even(block: bytes, width: int, separator: str) -> bool:
    """Tell whether all lines of a block for sure have so many values; lines with quotes may or may not.

    Args:
        block: Whole rows.
        width: Values of a line.
        separator: What stands between them.
    """
    if _QUOTE in block or b"\r" in block.replace(b"\r\n", _END):
        return False
    marks = np.frombuffer(block if block.endswith(_END) else block + _END, np.uint8)
    ends = np.flatnonzero(marks == ord(_END))
    num_separators = np.diff(np.cumsum(marks == ord(separator))[ends], prepend=0)
    is_empty = np.diff(ends, prepend=-1) == 1
    return bool((is_empty | (num_separators == width - 1)).all())


def _last_end(block: bytes) -> int:
    """Return where the last whole row of a block ends; 0 if none does."""
    end, num_quotes = len(block), block.count(_QUOTE)
    while line := block.rfind(_END, 0, end) + 1:
        num_quotes -= block.count(_QUOTE, line, end)
        if num_quotes % 2 == 0:
            return line
        end = block.rfind(_QUOTE, 0, line)  # which opens what the end of the line lies in
        num_quotes -= 1
    return 0
