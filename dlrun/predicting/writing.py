"""Predictions as files: CSV, Parquet or npz, written a chunk at a time and put in place as a whole.

A table has the column `row` (from 0), the columns that were kept, and then, by task: `label` and `probability_CLASS`
for each class; `label_LABEL` and `probability_LABEL` for each label; or for each target of a regression its name,
`NAME_low` and `NAME_high`. An npz file has the arrays `row`, `y_pred` as `predictions/test.npz` has it, and `label`
(codes, with `class_names`) or `low` and `high`.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError, UsageError
from dlrun.predicting.data import Data, form_of, located
from dlrun.predicting.predictor import Predictor, decide
from dlrun.records import files

if TYPE_CHECKING:
    import polars as pl

_FORMULA = r"^[=+\-@\t\r\n]"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


@dataclass(frozen=True)
class Predicted:
    """Predictions for some rows.

    Args:
        first: Number of the first row, from 0.
        y_pred: As `Predictor.predict` returns them.
        label: Codes (rows,) or 0/1 (rows, labels); None for a regression.
        low: Lower bounds, of the shape of `y_pred`; None unless the task is a regression.
        high: Upper bounds.
        kept: Columns of the input that are passed on, or None.
    """

    first: int
    y_pred: NDArray[Any]
    label: NDArray[Any] | None
    low: NDArray[Any] | None
    high: NDArray[Any] | None
    kept: pl.DataFrame | None

    @classmethod
    def of(
        cls, predictor: Predictor, first: int, y_pred: NDArray[Any], confidence: float, kept: pl.DataFrame | None
    ) -> Predicted:
        """Add to predictions what follows from them."""
        label = None if predictor.task == "regression" else decide(predictor.task, y_pred)
        low, high = (None, None)
        if predictor.residuals is not None:
            low, high = predictor.residuals.interval(y_pred, confidence)
        return cls(first, y_pred, label, low, high, kept)


def predict_file(predictor: Predictor, data: Data, writer: Writer, *, confidence: float, keep: tuple[str, ...]) -> int:
    """Predict all rows of a file, a chunk at a time.

    Args:
        predictor: The run.
        data: The file.
        writer: Takes the predictions.
        confidence: Share of new rows whose truth is to lie in an interval of a regression.
        keep: Columns that the data pass on.

    Returns:
        The number of rows.

    Raises:
        DataError: The file is damaged, or holds values that cannot be used.
        StorageError: The predictions cannot be written.
    """
    num_rows = 0
    for chunk in data.chunks(predictor.rows_at_once):
        try:
            y_pred, _ = predictor.predict_chunk(chunk.x)
        except DataError as error:
            raise located(error, data.path, chunk.first, len(chunk)) from error
        writer.write(Predicted.of(predictor, chunk.first, y_pred, confidence, chunk.kept))
        num_rows += len(chunk)
    if num_rows == 0:
        import polars as pl

        kept = pl.DataFrame(schema=dict.fromkeys(keep, pl.String)) if keep else None
        empty = np.empty((0, predictor.description.facts.num_outputs), np.float32)
        writer.write(Predicted.of(predictor, 0, empty, confidence, kept))
    return num_rows


class Writer(ABC):
    """Takes predictions in the order of their rows."""

    @abstractmethod
    def write(self, predicted: Predicted) -> None:
        """Write some rows."""


@contextlib.contextmanager
def writing(path: Path, predictor: Predictor, keep: tuple[str, ...]) -> Iterator[Writer]:
    """Yield the writer for a file; the file appears, as a whole, when the block ends well.

    Args:
        path: The file; its ending tells the form: `.csv`, `.parquet` or `.npz`.
        predictor: Whose predictions.
        keep: Columns of the input that are passed on.

    Raises:
        UsageError: The ending is unknown, or columns collide.
        StorageError: The file cannot be written.
    """
    check_output(path, predictor, keep)
    form = form_of(path)
    with files.publish(path.absolute()) as temporary:
        if form == "csv":
            with temporary.open("wb") as stream:
                yield CsvWriter(stream, predictor)
        elif form == "npz":
            with _NpzWriter(temporary, predictor) as writer:
                yield writer
        else:
            with _ParquetWriter(temporary, predictor) as writer:
                yield writer


def check_file(path: Path) -> None:
    """Refuse a file that could not be written, by its name.

    Raises:
        UsageError: The ending is unknown, or the folder is missing.
    """
    form_of(path)
    if path.name.lower().endswith((".gz", ".tsv", ".txt", ".pq")):
        raise UsageError(f"'{path}' cannot be written", remedy="Known endings are .csv, .parquet and .npz.")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"'{path}' is a folder, or in a folder that does not exist", remedy="Name a file.")


def check_output(path: Path | None, predictor: Predictor, keep: tuple[str, ...]) -> None:
    """Refuse an output that could not be written, before anything is predicted.

    Args:
        path: The file, or None for CSV on standard output.
        predictor: Whose predictions.
        keep: Columns of the input that are passed on.

    Raises:
        UsageError: The ending is unknown, the folder is missing, or columns collide.
    """
    if path is not None:
        if form_of(path) == "npz" and keep:
            raise UsageError("an npz file of predictions keeps no columns", remedy="Write .csv or .parquet.")
        check_file(path)
    taken = {*column_names(predictor)} & {*keep}
    if taken:
        raise UsageError(
            f"the column '{min(taken)}' to keep is called as a column of the predictions",
            remedy="Rename it in the data, or leave it out of --keep.",
        )


def column_names(predictor: Predictor) -> list[str]:
    """Return the columns of a table of predictions, without those that are kept."""
    names = predictor.class_names
    if predictor.task == "regression":
        targets = predictor.description.target_names
        return ["row", *(f"{name}{part}" for name in targets for part in ("", "_low", "_high"))]
    probabilities = [f"probability_{name}" for name in names]
    labels = [f"label_{name}" for name in names] if predictor.task == "multilabel" else ["label"]
    return ["row", *labels, *probabilities]


def as_frame(predictor: Predictor, predicted: Predicted) -> pl.DataFrame:
    """Lay predictions out as a table."""
    import polars as pl

    y_pred = predicted.y_pred
    columns: list[Any] = [np.arange(predicted.first, predicted.first + len(y_pred))]
    if predicted.low is not None and predicted.high is not None:
        for target in range(y_pred.shape[1]):
            columns += [y_pred[:, target], predicted.low[:, target], predicted.high[:, target]]
    elif predictor.task == "multilabel" and predicted.label is not None:
        columns += [*predicted.label.T, *y_pred.T]
    else:
        both = np.concatenate([1 - y_pred, y_pred], axis=1) if predictor.task == "binary" else y_pred
        names = pl.Series(list(predictor.class_names), dtype=pl.String)
        columns += [names.gather(pl.Series(predicted.label)), *both.T]
    series = [pl.Series(name, column) for name, column in zip(column_names(predictor), columns, strict=True)]
    kept = [] if predicted.kept is None else predicted.kept.get_columns()
    return pl.DataFrame([series[0], *kept, *series[1:]])


def harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a table whose text no spreadsheet takes for a formula; numbers stay as they are, also as text.

    A cell that begins with `=`, `+`, `-`, `@`, a tab or a line's end and is no number gets a `'` in front (OWASP, "CSV
    Injection").
    """
    import polars as pl

    text = pl.col(pl.String)
    formula = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    guarded = frame.with_columns(pl.when(formula).then(pl.lit("'") + text).otherwise(text).name.keep())
    return guarded.rename({name: f"'{name}" for name in frame.columns if re.match(_FORMULA, name)})


