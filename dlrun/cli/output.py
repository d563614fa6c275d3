"""Output: words for people and one object for programs, each on its own stream."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from dlrun.base.text import json_text, printable
from dlrun.base.words import wrapped
from dlrun.errors import StorageError
from dlrun.reports.tables import table as table  # the screen's own, as everything that is laid out
from dlrun.reports.tables import width_of as width_of

WIDEST_TEXT = 100
_NARROWEST_TEXT = 40


class Output:
    """Where a command's words go: to stdout, or to stderr if stdout is to carry one JSON object.

    Nothing that is said can control the terminal: what comes from files is shown with its control characters escaped.

    Args:
        json: Whether stdout carries one JSON object.
        quiet: Whether to leave out words that are not asked for.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.quiet = quiet
        self._lost = False

    @property
    def stream(self) -> TextIO:
        """The stream for people."""
        return sys.stderr if self.json else sys.stdout

    @property
    def columns(self) -> int | None:
        """Letters on a line of the terminal that the words go to; None where they go to a file or a program.

        COLUMNS in the environment goes before what the terminal says, and counts for files as well.
        """
        told = os.environ.get("COLUMNS", "")
        if told.isascii() and told.isdigit() and int(told) > 0:
            return int(told)
        if not self.stream.isatty():
            return None
        with contextlib.suppress(OSError, ValueError):
            return os.get_terminal_size(self.stream.fileno()).columns or None
        return None

    @property
    def text_width(self) -> int:
        """Letters on a line of running text: what the terminal holds, but no more than can be read well."""
        return max(min(self.columns or WIDEST_TEXT, WIDEST_TEXT), _NARROWEST_TEXT)

    def say(self, text: str = "") -> None:
        """Print one or more lines for people, unless quiet. Raises BrokenPipeError if nobody reads any more."""
        if not self.quiet:
            self.tell(text)

    def tell(self, text: str) -> None:
        """Print lines for people, quiet or not."""
        _write(self.stream, "".join(f"{printable(line)}\n" for line in text.split("\n")))

    def say_if_heard(self, text: str) -> None:
        """Print lines as long as somebody reads: a run does not fail because `| head` has seen enough."""
        if self._lost:
            return
        try:
            self.say(text)
        except (BrokenPipeError, StorageError):
            self._lost = True

    def result(self, value: object) -> None:
        """Print the one JSON object; characters that a terminal might obey are escaped as JSON does it."""
        text = json_text(value)
        hidden = {letter for letter in set(text) if not letter.isprintable() and letter != "\n"}
        _write(sys.stdout, text.translate({ord(letter): json.dumps(letter)[1:-1] for letter in hidden}) + "\n")

    def text(self, content: str) -> None:
        """Print text that programs read as well, such as a config or a schema; only escapes are made harmless."""
        lines = content.removesuffix("\n").split("\n")
        _write(sys.stdout, "".join(f"{printable(line)}\n" for line in lines))


def _write(stream: TextIO, text: str) -> None:
    """Print at once; raise StorageError if the disk behind a stream refuses, BrokenPipeError if nobody reads."""
    with printing(stream):
        stream.write(text)
        stream.flush()


@contextlib.contextmanager
def printing(stream: TextIO) -> Iterator[None]:
    """Turn the refusals of the disk behind a stream into StorageError; a BrokenPipeError passes: nobody reads."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "standard error" if stream is sys.stderr else "standard output"
        raise StorageError(f"cannot write to {name}: {error.strerror or error}") from error


def is_live(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal on which lines can be redrawn."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def fitted_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None,
    expendable: Sequence[int],
    right: Iterable[int] = (),
) -> tuple[list[str], list[str]]:
    """Lay out a table that fits a terminal, by leaving out columns where it would be too wide.

    Args:
        header: As for `table`.
        rows: As for `table`.
        width: Letters on a line of the terminal; None for any number.
        expendable: Positions of columns that may be left out, in the order in which they go.
        right: As for `table`.

    Returns:
        The lines, and the titles of what was left out.
    """
    kept, to_right = list(range(len(header))), set(right)
    for candidate in [None, *expendable]:
        if candidate is not None:
            kept.remove(candidate)
        cells = [[line[column] for column in kept] for line in (header, *rows)]
        aligned = [place for place, column in enumerate(kept) if column in to_right]
        lines = table(cells[0], cells[1:], right=aligned)
        if width is None or max(map(width_of, lines)) <= width:
            break
    return lines, [title for column, title in enumerate(header) if column not in kept]


def left_out(titles: Sequence[str], width: int | None, *, where: str = "--json has all") -> list[str]:
    """Say which columns a terminal had no room for.

    Args:
        titles: Of the columns.
        width: As for `fitted_table`.
        where: Who has them all the same.
    """
    return (
        wrapped(f"no room for {', '.join(titles)}: {where}", max(width or WIDEST_TEXT, _NARROWEST_TEXT))
        if titles
        else []
    )
