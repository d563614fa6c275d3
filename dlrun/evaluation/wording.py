"""Numbers and names as people read them."""

from __future__ import annotations

import textwrap

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
