"""Names: looking them up in time that grows with their number, not with its square, and telling them in messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

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


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'age'?` if a known name is close, else a list of the known names.

    Args:
        name: The name that was not found.
        known: Names that exist.
    """
    known = list(known)
    if len(name) <= _LONGEST_COMPARED:
        short = (candidate for candidate in reversed(known) if len(candidate) <= _LONGEST_COMPARED)
        by_lower_case = {candidate.lower(): candidate for candidate in short}
        close = get_close_matches(name.lower(), list(by_lower_case), n=1, cutoff=0.65)
        if close:
            return f"did you mean '{by_lower_case[close[0]]}'?"
    return f"there are {listed(known)}" if known else "there are none"


def counted(number: int, noun: str) -> str:
    """Write `1 row` or `1,200 rows`.

    Args:
        number: How many.
        noun: What is counted, in the singular; its plural ends in s.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Iterable[object], most: int = 8) -> str:
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
