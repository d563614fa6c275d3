"""Messages about names: which known name was probably meant, and short lists of names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'age'?` if a known name is close, else a list of the known names.

    Args:
        name: The name that was not found.
        known: Names that exist.
    """
    known = list(known)
    by_lower_case = {candidate.lower(): candidate for candidate in reversed(known)}
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
    quoted = [f"'{name}'" for name in names]
    if len(quoted) <= most:
        return ", ".join(quoted)
    return f"{', '.join(quoted[:most])} and {len(quoted) - most} more"
