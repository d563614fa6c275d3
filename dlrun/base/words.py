"""Words: values, names and numbers as people read them, and the nearest name to one that is not known."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from dlrun.base.text import printable

_LONGEST = 60


MOST_NAMES = 12
"""Most names that a message lists."""


def clip(text: object, longest: int = _LONGEST) -> str:
    """Show text on one line, only so much of it."""
    shown = printable(str(text))
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."


def show(value: object) -> str:
    """Say in words what was found."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return clip(value)
    if isinstance(value, str):
        return f"'{clip(value)}'"
    if isinstance(value, dict):
        return f"a mapping of {_some(value)}" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    return clip(value)


def _some(mapping: dict[str, Any]) -> str:
    names = [f"'{clip(name)}'" for name in list(mapping)[:3]]
    return ", ".join(names) + (", ..." if len(mapping) > 3 else "")


def either(alternatives: Iterable[str]) -> str:
    """Join alternatives: `a`, `a or b`, `a, b or c`."""
    *most, last = dict.fromkeys(alternatives)
    if not most:
        return last
    comma = "," if " and " in most[-1] else ""
    return f"{', '.join(most)}{comma} or {last}"


def listed(names: Iterable[object], most: int = MOST_NAMES) -> str:
    """List names: all of them, or the first so many and how many there are besides."""
    every = [str(name) for name in names]
    if len(every) <= most + 1:
        return ", ".join(every)
    return f"{', '.join(every[:most])} and {len(every) - most} more"


def nearest(name: object, known: Iterable[object]) -> str | None:
    """Return the known name that `name` was probably meant to be."""
    spelled = {str(candidate).lower(): str(candidate) for candidate in known}
    found = difflib.get_close_matches(str(name)[:_LONGEST].lower().replace("-", "_"), spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else None


def suggestion(name: object, known: Iterable[object], what: str) -> str:
    """Ask whether the nearest known name was meant, or list what is known.

    Args:
        name: What was written.
        known: Every name that could stand there.
        what: What these names are, in the plural and with a capital.
    """
    known = list(known)
    near = nearest(name, known)
    if near is not None:
        return f"Did you mean '{near}'?"
    return f"{what}: {listed(known)}." if known else ""


_LONGEST_TOLD = 200
"""Characters of a name that a message holds; a cell may have a million."""


_LONGEST_COMPARED = 200
"""Characters of names that are compared: it takes time that grows with the square of their length."""


def place_of(header: Sequence[str]) -> dict[str, int]:
    """Map each name of a header to its first place.

    Args:
        header: Names in the order of the columns; a name may be there twice.
    """
    return {header[place]: place for place in range(len(header) - 1, -1, -1)}


def absent(wanted: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the names that are not among those of a header, in their order.

    Args:
        wanted: Names to look for.
        known: Names that exist.
    """
    names = set(known)
    return [name for name in wanted if name not in names]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'age'?` if a known name is close, else a list of the known names.

    Args:
        name: The name that was not found.
        known: Names that exist.
    """
    known = list(known)
    if len(name) <= _LONGEST_COMPARED:
        short = (candidate for candidate in reversed(known) if len(candidate) <= _LONGEST_COMPARED)
        by_lower_case = {candidate.lower(): candidate for candidate in short}
        close = difflib.get_close_matches(name.lower(), list(by_lower_case), n=1, cutoff=0.65)
        if close:
            return f"did you mean '{by_lower_case[close[0]]}'?"
    return f"there are {quoted_list(known)}" if known else "there are none"


def counted(number: int, noun: str) -> str:
    """Write `1 row` or `1,200 rows`.

    Args:
        number: How many.
        noun: What is counted, in the singular; its plural ends in s.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def quoted_list(names: Iterable[object], most: int = 8) -> str:
    """Write names as `'a', 'b', 'c' and 12 more`.

    Args:
        names: What to list.
        most: Names to write out before the rest is counted.
    """
    every = list(names)
    told = ", ".join(quoted(name) for name in every[:most])
    return told if len(every) <= most else f"{told} and {len(every) - most} more"


def quoted(name: object) -> str:
    """Write a name as `'age'`; of one that is very long, how it begins and its length.

    Args:
        name: A name, or a value.
    """
    text = str(name)
    if len(text) <= _LONGEST_TOLD:
        return f"'{text}'"
    return f"'{text[:_LONGEST_TOLD]}...' (of {len(text):,} characters)"


_MANY = 10_000_000


def number(value: float | None) -> str:
    """Write a score in about three significant digits; a dash if it is undefined.

    Args:
        value: Any finite number, or None.
    """
    if value is None:
        return "-"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 0.01:
        return f"{value:#.3g}"
    if size < 10:
        return f"{value:.3f}"
    if size < 1000:
        return f"{value:.1f}"
    return f"{value:,.0f}" if size < _MANY else f"{value:.3g}"


def words(name: str) -> str:
    """Write the name of a score or column in words: `val_loss` is `validation loss`."""
    return (
        name.replace("val_", "validation ", 1).replace("_", " ") if name.startswith("val_") else name.replace("_", " ")
    )


def wrapped(text: str, width: int, *, first: str = "", rest: str | None = None) -> list[str]:
    """Break running text into lines; words that are too long, such as paths and commands, stay whole.

    Args:
        text: Without line breaks.
        width: Letters on a line.
        first: What the first line begins with.
        rest: What the other lines begin with; as many blanks as `first` has letters unless given.
    """
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
