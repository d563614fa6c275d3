"""Data to predict: files of the form that a run was trained on, in chunks.

A file must hold every input of the run, by the same names and shapes. Columns that the run does not know are left
alone, and told; the target may be there or not. Values are judged as in training: missing ones and categories that
training rows did not hold are treated as the run's `preprocessing` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.datasets.columns import as_numbers
from dlrun.datasets.csv import Csv
from dlrun.datasets.files import existing_file
from dlrun.datasets.names import listed
from dlrun.datasets.npz import Npz
from dlrun.datasets.npz_reader import Archive
from dlrun.errors import DataError, UsageError
from dlrun.predicting.predictor import Description, Predictor
from dlrun.predicting.tables import CsvFile, ParquetFile, TableFile
from dlrun.preprocessing.fitted import FittedPreprocessing
from dlrun.preprocessing.table import FittedTable

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


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    Args:
        first: Number of the first row, from 0.
        x: Inputs of the dataset's form.
        targets: Columns of the targets as they are in the file, or None if they were not asked for.
        kept: Columns that are to be passed on, or None if there are none.
    """

    first: int
    x: NDArray[Any] | pl.DataFrame
    targets: pl.DataFrame | NDArray[Any] | None
    kept: pl.DataFrame | None

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Data:
    """A file that suits a run.

    Args:
        path: The file.
        notes: What the user should know about how it is read.
    """

    path: Path
    notes: tuple[str, ...]
    _source: _TableSource | _ArraySource

    def chunks(self, num_rows: int) -> Iterator[Chunk]:
        """Yield the rows in order.

        Args:
            num_rows: Most rows at a time.

        Raises:
            DataError: The file is damaged, or holds values that cannot be used.
        """
        yield from self._source.chunks(num_rows)


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
    if form == "npz":
        if keep:
            raise UsageError("an npz file has no columns to keep", remedy="Leave out --keep.")
        return _open_arrays(found, predictor, targets=targets, array=array)
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
    table.require([*fitted.input_names, *wanted, *keep])
    known = {*fitted.input_names, *target_columns(description), *keep}
    known.update(getattr(description.experiment.dataset, "drop", ()))
    unused = [name for name in table.header if name not in known]
    notes = (f"columns that the run does not know are not used: {listed(unused)}",) if unused else ()
    return Data(path, notes, _TableSource(table, fitted, description, tuple(wanted), tuple(keep)))


def _csv(path: Path, description: Description) -> CsvFile:
    """Read a CSV file as the run read its own; a run that had none takes commas and UTF-8, and .tsv means tabs."""
    source = description.experiment.dataset
    tabs = path.name.lower().endswith(".tsv")
    if isinstance(source, Csv):
        separator = "\t" if tabs else source.separator
        return CsvFile(path, separator=separator, missing=source.missing, encoding=source.encoding)
    return CsvFile(path, separator="\t" if tabs else ",")


def target_columns(description: Description) -> list[str]:
    """Return the columns of a table that hold the true values."""
    named = getattr(description.experiment.dataset, "target", None)
    return list(named if named is not None else description.target_names)


@dataclass(frozen=True)
class _TableSource:
    table: TableFile
    fitted: FittedPreprocessing
    description: Description
    wanted: tuple[str, ...]
    keep: tuple[str, ...]

    def chunks(self, num_rows: int) -> Iterator[Chunk]:
        columns = list(dict.fromkeys([*self.fitted.input_names, *self.wanted, *self.keep]))
        first = 0
        for frame in self.table.frames(columns, num_rows):
            targets = frame.select(self.wanted) if self.wanted else None
            kept = frame.select(self.keep) if self.keep else None
            try:
                x = self._inputs(frame.select(self.fitted.input_names))
            except DataError as error:
                raise located(error, self.table.path, first, frame.height) from error
            yield Chunk(first, x, targets, kept)
            first += frame.height

    def _inputs(self, frame: pl.DataFrame) -> NDArray[Any] | pl.DataFrame:
        if isinstance(self.fitted, FittedTable):
            return frame.with_columns([self._formed(column) for column in frame])
        return np.column_stack([as_numbers(_no_dates(column)).to_numpy() for column in frame])

    def _formed(self, column: pl.Series) -> pl.Series:
        """Bring a column into the form that it had in training, as far as the file does not tell it."""
        import polars as pl

        dtype = self.description.columns.get(column.name, "String")
        if dtype == "Boolean" and column.dtype == pl.String:
            return column.str.to_lowercase()
        return _no_dates(column)


