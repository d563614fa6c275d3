"""Spelling: values of text that are probably the same, written in several ways."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dlrun.base.words import quoted_list

if TYPE_CHECKING:
    import polars as pl

_NAMED = 3


def differ_in_blanks(values: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the groups of values that differ in nothing but blanks.

    Args:
        values: Different values.
    """
    return _groups((value, "".join(value.split())) for value in values)


def differ_in_case(values: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the groups of values that differ in nothing but upper and lower case.

    Args:
        values: Different values.
    """
    return _groups((value, value.casefold()) for value in values)


def same_numbers(values: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the groups of values that are the same number, such as `1`, `1.0` and `01`.

    Args:
        values: Different values.
    """
    return _groups((value, number) for value in values if (number := number_in(value)) is not None)


def number_in(text: str) -> float | None:
    """Return the number that a text is; None if it is none."""
    try:
        number = float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None
    return None if number is None or math.isnan(number) else number


def examples(groups: list[tuple[str, ...]]) -> str:
    """Write groups of values as `'yes' and 'yes '; 'no' and 'no '`."""
    written = "; ".join(quoted_list(group, most=4) for group in groups[:_NAMED])
    return f"{written} and {len(groups) - _NAMED} more" if len(groups) > _NAMED else written


def spelling_notes(column: pl.Series) -> tuple[str, ...]:
    """Return what is to be told about the values of a column of categories.

    Args:
        column: Text; missing values are null.
    """
    values = column.drop_nulls().unique().sort().to_list()
    notes = []
    for groups, how, remedy in (
        (differ_in_blanks(values), "differ in blanks only", "dataset.strip=true takes those around values away"),
        (differ_in_case(values), "differ in upper and lower case only", "correct them if they mean the same"),
        (same_numbers(values), "are the same number in several spellings", "correct them if they mean the same"),
    ):
        if groups:
            notes.append(f"categories of column '{column.name}' {how}: {examples(groups)}; {remedy}")
    return tuple(notes)


def _groups(keys: Iterable[tuple[str, object]]) -> list[tuple[str, ...]]:
    found: dict[object, list[str]] = {}
    for value, key in keys:
        found.setdefault(key, []).append(value)
    return [tuple(sorted(group)) for group in found.values() if len(group) > 1]
