"""Scalars: what a plain word of YAML means in a config.

YAML 1.1 reads `no` as false, `1e-3` as text, `010` as eight and `1:30` as ninety. Here a word is a number if it looks
like a decimal number, a boolean if it is `true` or `false`, null if it is `null`, `~` or nothing, and text otherwise.
"""

from __future__ import annotations

import math
import re

from dlrun.base.words import clip

Scalar = str | int | float | bool | None

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
"""Decimal integers; a leading zero makes text of them, as readers of YAML disagree about what it means."""

FLOAT = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
"""Decimal numbers with or without a point and an exponent."""

_CONSTANTS: dict[str, Scalar] = {"": None, "~": None}
_CONSTANTS |= dict.fromkeys(("null", "Null", "NULL"))
_CONSTANTS |= dict.fromkeys(("true", "True", "TRUE"), True)
_CONSTANTS |= dict.fromkeys(("false", "False", "FALSE"), False)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_INT64 = range(-(2**63), 2**63)
_LONGEST_NUMBER = 400


class NotANumber(ValueError):
    """A plain word is meant as a number that dlrun does not read."""


def resolve(word: str) -> Scalar:
    """Return the value of a plain (not quoted) word.

    Raises:
        NotANumber: The word stands for infinity or for no number, or does not fit 64 bits.
    """
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    if _NOT_FINITE.fullmatch(word):
        raise NotANumber(f"expected a finite number, found {clip(word)}")
    if len(word) > _LONGEST_NUMBER or not FLOAT.fullmatch(word):
        return word
    if INTEGER.fullmatch(word):
        integer = int(word)
        if integer not in _INT64:
            raise NotANumber(f"expected an integer of at most 64 bits, found {clip(word)}")
        return integer
    number = float(word)
    if math.isinf(number):
        raise NotANumber(f"expected a number below 1.8e+308, found {clip(word)}")
    return number
