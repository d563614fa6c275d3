"""Text that is safe to print and to store: control characters shown as escapes, values as strict JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

FORMULA = r"^[=+\-@\t\r\n]"
"""How a text begins that a spreadsheet takes for a formula (OWASP, "CSV Injection")."""

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
"""A number as text, which is no formula whatever it begins with."""

_MAX_DIGITS = 300
"""Digits of a whole number, sign included; a float holds up to 308, and the states of random generators have 39."""


def printable(text: str) -> str:
    """Show every character of a text that is not printed as itself as an escape, in one line.

    Names of runs, classes and columns come from files; printed as they are, control and formatting characters could
    move the cursor, change colours or reverse the reading direction, and blanks of other widths look like spaces.

    Args:
        text: Any text, surrogates included.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def harmless_cell(text: str) -> str:
    """Return the text of a table's cell so that no spreadsheet takes it for a formula: a `'` goes in front.

    Args:
        text: Any text; one that is a number stays as it is.
    """
    return f"'{text}" if re.match(FORMULA, text) and not re.match(NUMBER, text) else text


def json_text(value: object, *, indent: int | None = 2) -> str:
    """Write a value as strict JSON that any parser reads.

    Args:
        value: Mappings, sequences, numbers, texts, paths, and NumPy arrays and scalars of them. NaN and infinity become
            `null`, because JSON has no word for them.
        indent: Spaces a level; None for one line.

    Raises:
        TypeError: The value holds something that JSON cannot say.
    """
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def parse_json(content: str | bytes) -> Any:
    """Read a value from JSON of a file, which may have been changed by anybody.

    Args:
        content: All of it.

    Raises:
        ValueError: It is no JSON, is nested too deeply, or holds a whole number that no float can hold, with which any
            arithmetic would fail.
    """
    try:
        return json.loads(content, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"it holds a number of {len(digits)} digits")
    return int(digits)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if callable(getattr(value, "tolist", None)):
        return _plain(value.tolist())
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
