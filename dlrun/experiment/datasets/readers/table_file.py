"""TableFile: a file of columns with names, read as a whole to learn from and a block at a time to predict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dlrun.base.words import absent, did_you_mean, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.files import other_kind
from dlrun.experiment.datasets.tables.notation import PLAIN, Notation

if TYPE_CHECKING:
    import polars as pl

ALL_COLUMNS = "Give data with all columns that the run was trained on, by the same names."


class TableFile(ABC):
    """A file of columns with names. What `frame` reads as a whole, `blocks` reads a part at a time, and nothing else.

    Args:
        path: The file.
    """

    notation: Notation = PLAIN
    """How numbers are written where the file holds them as text."""

    settled: ClassVar[str] = ""
    """What is to be said, with a fault of a file to predict, of the settings by which it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def header(self) -> list[str]:
        """Names of the columns, each once.

        Raises:
            DataError: They cannot be read, or no table has such names.
        """

    @abstractmethod
    def frame(self, columns: Sequence[str], text: Collection[str] = (), numbers: Collection[str] = ()) -> pl.DataFrame:
        """Read columns as a whole; missing values are null.

        Args:
            columns: Columns to read.
            text: Columns that are text, where the file does not say what they hold.
            numbers: Columns that are numbers, where it does not say so.

        Raises:
            DataError: The file is damaged.
        """

    @abstractmethod
    def blocks(self, columns: Sequence[str], *, spare: bool = False) -> Iterator[pl.DataFrame]:
        """Yield columns, some rows at a time and in bounded memory; they are text where the file does not say more.

        Args:
            columns: Columns to read.
            spare: Whether a row that holds nothing in them is kept if it holds something in others.

        Raises:
            DataError: As `frame` does, before the first block.
        """

    def rows(self, columns: Sequence[str], num_rows: int, *, spare: bool = False) -> Iterator[pl.DataFrame]:
        """Yield the blocks cut anew, so that all but the last have `num_rows` rows.

        Raises:
            DataError: As `blocks`.
        """
        import polars as pl

        held: pl.DataFrame | None = None
        for block in self.blocks(columns, spare=spare):
            held = block if held is None or not held.height else pl.concat([held, block])
            while held.height >= num_rows:
                yield held.head(num_rows)
                held = held.slice(num_rows)
        if held is not None and held.height:
            yield held

    def texts_for_missing(self, column: str) -> tuple[str, ...]:  # noqa: ARG002 (contract)
        """Return the texts that stand in a column where a value is missing."""
        return ()

    def doubts(self, frame: pl.DataFrame, target: Collection[str]) -> tuple[str, ...]:  # noqa: ARG002 (contract)
        """Return what is doubtful about how the file was read; raise DataError if it is beyond doubt.

        Args:
            frame: What was read.
            target: Names of its targets.
        """
        return ()

    def misread(self) -> str:
        """Return what to do if the file was not read as it was written, or nothing; raise DataError if that is sure."""
        return ""

    def require(self, columns: Sequence[str], remedy: str) -> None:
        """Refuse a file without some columns, naming them.

        Args:
            columns: Names of the columns.
            remedy: What to do if one is missing.

        Raises:
            DataError: A column is missing.
        """
        missing = absent(columns, self.header)
        if missing:
            found = {name: did_you_mean(name, self.header) for name in missing[:8]}
            alike = len(found) > 1 and len(set(found.values())) == 1
            hints = found[missing[0]] if alike else "; ".join(f"'{name}': {near}" for name, near in found.items())
            raise DataError(f"'{self.path}' has no column {quoted_list(missing)} ({hints})", remedy=remedy)


def unreadable(path: Path, form: str, error: BaseException, remedy: str) -> DataError:
    """Return the error for a table that cannot be read.

    Args:
        path: The file.
        form: What it should be, such as `CSV`.
        error: Why it is not.
        remedy: What to do, unless its name says that it is of another kind.
    """
    first_line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    remedy = other_kind(path, form.lower()) or remedy
    return DataError(f"'{path}' cannot be read as {form}: {first_line}", remedy=remedy)
