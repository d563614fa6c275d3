"""Tables in files: the part that CSV and Parquet have in common."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import Names
from dlrun.base.words import absent, counted, did_you_mean, quoted_list
from dlrun.errors import DataError, UsageError
from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts
from dlrun.experiment.datasets.readers.files import existing_file, naming
from dlrun.experiment.datasets.readers.second_file import alike
from dlrun.experiment.datasets.readers.table_file import TableFile
from dlrun.experiment.datasets.role import Role, RoleName
from dlrun.experiment.datasets.roles import read_role
from dlrun.experiment.datasets.sources.named import NamedColumns
from dlrun.experiment.datasets.tables.columns import ColumnType, as_numbers, prepare
from dlrun.experiment.datasets.tables.notation import PLAIN, Notation
from dlrun.experiment.datasets.tables.table_targets import check_target, targets_of

if TYPE_CHECKING:
    import polars as pl

    from dlrun.experiment.datasets.readers.new_rows import Asked, Data

_SMALL_FILE = 16 * 2**20
_NAMED = 8


class Table(NamedColumns):
    """Columns with names: some are inputs, one or more are the target."""

    of_inputs: ClassVar[frozenset[str]] = NamedColumns.of_inputs | {"drop", "types"}

    path: str = Field(min_length=1)
    """The file; relative paths start at the current directory."""

    target: Names[str] = Field(min_length=1)
    """Name of the column to predict, or a list of names."""

    drop: Names[str] = ()
    """Column to leave out, or a list of columns."""

    types: dict[str, ColumnType] = Field(default_factory=dict)
    """Columns to take as `numeric` or `categorical`, whatever they look like; by default columns of numbers are numeric
    and columns of text and true/false are categorical. A target that is categorical has classes, whatever they are
    called; one that is numeric has numbers."""

    test_path: str | None = None
    """A file with the own test part: the same columns, with labels."""

    drop_unlabeled_rows: bool = False
    """Leave out rows without a target instead of refusing them."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        dropped = set(self.drop)
        for name in self.target:
            if name in dropped:
                raise PydanticCustomError("target_is_input", "the target '{name}' also stands in drop", {"name": name})
        return self

    @property
    def notation(self) -> Notation:
        """How numbers are written where the file holds them as text."""
        return PLAIN

    @abstractmethod
    def file(self, path: Path) -> TableFile:
        """Return a file of this kind, of which nothing is read yet; to learn from, at most `limit` rows are."""

    def _inferred(self, target: "pl.Series") -> "pl.Series":
        """Return a target that was read as text as what it seems to hold, where the file does not say it."""
        return target

    def open(self, path: Path, asked: "Asked") -> "Data":
        return self.opened(self.file(path), asked)

    def opened(self, file: TableFile, asked: "Asked") -> "Data":
        """Return new rows of a file; see `open`."""
        from dlrun.experiment.datasets.readers.table_rows import open_table

        if asked.array is not None:
            raise UsageError(f"'{file.path}' is a table and has no arrays", remedy="Leave out --array.")
        return open_table(file, asked, drop_unlabeled=self.drop_unlabeled_rows)

    def load(self) -> Dataset:
        paths = self._paths()
        with naming(*paths):
            return self._load(*paths)

    def _paths(self) -> list[Path]:
        paths = [existing_file(self.path, "dataset.path")]
        return paths if self.test_path is None else [*paths, existing_file(self.test_path, "dataset.test_path")]

    def _load(self, path: Path, test_path: Path | None = None) -> Dataset:
        file = self.file(path)
        inputs = self._inputs(file)
        names = self.role_names.values() if not self.notation.is_plain else filter(None, (self.id, self.group))
        text = {*self.types, *self.target, *names}
        frame = self._rows(file, [*inputs, *self.target, *self.role_names.values()], text)
        num_rows = frame.height
        if num_rows == 0:
            raise DataError(f"'{path}' has columns but no rows", remedy="Use a file with rows to learn from.")
        if test_path is not None:
            with naming(test_path):
                frame = self._with_test(frame, test_path)
        doubts = file.doubts(frame, self.target)
        unlabeled = self._unlabeled(frame, file)
        if self.task in ("auto", "regression") and len(self.target) == 1 and self.target[0] not in self.types:
            check_target(frame[self.target[0]], self._inferred, self.notation)
        labeled = frame.filter(~unlabeled)
        x, notes = prepare(labeled.select(inputs), self.types, self.drop, self.notation)
        targets = targets_of([labeled[name] for name in self.target], self.task, self.types, self._inferred)
        first_test = num_rows - int(unlabeled.head(num_rows).sum())
        if dropped := int(unlabeled.sum()):
            held = self._held(file, self.target, "class")
            notes = (f"left out {counted(dropped, 'row')} without a label{held}", *notes)
        num_test = None if test_path is None else x.height - first_test
        return targets.dataset(
            path.stem,
            "table",
            x,
            num_test=num_test,
            feature_names=tuple(inputs),
            notes=(*doubts, *notes),
            roles=self._roles(frame, unlabeled, file),
        )

    def load_if_quick(self) -> Dataset | None:
        small = sum(path.stat().st_size for path in self._paths()) <= _SMALL_FILE
        return self.load() if small else None

    def facts(self) -> DatasetFacts | None:
        dataset = self.load_if_quick()
        return None if dataset is None else dataset.facts

    def _rows(self, file: TableFile, columns: list[str], text: Collection[str]) -> "pl.DataFrame":
        numbers = {name for name, wanted in self.types.items() if wanted == "numeric"}
        return file.frame(columns, text, numbers - {*self.target})

    def _inputs(self, file: TableFile) -> list[str]:
        header, path = file.header, file.path
        wanted = {"dataset.target": self.target, "dataset.drop": self.drop, "dataset.types": self.types}
        roles = {f"dataset.{role}": [name] for role, name in self.role_names.items()}
        self._require_columns(file, {**wanted, **roles})
        inputs = absent(header, {*self.target, *self.drop, *self.role_names.values()})
        if not inputs:
            hint = file.misread()
            used = f"the target {quoted_list(self.target)}" + (
                f" and what is dropped, {quoted_list(self.drop)}" * bool(self.drop)
            )
            raise DataError(
                f"'{path}' has no columns left to learn from: it holds {used}",
                remedy=hint
                or ("Shorten dataset.drop, or use another file." if self.drop else "Use a file with more columns."),
            )
        return inputs

    def _require_columns(self, file: TableFile, wanted: Mapping[str, Collection[str]]) -> None:
        """Raise DataError if names are not in a header; `wanted` has them by what asks for them."""
        header, path = file.header, file.path
        not_there = {setting: names for setting, every in wanted.items() if (names := absent(every, header))}
        missing = [name for names in not_there.values() for name in names]
        if missing:
            hint = file.misread()
            hints = [f"'{name}' ({did_you_mean(name, header)})" for name in missing[:_NAMED]]
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            raise DataError(
                f"'{path}' has no column{'s' * (len(missing) > 1)} {', '.join(hints)}{more}",
                remedy=hint or f"Correct {' and '.join(not_there)}.",
            )

    def _with_test(self, frame: "pl.DataFrame", path: Path) -> "pl.DataFrame":
        import polars as pl

        needed = {"dataset.test_path, which needs all these columns": frame.columns}
        file = self.file(path)
        self._require_columns(file, needed)
        text = {column.name for column in frame if column.dtype in (pl.String, pl.Boolean)}
        test = self._rows(file, frame.columns, text | set(self.types))
        test = test.with_columns([_alike(test[column.name], column.dtype, path) for column in frame])
        return pl.concat([frame, test], how="vertical_relaxed")

    def _unlabeled(self, frame: "pl.DataFrame", file: TableFile) -> "pl.Series":
        import polars as pl

        missing = pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True).alias("unlabeled")
        for name in self.target:
            column = frame[name]
            missing = missing | (column.is_null() | column.is_nan() if column.dtype.is_float() else column.is_null())
        if missing.any() and not self.drop_unlabeled_rows:
            raise DataError(
                f"no label in {quoted_list(self.target)} for {int(missing.sum()):,} of {counted(frame.height, 'row')}, "
                f"the first is row {missing.arg_max()} (from 0){self._held(file, self.target, 'class')}",
                remedy="Fill them in, or leave these rows out with dataset.drop_unlabeled_rows=true.",
            )
        return missing

    def _roles(self, frame: "pl.DataFrame", unlabeled: "pl.Series", file: TableFile) -> dict[RoleName, Role]:
        """Read the columns that are no inputs; what stands in rows without a label does not matter."""
        kept = (~unlabeled).to_numpy()
        rows = np.where(kept, np.arange(len(kept)), np.argmax(kept))
        roles: dict[RoleName, Role] = {}
        for role, name in self.role_names.items():
            held = partial(self._held, file, (name,), "value")
            read = read_role(role, frame[name].gather(rows), self.notation, held)
            roles[role] = Role(name, read.values[kept])
        return roles

    def _held(self, file: TableFile, columns: Collection[str], what: str) -> str:
        """Say which texts stand in the file where values are missing, since one of them may be a class."""
        texts = dict.fromkeys(text for name in columns for text in file.texts_for_missing(name))
        if not texts:
            return ""
        told = quoted_list(texts)
        return f"; {told} there means a missing value, dataset.not_missing=[{', '.join(texts)}] makes it a {what}"


def _alike(column: "pl.Series", dtype: "pl.DataType", path: Path) -> "pl.Series":
    """Return a column of the test file so that it can follow one of the given type."""
    import polars as pl

    if column.dtype == dtype or (column.dtype.is_numeric() and dtype.is_numeric()):
        return column
    if column.null_count() == len(column):
        return column.cast(dtype)
    if dtype.is_numeric() and column.dtype == pl.String:
        return as_numbers(column)
    remedy = f"Write both files alike, or set dataset.types.{column.name}."
    with naming(path):
        return alike(column, str(dtype), PLAIN, "in dataset.path", remedy)
