"""Notation: how numbers are written in a file of text, and how to tell that they are written in another way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dlrun.base.words import counted
from dlrun.errors import DataError

if TYPE_CHECKING:
    import polars as pl

_SPELLINGS = {" ": " \u00a0\u202f", "'": "'\u2019"}
"""Characters that stand for a thousands mark that people type in several ways."""

_INTEGER = r"^-?[0-9]+$"
_FLOAT = r"^[-+]?([0-9]*\.[0-9]+([eE][-+]?[0-9]+)?|inf|[0-9]+[eE][-+]?[0-9]+|[0-9]+\.)$"
_SIGNED = r"^[-+][0-9]+$"
"""What polars takes for numbers in a CSV file; the last one only beside fractions."""

_TRUTH = r"^(?i:true|false)$"


@dataclass(frozen=True)
class Notation:
    """How numbers and texts are written.

    Args:
        decimal: Mark before the fraction.
        thousands: Mark between groups of three digits; empty if there is none.
        strip: Whether blanks around a value are no part of it.
    """

    decimal: str = "."
    thousands: str = ""
    strip: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as programs write them."""
        return self == PLAIN

    @cached_property
    def _pattern(self) -> str:
        groups = rf"[0-9]{{1,3}}(?:[{self._marks}][0-9]{{3}})+|" if self.thousands else ""
        whole, mark = rf"(?:{groups}[0-9]+)", re.escape(self.decimal)
        return rf"^[-+]?(?:{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+|inf)(?:[eE][-+]?[0-9]+)?$"

    @property
    def _marks(self) -> str:
        return _SPELLINGS.get(self.thousands, self.thousands)

    def stripped(self, text: pl.Series) -> pl.Series:
        """Return text without the blanks around it, if these are no part of it; what is empty then is missing."""
        import polars as pl

        if not self.strip:
            return text
        shorter = text.str.strip_chars()
        return pl.select(pl.when(shorter != "").then(shorter).alias(text.name)).to_series()

    def canonical(self, text: pl.Series) -> pl.Series:
        """Return numbers of this notation as programs write them, such as 1234.5, and all else as null.

        Args:
            text: Text; missing values are null.
        """
        import polars as pl

        shaped = self.stripped(text)
        number = shaped.str.replace_all(f"[{self._marks}]", "") if self.thousands else shaped
        if self.decimal != ".":
            number = number.str.replace(self.decimal, ".", literal=True)
        fits = shaped.str.contains(self._pattern)
        return pl.select(pl.when(fits).then(number).alias(text.name)).to_series()

    def numbers(self, text: pl.Series, remedy: str) -> pl.Series:
        """Return text as 64-bit floats.

        Args:
            text: Text; missing values are null.
            remedy: What to do about a value that is no number.

        Raises:
            DataError: A value is no number of this notation; the message names the first one.
        """
        import polars as pl

        shaped = self.stripped(text)
        found = self.canonical(text).cast(pl.Float64, strict=False)
        failed = found.is_null() & shaped.is_not_null()
        if failed.any():
            first = failed.arg_max() or 0
            raise DataError(
                f"column '{text.name}' holds no number in {counted(int(failed.sum()), 'row')}, the first is "
                f"'{text[first]}' in row {first} (from 0); {self.words}",
                remedy=remedy,
            )
        return found

    @property
    def words(self) -> str:
        """What the config says of numbers."""
        thousands = f", thousands by '{self.thousands}'" if self.thousands else ""
        return f"the decimal mark is '{self.decimal}'{thousands}"

    def inferred(self, text: pl.Series) -> pl.Series:
        """Return text as whole numbers, numbers or truth values if all of it can be read so, else as it is.

        The rule is that of polars for CSV files, which is used for columns in the plain notation.

        Args:
            text: Text; missing values are null.
        """
        import polars as pl

        shaped = self.stripped(text)
        present = shaped.drop_nulls()
        if not len(present):
            return shaped
        if bool(present.str.contains(_TRUTH).all()):
            return shaped.str.to_lowercase() == "true"
        number = shaped if self.is_plain else self.canonical(text)
        if number.null_count() > shaped.null_count():
            return shaped
        if bool(number.str.contains(_INTEGER).fill_null(value=True).all()):
            whole = number.cast(pl.Int64, strict=False)
            return number.cast(pl.Float64) if whole.null_count() > number.null_count() else whole
        is_float = number.str.contains(_FLOAT).fill_null(value=False)
        is_number = is_float | number.is_null() | number.str.contains(f"{_INTEGER}|{_SIGNED}")
        if bool(is_number.fill_null(value=True).all()) and bool(is_float.any()):
            return number.cast(pl.Float64, strict=False)
        return shaped


