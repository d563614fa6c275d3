"""Tables in CSV files."""

import codecs
import csv
import io
import itertools
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import Names
from dlrun.base.words import absent, counted, place_of, quoted, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.csv_hints import if_no_header, if_uneven, numbers_in
from dlrun.experiment.datasets.readers.csv_lines import UNREADABLE, Layout
from dlrun.experiment.datasets.readers.files import refuse_packed
from dlrun.experiment.datasets.readers.headers import require_usable
from dlrun.experiment.datasets.tables.notation import Notation
from dlrun.experiment.datasets.tables.table import Table, unreadable

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL")
"""Texts that mean a missing value unless `dataset.not_missing` says otherwise."""

_CORRECT = "Correct these values, or list those that mean a missing one in dataset.missing."
_REMEDY = "Check that it is a text file with one header line, dataset.separator and dataset.encoding."


def _spelled_out(value: object) -> object:
    """Take a backslash and a t for the tab that they stand for: only double quotes make one of them in YAML."""
    return "\t" if value == "\\t" else value


class Csv(Table):
    """A CSV file with a header. `.gz` files are unpacked, empty lines are skipped, columns of dates are refused."""

    kind: Literal["csv"] = "csv"

    of_inputs: ClassVar[frozenset[str]] = Table.of_inputs | {"missing", "encoding"}

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
    def layout(self) -> Layout:
        """How the lines of the file are written."""
        return Layout(self.separator, self.encoding, self.names, self.skip_rows, self.comment or "")

    @property
    def notation(self) -> Notation:
        """How its numbers and texts are written."""
        return Notation(self.decimal, self.thousands or "", self.strip)

    @property
    def all_missing(self) -> tuple[str, ...]:
        """Every text that means a missing value."""
        return (*(text for text in MISSING if text not in self.not_missing), *self.missing)

    def _header(self, path: Path) -> list[str]:
        refuse_packed(path)
        header = list(self.names) or self._first_row(path)
        if self.names:
            self._refuse_another_width(path)
        require_usable(path, header)
        num_each = Counter(header)
        twice = sorted(name for name, number in num_each.items() if number > 1)
        if [name for name in twice if name or not self._unnamed_are_empty(path, header)]:
            self._refuse_uneven(path)
            raise DataError(
                f"'{path}': more than one column is called {quoted_list(twice)}",
                remedy=("" if self.names else if_no_header(header)) or "Give every column its own name.",
            )
        return [name for name in header if num_each[name] == 1]

    def _rows(self, path: Path, columns: list[str], text: Collection[str]) -> "pl.DataFrame":
        import polars as pl

        in_file = list(self.names) or self._first_row(path)
        place = place_of(in_file)
        places = [place[name] for name in columns]
        own = self._read(path, n_rows=1, infer_schema=False).columns
        if max(places) >= len(own):
            self._refuse_uneven(path)
        as_text = columns if not self.notation.is_plain else [name for name in columns if name in text]
        frame = self._read(
            path,
            columns=sorted(places),
            schema_overrides={own[place[name]]: pl.String for name in as_text},
            null_values=list(self.all_missing),
            infer_schema_length=None,
            n_rows=self.limit,
        )
        frame = frame.select([frame[own[place[name]]].alias(name) for name in columns])
        if frame[columns[places.index(max(places))]].null_count():  # polars fills lines that are too short
            self._refuse_uneven(path)
        if all(column.null_count() for column in frame):
            frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
        if self.notation.is_plain:
            return frame
        frame = frame.with_columns([self._stripped(column) for column in frame])
        inputs = absent(columns, self.target)
        return frame.with_columns([self._read_otherwise(frame[name]) for name in inputs])

    def _read_otherwise(self, column: "pl.Series") -> "pl.Series":
        """Return an input that was read as text as what it is in the notation of the file."""
        wanted = self.types.get(column.name)
        if wanted == "numeric":
            return self.notation.numbers(column, _CORRECT)
        return column if wanted else self.notation.inferred(column)

    def _stripped(self, column: "pl.Series") -> "pl.Series":
        """Return text without the blanks that are no part of it; some may be missing then."""
        import polars as pl

        shorter = self.notation.stripped(column)
        is_value = ~shorter.is_in(list(self.all_missing))
        return pl.select(pl.when(is_value).then(shorter).alias(column.name)).to_series()

    def _inferred(self, target: "pl.Series") -> "pl.Series":
        return self.notation.inferred(target)

    def _texts_for_missing(self, path: Path, column: str) -> tuple[str, ...]:
        import polars as pl

        place = (list(self.names) or self._first_row(path)).index(column)
        written = self._read(path, columns=[place], infer_schema=False, n_rows=self.limit).to_series()
        found = written.filter(written.str.strip_chars().is_in(list(self.all_missing)) & (written != ""))
        return tuple(found.cast(pl.String).unique().sort().to_list())

    def _doubts(self, path: Path, frame: "pl.DataFrame") -> tuple[str, ...]:
        header = list(self.names) or self._first_row(path)
        notes = []
        if (unnamed := header.count("")) > 1:
            notes.append(
                f"{unnamed} columns without a name or a value are left out; separators at the ends of lines make them"
            )
        if not self.names and numbers_in(header):
            lost = [name for name in self.target if name in frame[name]]
            if lost:
                raise DataError(
                    f"'{path}' seems to have no header: the target '{lost[0]}' of its first line is also a value below",
                    remedy=if_no_header(header),
                )
            found = quoted_list(numbers_in(header), most=3)
            notes.append(
                f"the header holds numbers ({found}), as a row does: if the file has no header, its first row is lost; "
                "dataset.names names the columns"
            )
        return tuple(notes)

    def _misread(self, header: list[str], path: Path) -> str:
        self._refuse_one_column(header, path)
        self._refuse_uneven(path)
        return "" if self.names else if_no_header(header)

    def _first_row(self, path: Path) -> list[str]:
        row = next(self._written(path), [])
        if not row:
            raise DataError(f"'{path}' is empty", remedy="A header line and rows are needed.")
        return row

    def _written(self, path: Path) -> Iterator[list[str]]:
        """Yield the rows as Python reads them, a header first."""
        try:
            with self.layout.opened(path) as stream:
                yield from self.layout.rows(self.layout.lines(stream))
        except (csv.Error, *UNREADABLE) as error:
            raise unreadable(path, "CSV", error, _REMEDY) from error

    def _unnamed_are_empty(self, path: Path, header: list[str]) -> bool:
        places = [place for place, name in enumerate(header) if not name]
        first = 0 if self.names else 1
        # Not by polars, to which a column without a name costs as much as any other.
        for row in itertools.islice(self._written(path), first, self.limit and first + self.limit):
            if len(row) != len(header):
                self._refuse_uneven(path)
            elif any(row[place] for place in places):
                return False
        return True

    def _refuse_another_width(self, path: Path) -> None:
        """Raise DataError if `names` do not suit the first row."""
        row = self._first_row(path)
        if len(row) != len(self.names):
            raise DataError(
                f"dataset.names holds {counted(len(self.names), 'name')}, the first row of '{path}' holds "
                f"{counted(len(row), 'value')}",
                remedy="Name every column of the file, also those that dataset.drop leaves out.",
            )
        if tuple(row) == self.names:
            raise DataError(
                f"the first row of '{path}' holds dataset.names: it is a header", remedy="Leave dataset.names out."
            )

    def _read(self, path: Path, **options: Any) -> "pl.DataFrame":
        import polars as pl

        options |= {"separator": self.separator, "has_header": not self.names, "glob": False}
        try:
            return pl.read_csv(
                self._source(path),
                skip_lines=self.layout.num_before_header(path),
                comment_prefix=self.comment,
                **options,
            )
        except pl.exceptions.NoDataError as error:
            raise DataError(f"'{path}' is empty", remedy="A header line and rows are needed.") from error
        except (pl.exceptions.PolarsError, *UNREADABLE) as error:
            self._refuse_uneven(path)
            return self._read_quoted(path, error, options)

    def _read_quoted(self, path: Path, error: Exception, options: dict[str, Any]) -> "pl.DataFrame":
        """Read a file that polars cannot read and Python can: it has quotes inside of values that are not quoted.

        Raises:
            DataError: Python cannot read it either.
        """
        import polars as pl

        written = io.StringIO()
        writer = csv.writer(written, delimiter=self.separator, lineterminator="\n")
        try:
            with self.layout.opened(path) as stream:
                lines = self.layout.lines(stream)
                writer.writerows(self.layout.rows(lines, strict=True))
            return pl.read_csv(io.BytesIO(written.getvalue().encode()), **options)
        except csv.Error as unquoted:
            message = ValueError(f"line {lines.number}: {unquoted}")
            raise unreadable(path, "CSV", message, "Double the quotes inside of a value that is in quotes.") from error
        except (pl.exceptions.PolarsError, *UNREADABLE):
            raise unreadable(path, "CSV", error, _REMEDY) from error

    def _source(self, path: Path) -> Path | io.BytesIO:
        if codecs.lookup(self.encoding).name == "utf-8":
            return path
        with self.layout.opened(path) as stream:
            return io.BytesIO(stream.read().encode())

    def _refuse_uneven(self, path: Path) -> None:
        """Raise DataError if a line has more or fewer values than the header, and say which; empty lines are none."""
        with suppress(csv.Error, *UNREADABLE), self.layout.opened(path) as stream:
            lines = self.layout.lines(stream)
            rows = self.layout.rows(lines)
            header = list(self.names) or next(rows, [])
            last = lines.number
            for row in itertools.islice(rows, self.limit):
                if len(row) != len(header):
                    found, known = counted(len(row), "value"), "dataset.names" if self.names else "the header"
                    raise DataError(
                        f"'{path}': line {lines.number} holds {found}, {known} holds {len(header)}",
                        remedy=if_uneven(self.layout, header, row, next(rows, []), last),
                    )
                last = lines.number

    def _refuse_one_column(self, header: list[str], path: Path) -> None:
        others = [mark for mark in (",", ";", "\t", "|") if mark != self.separator and mark in header[0]]
        if len(header) == 1 and others:
            raise DataError(
                f"'{path}' has one column only, {quoted(header[0])}, with dataset.separator={self.separator!r}",
                remedy=f"Set dataset.separator={others[0]!r} if that is what stands between the columns.",
            )
