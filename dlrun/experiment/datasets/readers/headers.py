"""Headers: what the names of a table's columns may be, checked before anything below them is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dlrun.errors import DataError

MOST_COLUMNS = 1_000_000
"""Columns that a table may have. Each takes some kilobytes and a good part of a millisecond wherever it goes, whatever
its values: a million take gigabytes and minutes. Tables of genes have 60,000, those of methylation 900,000."""


LONGEST_NAME = 10_000
"""Characters of a name: enough for the questions of a survey. Every message and every record holds names."""


def require_usable(path: Path, header: Sequence[str]) -> None:
    """Refuse a header that no table has; call before anything else of the file is read.

    Args:
        path: The file, for the message.
        header: Names of the columns.

    Raises:
        DataError: There are more than `MOST_COLUMNS`, or one has more than `LONGEST_NAME` characters.
    """
    if len(header) > MOST_COLUMNS:
        raise DataError(
            f"'{path}' has {len(header):,} columns, a table may have {MOST_COLUMNS:,}",
            remedy="Check the separators in its first line. If these are all numbers, save them as one array in an "
            ".npz file, with dataset.kind=npz.",
        )
    place = next((place for place, name in enumerate(header) if len(name) > LONGEST_NAME), None)
    if place is not None:
        raise DataError(
            f"'{path}': the name of column {place + 1:,} has {len(header[place]):,} characters, a name may have "
            f"{LONGEST_NAME:,}",
            remedy="Check the quotes and the separators in its first line.",
        )
