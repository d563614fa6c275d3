"""Tables in files: the part that CSV and Parquet have in common."""

from abc import abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.datasets.columns import ColumnType, as_numbers, is_whole, prepare, text_among_numbers
from dlrun.datasets.dataset import Dataset, DatasetFacts
from dlrun.datasets.files import existing_file, naming, other_kind
from dlrun.datasets.names import counted, listed, nearest
from dlrun.datasets.source import Source
from dlrun.datasets.targets import Targets, encode
from dlrun.errors import DataError
from dlrun.settings import Names

if TYPE_CHECKING:
    import polars as pl

_SMALL_FILE = 16 * 2**20
_NAMED = 8


class Table(Source):
    """Columns with names: some are inputs, one or more are the target."""

    path: str = Field(min_length=1)
    """The file; relative paths start at the current directory."""

    target: Names[str] = Field(min_length=1)
    """Name of the column to predict, or a list of names."""

    drop: Names[str] = ()
    """Column to leave out, or a list of columns."""

    types: dict[str, ColumnType] = Field(default_factory=dict)
    """Columns to take as `numeric` or `categorical`, whatever they look like; by default columns of numbers are numeric
    and columns of text and true/false are categorical."""

    test_path: str | None = None
    """A file with the own test part: the same columns, with labels."""

    drop_unlabeled_rows: bool = False
    """Leave out rows without a target instead of refusing them."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        for names, section in ((self.drop, "drop"), (self.types, "types")):
            for name in self.target:
                if name in names:
                    raise PydanticCustomError(
                        "target_is_input",
                        "the target '{name}' also stands in {section}",
                        {"name": name, "section": section},
                    )
        return self

    @abstractmethod
    def _header(self, path: Path) -> list[str]:
        """Return the names of the columns of a file."""

    @abstractmethod
    def _rows(self, path: Path, columns: list[str], text: Collection[str]) -> "pl.DataFrame":
        """Read columns of a file, at most `limit` rows.

        Args:
            path: The file.
            columns: Columns to read.
            text: Columns that are text, where the file does not say so.
        """

    def load(self) -> Dataset:
        paths = self._paths()
        with naming(*paths):
            return self._load(*paths)

    def _paths(self) -> list[Path]:
        paths = [existing_file(self.path, "dataset.path")]
        return paths if self.test_path is None else [*paths, existing_file(self.test_path, "dataset.test_path")]

    def _load(self, path: Path, test_path: Path | None = None) -> Dataset:
        inputs = self._inputs(path)
        frame = self._rows(path, [*inputs, *self.target], self.types)
        num_rows = frame.height
        if num_rows == 0:
            raise DataError(f"'{path}' has columns but no rows", remedy="Use a file with rows to learn from.")
        if test_path is not None:
            with naming(test_path):
                frame = self._with_test(frame, test_path)
        unlabeled = self._unlabeled(frame)
        if self.task in ("auto", "regression") and len(self.target) == 1:
            _refuse_text_among_numbers(frame[self.target[0]])
        x, notes = prepare(frame.filter(~unlabeled).select(inputs), self.types, self.drop)
        targets = self._targets(frame.filter(~unlabeled))
        first_test = num_rows - int(unlabeled.head(num_rows).sum())
        if dropped := int(unlabeled.sum()):
            notes = (f"left out {counted(dropped, 'row')} without a label", *notes)
        num_test = None if test_path is None else x.height - first_test
        return targets.dataset(path.stem, "table", x, num_test=num_test, feature_names=tuple(inputs), notes=notes)

    def facts(self) -> DatasetFacts | None:
        small = sum(path.stat().st_size for path in self._paths()) <= _SMALL_FILE
        return self.load().facts if small else None

    def _inputs(self, path: Path) -> list[str]:
        header = self._header(path)
        for setting, names in (("target", self.target), ("drop", self.drop), ("types", self.types)):
            self._require_columns(header, names, path, f"dataset.{setting}")
        inputs = [name for name in header if name not in self.target and name not in self.drop]
        if not inputs:
            self._refuse_one_column(header, path)
            used = f"the target {listed(self.target)}" + (
                f" and what is dropped, {listed(self.drop)}" * bool(self.drop)
            )
            raise DataError(
                f"'{path}' has no columns left to learn from: it holds {used}",
                remedy="Shorten dataset.drop, or use another file." if self.drop else "Use a file with more columns.",
            )
        return inputs

    def _require_columns(self, header: list[str], wanted: Collection[str], path: Path, setting: str) -> None:
        missing = [name for name in wanted if name not in header]
        if missing:
            self._refuse_one_column(header, path)
            hints = [f"'{name}' ({nearest(name, header)})" for name in missing[:_NAMED]]
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            raise DataError(
                f"'{path}' has no column{'s' * (len(missing) > 1)} {', '.join(hints)}{more}",
                remedy=f"Correct {setting}.",
            )

    def _refuse_one_column(self, header: list[str], path: Path) -> None:
        """Raise DataError if a file seems to have a single column because it was not read as it was written."""

    def _with_test(self, frame: "pl.DataFrame", path: Path) -> "pl.DataFrame":
        import polars as pl

        self._require_columns(
            self._header(path), frame.columns, path, "dataset.test_path, which needs all these columns"
        )
        text = {column.name for column in frame if column.dtype == pl.String}
        test = self._rows(path, frame.columns, text | set(self.types))
        test = test.with_columns([_alike(test[column.name], column.dtype, path) for column in frame])
        return pl.concat([frame, test], how="vertical_relaxed")

    def _unlabeled(self, frame: "pl.DataFrame") -> "pl.Series":
        import polars as pl

        missing = pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True).alias("unlabeled")
        for name in self.target:
            column = frame[name]
            missing = missing | (column.is_null() | column.is_nan() if column.dtype.is_float() else column.is_null())
        if missing.any() and not self.drop_unlabeled_rows:
            raise DataError(
                f"no label in {listed(self.target)} for {int(missing.sum()):,} of {counted(frame.height, 'row')}, "
                f"the first is row {missing.arg_max()} (from 0)",
                remedy="Fill them in, or leave these rows out with dataset.drop_unlabeled_rows=true.",
            )
        return missing

    def _targets(self, frame: "pl.DataFrame") -> Targets:
        import polars as pl

        columns = [frame[name] for name in self.target]
        for column in columns:
            if column.dtype.is_temporal() or column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
                raise DataError(
                    f"the target '{column.name}' is of type {column.dtype}",
                    remedy="Targets are numbers, booleans or text.",
                )
        if len(columns) == 1 and not (columns[0].dtype.is_numeric() or columns[0].dtype == pl.Boolean):
            text = columns[0].cast(pl.String)
            class_names = text.unique().sort().to_list()
            codes = text.cast(pl.Enum(class_names)).to_physical().cast(pl.Int64).to_numpy()
            return encode(codes, self.task, self.target, tuple(class_names))
        return encode(_stacked(columns), self.task, self.target)


def _refuse_text_among_numbers(target: "pl.Series") -> None:
    """Refuse a target of numbers that a few texts among them would turn into as many classes."""
    import polars as pl

    if target.dtype == pl.String and (found := text_among_numbers(target)):
        raise DataError(
            f"the target '{target.name}' {found}",
            remedy=f"Correct {listed(found.texts)}, or leave the rows out: add them to dataset.missing, and set "
            "dataset.drop_unlabeled_rows=true. dataset.task=multiclass takes all values for names of classes.",
        )


def _stacked(columns: "list[pl.Series]") -> np.ndarray[Any, np.dtype[Any]]:
    import polars as pl

    text = [column.name for column in columns if not (column.dtype.is_numeric() or column.dtype == pl.Boolean)]
    if text:
        raise DataError(
            f"the targets {listed(text)} are text", remedy="Several targets must be numbers; name one target."
        )
    simple = [column.dtype.is_float() or column.dtype == pl.Boolean or is_whole(column) for column in columns]
    arrays = [(column if kept else as_numbers(column)).to_numpy() for column, kept in zip(columns, simple, strict=True)]
    return arrays[0] if len(arrays) == 1 else np.column_stack(arrays)


def _alike(column: "pl.Series", dtype: "pl.DataType", path: Path) -> "pl.Series":
    """Return a column of the test file so that it can follow one of the given type."""
    import polars as pl

    if column.dtype == dtype or (column.dtype.is_numeric() and dtype.is_numeric()):
        return column
    if column.null_count() == len(column):
        return column.cast(dtype)
    if dtype.is_numeric() and column.dtype == pl.String:
        return as_numbers(column)
    raise DataError(
        f"'{path}': column '{column.name}' is of type {column.dtype}, in dataset.path it is of type {dtype}",
        remedy=f"Write both files alike, or set dataset.types.{column.name}.",
    )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def unreadable(path: Path, form: str, error: BaseException, remedy: str) -> DataError:
    """Return the error for a table that polars cannot read."""
    remedy = other_kind(path, form.lower()) or remedy
    return DataError(f"'{path}' cannot be read as {form}: {_first_line(error)}", remedy=remedy)