class CsvWriter(Writer):
    """Writes CSV.

    Args:
        stream: Takes the bytes.
        predictor: Whose predictions.
    """

    def __init__(self, stream: IO[bytes], predictor: Predictor) -> None:
        self._stream = stream
        self._predictor = predictor
        self._begun = False

    def write(self, predicted: Predicted) -> None:
        frame = harmless(as_frame(self._predictor, predicted))
        self._stream.write(frame.write_csv(include_header=not self._begun).encode())
        self._begun = True


class _ParquetWriter(Writer):
    """Writes each chunk to a file of its own, and joins them at the end without holding them in memory."""

    def __init__(self, path: Path, predictor: Predictor) -> None:
        self._path = path
        self._predictor = predictor
        self._parts: list[Path] = []

    def __enter__(self) -> _ParquetWriter:
        self._folder = Path(tempfile.mkdtemp(prefix=".dlrun-", dir=self._path.parent))
        return self

    def write(self, predicted: Predicted) -> None:
        part = self._folder / f"{len(self._parts):08d}.parquet"
        as_frame(self._predictor, predicted).write_parquet(part)
        self._parts.append(part)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        import polars as pl

        try:
            if kind is None:
                pl.scan_parquet(self._parts, glob=False).sink_parquet(self._path)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


class _NpzWriter(Writer):
    """Collects the bytes of each array in a temporary file, and packs them at the end, when their lengths are known."""

    def __init__(self, path: Path, predictor: Predictor) -> None:
        self._path = path
        self._predictor = predictor
        self._open = contextlib.ExitStack()
        self._arrays: dict[str, tuple[IO[bytes], np.dtype[Any], tuple[int, ...]]] = {}
        self._num_rows = 0

    def __enter__(self) -> _NpzWriter:
        return self

    def write(self, predicted: Predicted) -> None:
        arrays = {"y_pred": predicted.y_pred, "label": predicted.label, "low": predicted.low, "high": predicted.high}
        for name, array in arrays.items():
            if array is not None:
                self._append(name, array)
        self._num_rows += len(predicted.y_pred)

    def _append(self, name: str, array: NDArray[Any]) -> None:
        if name not in self._arrays:
            file = self._open.enter_context(tempfile.TemporaryFile(dir=self._path.parent))  # noqa: SIM115 - it is entered
            self._arrays[name] = (file, array.dtype, array.shape[1:])
        self._arrays[name][0].write(np.ascontiguousarray(array).tobytes())

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._open:
            if kind is None:
                self._pack()

    def _pack(self) -> None:
        with zipfile.ZipFile(self._path, "w", zipfile.ZIP_STORED) as archive:
            for name, (file, dtype, shape) in self._arrays.items():
                with archive.open(_entry(name), "w", force_zip64=True) as out:
                    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
                    np.lib.format.write_array_header_1_0(out, {**header, "shape": (self._num_rows, *shape)})
                    file.seek(0)
                    shutil.copyfileobj(file, out)
            small = {"row": np.arange(self._num_rows)}
            if self._predictor.class_names:
                small["class_names"] = np.array(self._predictor.class_names)
            for name, array in small.items():
                with archive.open(_entry(name), "w", force_zip64=True) as out:
                    np.lib.format.write_array(out, array, allow_pickle=False)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"{name}.npy")  # without a date of its own it carries 1980-01-01
    entry.create_system = 3
    return entry
