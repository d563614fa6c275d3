"""Tables in CSV files."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import Names
from dlrun.experiment.datasets.readers.csv_file import MISSING, CsvFile
from dlrun.experiment.datasets.readers.csv_lines import Layout
from dlrun.experiment.datasets.tables.notation import Notation
from dlrun.experiment.datasets.tables.table import Table

if TYPE_CHECKING:
    import polars as pl

    from dlrun.experiment.datasets.readers.new_rows import Asked, Data


def _spelled_out(value: object) -> object:
    """Take a backslash and a t for the tab that they stand for: only double quotes make one of them in YAML."""
    return "\t" if value == "\\t" else value


class Csv(Table):
    """A CSV file with a header. `.gz` files are unpacked, empty lines are skipped, columns of dates are refused."""

    kind: Literal["csv"] = "csv"

    of_inputs: ClassVar[frozenset[str]] = Table.of_inputs | {"missing", "encoding"}
    endings: ClassVar[tuple[str, ...]] = (".csv", ".csv.gz", ".tsv", ".txt")

    separator: Annotated[str, BeforeValidator(_spelled_out)] = Field(",", min_length=1, max_length=1)
    """Character between the columns, such as `;` or `\\t`."""

    names: Names[str] = ()
    """Names of all columns, for a file without a header: its first line is a row then."""

    skip_rows: int = Field(0, ge=0)
    """Lines at the top of the file that are left out, such as a title above the header."""

    comment: str | None = Field(None, min_length=1, max_length=5)
    """How a line begins that is left out, such as `#`."""

    decimal: Literal[".", ","] = "."
    """Mark before the fraction of a number: `','` reads 20,5 as 20.5."""

    thousands: Literal[",", ".", " ", "'"] | None = None
    """Mark between groups of three digits: `','` reads 1,340.65 as 1340.65."""

    strip: bool = False
    """Whether blanks around a value are no part of it, so that `yes` and `yes ` are the same."""

    missing: Names[str] = ()
    """Texts that mean a missing value, beside the empty text, NA, N/A, #N/A, NaN, nan, null and NULL."""

    not_missing: Names[Literal["NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL"]] = ()
    """Texts of that list that are values after all, such as a class that is called NA."""

    encoding: str = "utf8"
    """Encoding of the text, a name that Python knows, such as `latin-1`."""

    @model_validator(mode="after")
    def _check_marks(self) -> Self:
        if self.decimal == self.thousands:
            raise PydanticCustomError("same_mark", "decimal and thousands are both '{mark}'", {"mark": self.decimal})
        return self

    @property
    def notation(self) -> Notation:
        return Notation(self.decimal, self.thousands or "", self.strip)

    def file(self, path: Path) -> CsvFile:
        return self._read(path, self._layout, limit=self.limit)

    def open(self, path: Path, asked: "Asked") -> "Data":
        """Open new rows; a name that ends in .tsv means tabs, unless that of the run's own file does too."""
        layout = self._layout
        if path.name.lower().endswith(".tsv") and not self.path.lower().endswith(".tsv"):
            layout = replace(layout, separator="\t")
        return self.opened(self._read(path, layout, optional=asked.targets), asked)

    def _read(self, path: Path, layout: Layout, *, limit: int | None = None, optional: tuple[str, ...] = ()) -> CsvFile:
        missing = (*(text for text in MISSING if text not in self.not_missing), *self.missing)
        return CsvFile(path, layout, self.notation, missing, limit=limit, optional=optional)

    @property
    def _layout(self) -> Layout:
        return Layout(self.separator, self.encoding, self.names, self.skip_rows, self.comment or "")

    def _inferred(self, target: "pl.Series") -> "pl.Series":
        return self.notation.inferred(target)
