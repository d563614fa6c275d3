"""Numbers and names as people read them."""

from __future__ import annotations

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
