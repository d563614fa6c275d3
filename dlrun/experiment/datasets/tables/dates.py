"""Dates: telling columns of dates and times, in the forms that tables hold them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_LOOKED_AT = 1000
_NEARLY_ALL = 0.9
"""Share of the values that are dates where a column is one of dates; the others are mistakes or marks."""

_ZONE = r"\s*(?:Z|UTC|GMT|[-+]\d{2}:?\d{2})?"
_TIME = rf"\d{{1,2}}:\d{{2}}(?::\d{{2}}(?:[.,]\d+)?)?\s*(?:[AaPp]\.?[Mm]\.?)?{_ZONE}"
_MONTH = (
    r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?\.?"
_WEEKDAY = r"(?:(?i:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?i:day)?\.?,?\s+)?"
_YEAR = r"(?:\d{4}|'?\d{2})"
_FORMS = (
    r"\d{4}-\d{1,2}-\d{1,2}|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}",
    rf"{_DAY}[-/\s]{_MONTH}[-/,\s]\s*{_YEAR}",
    rf"{_MONTH}[-/\s]{_DAY},?[-/\s]\s*{_YEAR}",
    rf"\d{{4}}[-/\s]{_MONTH}[-/\s]{_DAY}",
    rf"{_MONTH}[-/,\s]\s*\d{{4}}",
)
_DATE = rf"^\s*(?:{_WEEKDAY}(?:{'|'.join(_FORMS)})(?:,?(?:\s+(?:at\s+)?|T){_TIME})?|{_TIME})\s*$"


def is_date(column: pl.Series) -> bool:
    """Tell whether a column holds dates or times, by its type or by how its text looks.

    Args:
        column: Any column; missing values are null.
    """
    import polars as pl

    if column.dtype.is_temporal():
        return True
    if column.dtype != pl.String:
        return False
    some = column.drop_nulls().head(_LOOKED_AT)
    return len(some) > 0 and int(some.str.contains(_DATE).sum()) >= _NEARLY_ALL * len(some)