def _no_dates(column: pl.Series) -> pl.Series:
    import polars as pl

    if column.dtype.is_temporal() or column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        raise DataError(
            f"column '{column.name}' is of type {column.dtype}",
            remedy="Give the column the type that it had in the training data.",
        )
    return column


def located(error: DataError, path: Path, first: int, num_rows: int) -> DataError:
    """Say which rows of a file an error speaks of: it counts from the first row of its chunk.

    Args:
        error: Says where as `row 3 (from 0)`, if it does.
        path: The file.
        first: Number of the chunk's first row.
        num_rows: Rows of the chunk.
    """
    message = re.sub(r"\brow (\d+) \(from 0\)", lambda row: f"row {int(row[1]) + first} (from 0)", error.message)
    rows = f", rows {first:,} to {first + num_rows - 1:,}" if first else ""
    return DataError(f"'{path}'{rows}: {message}", remedy=error.remedy)


def _open_arrays(path: Path, predictor: Predictor, *, targets: bool, array: str | None) -> Data:
    fitted = predictor.preprocessing
    shape = ", ".join(map(str, ("rows", *fitted.input_shape)))
    if isinstance(fitted, FittedTable):
        raise DataError(
            f"'{path}' holds arrays, the run {predictor.id} was trained on a table",
            remedy=f"Give a CSV or Parquet file with the columns {listed(fitted.input_names)}.",
        )
    with Archive(path) as archive:
        x = array or _inputs_of(archive, predictor.description)
        y = _targets_of(archive, x, predictor.description) if targets else None
        for name in (x, y):
            if name is not None and name not in archive.names:
                raise DataError(
                    f"'{path}': found no array '{name}'; there are {listed(archive.names)}",
                    remedy="Name the array of inputs with --array NAME; that of targets is called y in place of x.",
                )
        header = archive.header(x)
        if header.shape[1:] != fitted.input_shape or not header.shape or header.dtype.kind not in "biuf":
            raise DataError(
                f"'{path}': the array '{x}' is {header.dtype} of shape {header.shape}, the run {predictor.id} needs "
                f"numbers of shape ({shape})",
                remedy="Give data of the form that the run was trained on.",
            )
        if y is not None and archive.header(y).shape[:1] != header.shape[:1]:
            raise DataError(
                f"'{path}': '{x}' has {header.shape[0]:,} rows, '{y}' has the shape {archive.header(y).shape}",
                remedy="Every row of the inputs needs one target.",
            )
        unused = [name for name in archive.names if name not in (x, y)]
    notes = (f"arrays that are not used: {listed(unused)}",) if unused else ()
    return Data(path, notes, _ArraySource(path, x, y))


def _inputs_of(archive: Archive, description: Description) -> str:
    source = description.experiment.dataset
    asked = source.x_key if isinstance(source, Npz) and source.x_key != "auto" else "x"
    for name in (asked, "x", "X"):
        if name in archive.names:
            return name
    if len(archive.names) == 1:
        return archive.names[0]
    raise DataError(
        f"'{archive.path}': found no array x; there are {listed(archive.names)}",
        remedy="Name the array of inputs with --array NAME.",
    )


def _targets_of(archive: Archive, x: str, description: Description) -> str:
    source = description.experiment.dataset
    if isinstance(source, Npz) and x == source.x_key and source.y_key != "auto":
        return source.y_key
    return "y" if "y" in archive.names and x.lower() == "x" else x.replace("x", "y").replace("X", "Y")


@dataclass(frozen=True)
class _ArraySource:
    path: Path
    x: str
    y: str | None

    def chunks(self, num_rows: int) -> Iterator[Chunk]:
        with Archive(self.path) as archive:
            y = None if self.y is None else archive.read(self.y)
            first = 0
            for piece in archive.pieces(self.x, num_rows):
                x = piece.view(np.uint8) if piece.dtype == np.bool_ else piece
                yield Chunk(first, x, None if y is None else y[first : first + len(x)], None)
                first += len(x)
