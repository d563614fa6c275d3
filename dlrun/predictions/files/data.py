"""Data to predict: files of the form that a run was trained on, in chunks.

A file must hold every input of the run, by the same names and shapes. Columns that the run does not know are left
alone, and told; the target may be there or not. Values are judged as in training: missing ones and categories that
training rows did not hold are treated as the run's `preprocessing` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import quoted_list
from dlrun.errors import DataError, UsageError
from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.datasets.readers.csv_lines import Layout
from dlrun.experiment.datasets.readers.files import existing_file
from dlrun.experiment.datasets.sources.csv import Csv
from dlrun.experiment.datasets.tables.columns import AS_TRAINED, as_numbers
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
from dlrun.experiment.preprocessing.table import FittedTable
from dlrun.predictions.files.arrays import open_arrays
from dlrun.predictions.files.chunks import Chunk, Data, located
from dlrun.predictions.files.tables import CsvFile, ParquetFile, TableFile
from dlrun.predictions.predictor import Description, Predictor

if TYPE_CHECKING:
    import polars as pl

Form = Literal["csv", "parquet", "npz"]

SUFFIXES: dict[str, Form] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".npz": "npz",
}


def open_data(
    path: str,
    predictor: Predictor,
    *,
    keep: Sequence[str] = (),
    targets: bool = False,
    array: str | None = None,
) -> Data:
    """Open a file, and check that it has what the run needs.

    Args:
        path: A CSV, Parquet or npz file.
        predictor: The run.
        keep: Columns of a table to pass on.
        targets: Whether the true values are needed as well.
        array: Name of the array of inputs in an npz file; by default `x`, or the only one.

    Raises:
        UsageError: The kind of file is unknown, or an option does not suit it.
        DataError: The file is missing, damaged, or of another form than the run's data.
    """
    found, form = find_data(path)
    predictor.require_one_input()
    if form == "npz":
        if keep:
            raise UsageError("an npz file has no columns to keep", remedy="Leave out --keep.")
        return open_arrays(found, predictor, targets=targets, array=array)
    if array is not None:
        raise UsageError(f"'{found}' is a table and has no arrays", remedy="Leave out --array.")
    return _open_table(found, form, predictor, keep, targets=targets)


def find_data(path: str) -> tuple[Path, Form]:
    """Find a file and tell its form; quick, so that a wrong name is told before a model is loaded.

    Raises:
        UsageError: The kind of file is unknown.
        DataError: There is no such file.
    """
    found = existing_file(path, "DATA")
    return found, form_of(found)


def form_of(path: Path) -> Form:
    """Tell the form of a file from its name.

    Raises:
        UsageError: It is none that dlrun knows.
    """
    name = path.name.lower()
    for suffix, form in SUFFIXES.items():
        if name.endswith(suffix):
            return form
    raise UsageError(
        f"'{path}': its name does not tell what it holds", remedy=f"Known endings are {', '.join(SUFFIXES)}."
    )


def _open_table(path: Path, form: Form, predictor: Predictor, keep: Sequence[str], *, targets: bool) -> Data:
    fitted, description = predictor.preprocessing, predictor.description
    if not isinstance(fitted, FittedTable) and (
        fitted.kind not in ("features", "indicators") or not fitted.input_names
    ):
        shape = ", ".join(map(str, ("rows", *fitted.input_shape)))
        raise DataError(
            f"'{path}' is a table, the run {predictor.id} was trained on an array of shape ({shape})",
            remedy="Give an .npz file with an array x of that shape.",
        )
    table = _csv(path, description) if form == "csv" else ParquetFile(path)
    wanted = target_columns(description) if targets else []
    table.require([*fitted.input_names, *wanted])
    table.require([*fitted.input_names, *wanted, *keep], remedy="Keep a column that the file has.")
    known = {*fitted.input_names, *target_columns(description), *keep}
    known.update(getattr(description.experiment.dataset, "drop", ()))
    unused = [name for name in table.header if name not in known]
    notes = (f"columns that the run does not know are not used: {quoted_list(unused)}",) if unused else ()
    return Data(path, notes, _TableSource(table, fitted, predictor.columns, predictor.task, tuple(wanted), tuple(keep)))


def _csv(path: Path, description: Description) -> CsvFile:
    """Read a CSV file as the run read its own; a run that had none takes commas and UTF-8, and .tsv means tabs."""
    source = description.experiment.dataset
    layout = source.layout if isinstance(source, Csv) else Layout()
    if path.name.lower().endswith(".tsv"):
        layout = replace(layout, separator="\t")
    if not isinstance(source, Csv):
        return CsvFile(path, layout=layout)
    return CsvFile(path, layout=layout, notation=source.notation, missing=source.all_missing, optional=source.target)


def target_columns(description: Description) -> list[str]:
    """Return the columns of a table that hold the true values."""
    named = getattr(description.experiment.dataset, "target", None)
    return list(named or description.target_names)


@dataclass(frozen=True)
class _TableSource:
    table: TableFile
    fitted: FittedPreprocessing
    dtypes: Mapping[str, str]
    task: Task
    wanted: tuple[str, ...]
    keep: tuple[str, ...]

    def chunks(self, num_rows: int) -> Iterator[Chunk]:
        columns = list(dict.fromkeys([*self.fitted.input_names, *self.wanted, *self.keep]))
        first = 0
        for frame in self.table.frames(columns, num_rows):
            kept = frame.select(self.keep) if self.keep else None
            try:
                targets = self._targets(frame.select(self.wanted)) if self.wanted else None
                x = self._inputs(frame.select(self.fitted.input_names))
            except DataError as error:
                raise located(error, self.table.path, first, frame.height) from error
            yield Chunk(first, x, targets, kept)
            first += frame.height

    def _inputs(self, frame: pl.DataFrame) -> NDArray[Any] | pl.DataFrame:
        if isinstance(self.fitted, FittedTable):
            return frame.with_columns([self._formed(column) for column in frame])
        return np.column_stack([as_numbers(self._number(_no_dates(column)), AS_TRAINED).to_numpy() for column in frame])

    def _targets(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self.task != "regression":
            return frame
        return frame.with_columns([self._number(column) for column in frame])

    def _number(self, column: pl.Series) -> pl.Series:
        """Read text as numbers in the notation of the run, where that is not the plain one."""
        import polars as pl

        if column.dtype != pl.String or self.table.notation.is_plain:
            return column
        return self.table.notation.numbers(column, AS_TRAINED)

    def _formed(self, column: pl.Series) -> pl.Series:
        """Bring a column into the form that it had in training, as far as the file does not tell it."""
        import polars as pl

        dtype = self.dtypes.get(column.name, "String")
        if dtype == "Boolean" and column.dtype == pl.String:
            return column.str.to_lowercase()
        column = _no_dates(column)
        return column if dtype in ("Boolean", "String") else self._number(column)


def _no_dates(column: pl.Series) -> pl.Series:
    import polars as pl

    if column.dtype.is_temporal() or column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        raise DataError(
            f"column '{column.name}' is of type {column.dtype}",
            remedy="Give the column the type that it had in the training data.",
        )
    return column