PLAIN = Notation()
"""Numbers as programs write them."""

_OTHERS = (
    (Notation(strip=True), "with blanks around them", "dataset.strip=true"),
    (Notation(thousands=",", strip=True), "with commas between thousands", "dataset.thousands=','"),
    (Notation(decimal=",", strip=True), "with a decimal comma", "dataset.decimal=','"),
    (
        Notation(decimal=",", thousands=".", strip=True),
        "with points between thousands and a decimal comma",
        "dataset.decimal=',' and dataset.thousands='.'",
    ),
    (
        Notation(decimal=",", thousands=" ", strip=True),
        "with blanks between thousands and a decimal comma",
        "dataset.decimal=',' and dataset.thousands=' '",
    ),
    (Notation(thousands=" ", strip=True), "with blanks between thousands", "dataset.thousands=' '"),
    (Notation(thousands="'", strip=True), "with apostrophes between thousands", 'dataset.thousands="\'"'),
)
"""Notations that files hold, in the order in which they are thought of; what they are called, and their settings."""

_DECORATED = r"^(?:[<>~≈≤≥]=?|[$€£¥])\s*|\s*(?:%|[$€£¥])$"
"""What stands before or behind a number in tables for people: bounds, currencies, shares."""

_EVERY = 0.95
"""Share of the different values that must be numbers; the others are mistakes or marks."""


@dataclass(frozen=True)
class OtherNotation:
    """Numbers that are not written as the config says.

    Args:
        words: How they are written.
        example: One of them.
        num_rows: Rows of numbers of either notation.
        num_distinct: How many different values there are.
        setting: Settings that read them; empty if there are none.
    """

    words: str
    example: str
    num_rows: int
    num_distinct: int
    setting: str

    def __str__(self) -> str:
        return f"looks like numbers {self.words}, such as '{self.example}'"


def other_notation(text: pl.Series, notation: Notation = PLAIN) -> OtherNotation | None:
    """Find out whether text is made of numbers in another notation; None if it is not.

    Args:
        text: Text that could not be taken for numbers; missing values are null.
        notation: What the config says.
    """
    present = text.drop_nulls()
    distinct = present.unique(maintain_order=True)
    if not len(distinct) or not bool(distinct.head(1000).str.contains(r"\d").any()):
        return None
    plain = notation.canonical(distinct)
    for other, words, setting in _OTHERS:
        found = _read_otherwise(other, distinct, plain)
        if found and (other.thousands != "," or _has_groups(distinct)):
            return OtherNotation(words, found, len(present), len(distinct), setting)
    bare = distinct.str.strip_chars().str.replace_all(_DECORATED, "")
    decorated = bare != distinct.str.strip_chars()
    as_number = Notation(thousands=",", strip=True).canonical(bare)
    read = int((as_number.is_not_null() | plain.is_not_null()).sum())
    if read >= _EVERY * len(distinct) and bool((decorated & as_number.is_not_null()).any()):
        example = distinct.filter(decorated & as_number.is_not_null())[0]
        return OtherNotation("with marks", example, len(present), len(distinct), "")
    return None


def _read_otherwise(other: Notation, distinct: pl.Series, plain: pl.Series) -> str | None:
    """Return a value that needs the notation, if nearly all can be read in it or plainly."""
    read = other.canonical(distinct)
    gained = read.is_not_null() & plain.is_null()
    num_read = int((read.is_not_null() | plain.is_not_null()).sum())
    return str(distinct.filter(gained)[0]) if num_read >= _EVERY * len(distinct) and bool(gained.any()) else None


def _has_groups(distinct: pl.Series) -> bool:
    """Tell whether commas stand between thousands: three digits follow each, everywhere."""
    commas = distinct.filter(distinct.str.contains(",", literal=True))
    return bool(commas.str.contains(r",\d{3}(?:\D|$)").all()) and not bool(commas.str.contains(r"^[-+]?0\d*,").any())
