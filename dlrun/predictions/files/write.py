"""Predictions as files: CSV, Parquet or npz, written a chunk at a time and put in place as a whole.

A table has the rows of the data in their order: the columns that were kept, and then, by task: `label` and
`probability_CLASS` for each class; `label_LABEL` and `probability_LABEL` for each label; or for each target of a
regression its name, `NAME_low` and `NAME_high`. An npz file has `y_pred` as `predictions/test.npz` has it, and
`label` (codes, with `class_names`) or `low` and `high`. `row`, the numbers of the rows from 0, is written if asked for;
ids, if the data have a column of them, stand before all else but these, in an npz file as `id`.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base import files
from dlrun.errors import DataError, UsageError
from dlrun.experiment.datasets.readers.new_rows import Data, located
from dlrun.experiment.datasets.roles import as_names
from dlrun.predictions.files.layout import Predicted, as_frame, column_names, harmless
from dlrun.predictions.predictor import Predictor
from dlrun.predictions.unseen import Unseen

if TYPE_CHECKING:
    import polars as pl

_FORMS = (".csv", ".parquet", ".npz")


def predict_file(
    predictor: Predictor, data: Data, writer: Writer, *, confidence: float, keep: tuple[str, ...]
) -> tuple[int, tuple[str, ...]]:
    """Predict all rows of a file, a chunk at a time.

    Args:
        predictor: The run.
        data: The file.
        writer: Takes the predictions.
        confidence: Share of new rows whose truth is to lie in an interval of a regression.
        keep: Columns that the data pass on.

    Returns:
        The number of rows, and what the user should know about them.

    Raises:
        DataError: The file is damaged, or holds values that cannot be used.
        StorageError: The predictions cannot be written.
    """
    num_rows, unseen = 0, Unseen(predictor)
    for chunk in data.chunks(predictor.rows_at_once):
        try:
            y_pred, _ = predictor.predict_chunk(chunk.x)
        except DataError as error:
            raise located(error, data.path, chunk.first, len(chunk)) from error
        unseen.look_at(chunk.x)
        writer.write(Predicted.of(predictor, chunk.first, y_pred, confidence, chunk.kept))
        num_rows += len(chunk)
    if num_rows == 0:
        import polars as pl

        kept = pl.DataFrame(schema=dict.fromkeys(keep, pl.String)) if keep else None
        empty = np.empty((0, predictor.description.facts.num_outputs), np.float32)
        writer.write(Predicted.of(predictor, 0, empty, confidence, kept))
    return num_rows, unseen.notes


class Writer(ABC):
    """Takes predictions in the order of their rows."""

    @abstractmethod
    def write(self, predicted: Predicted) -> None:
        """Write some rows."""


@contextlib.contextmanager
def writing(
    path: Path, predictor: Predictor, keep: tuple[str, ...], *, rows: bool = False, ids: str | None = None
) -> Iterator[Writer]:
    """Yield the writer for a file; the file appears, as a whole, when the block ends well.

    Args:
        path: The file; its ending tells the form: `.csv`, `.parquet` or `.npz`.
        predictor: Whose predictions.
        keep: Columns of the input that are passed on.
        rows: Whether the numbers of the rows are written.
        ids: The one of them that holds ids; None if none does.

    Raises:
        UsageError: The ending is unknown, or columns collide.
        StorageError: The file cannot be written.
    """
    check_output(path, predictor, keep, rows=rows, ids=ids)
    form = path.suffix.lower()
    with files.publish(path.absolute()) as temporary:
        if form == ".csv":
            with temporary.open("wb") as stream:
                yield CsvWriter(stream, predictor, rows=rows)
        elif form == ".npz":
            with _NpzWriter(temporary, predictor, rows=rows, ids=ids) as writer:
                yield writer
        else:
            with _ParquetWriter(temporary, predictor, rows=rows) as writer:
                yield writer


def check_file(path: Path) -> None:
    """Refuse a file that could not be written, by its name.

    Raises:
        UsageError: The ending is unknown, or the folder is missing.
    """
    if path.suffix.lower() not in _FORMS:
        raise UsageError(
            f"'{path}' cannot be written: its name does not tell what it holds",
            remedy="Known endings are .csv, .parquet and .npz.",
        )
    try:
        is_possible = not path.is_dir() and path.absolute().parent.is_dir()
    except OSError as error:  # such as a name that is too long
        raise UsageError(f"'{path}' cannot be written: {error.strerror}", remedy="Name another file.") from error
    if not is_possible:
        raise UsageError(f"'{path}' is a folder, or in a folder that does not exist", remedy="Name a file.")


def check_output(
    path: Path | None, predictor: Predictor, keep: tuple[str, ...], *, rows: bool = False, ids: str | None = None
) -> None:
    """Refuse an output that could not be written, before anything is predicted.

    Args:
        path: The file, or None for CSV on standard output.
        predictor: Whose predictions.
        keep: Columns of the input that are passed on.
        rows: Whether the numbers of the rows are written.
        ids: The one of them that holds ids; None if none does.

    Raises:
        UsageError: The ending is unknown, the folder is missing, or columns collide.
    """
    if path is not None:
        if path.suffix.lower() == ".npz" and {*keep} - {ids}:
            raise UsageError("an npz file of predictions keeps no columns", remedy="Write .csv or .parquet.")
        check_file(path)
    own = column_names(predictor, rows=rows)
    twice = sorted(name for name, number in Counter(own).items() if number > 1)
    if twice and (path is None or path.suffix.lower() != ".npz"):
        raise UsageError(
            f"two columns of the predictions would be called '{twice[0]}', as a target has that name",
            remedy="Write an .npz file with --output, which has no columns.",
        )
    taken = {*own} & {*keep}
    if ids in taken and (path is None or path.suffix.lower() != ".npz"):
        raise UsageError(
            f"the column '{ids}' of ids is called as a column of the predictions",
            remedy="Write an .npz file with --output, or rename it in the data, so that ids are left out.",
        )
    if taken - {ids}:
        raise UsageError(
            f"the column '{min(taken - {ids})}' to keep is called as a column of the predictions",
            remedy="Rename it in the data, or leave it out of --keep.",
        )


class CsvWriter(Writer):
    """Writes CSV.

    Args:
        stream: Takes the bytes.
        predictor: Whose predictions.
        rows: Whether the numbers of the rows are written.
    """

    def __init__(self, stream: IO[bytes], predictor: Predictor, *, rows: bool = False) -> None:
        self._stream = stream
        self._predictor = predictor
        self._rows = rows
        self._begun = False

    def write(self, predicted: Predicted) -> None:
        frame = harmless(as_frame(self._predictor, predicted, rows=self._rows))
        self._stream.write(frame.write_csv(include_header=not self._begun).encode())
        self._begun = True


class _ParquetWriter(Writer):
    """Writes each chunk to a file of its own, and joins them at the end without holding them in memory."""

    def __init__(self, path: Path, predictor: Predictor, *, rows: bool) -> None:
        self._path = path
        self._predictor = predictor
        self._rows = rows
        self._parts: list[Path] = []

    def __enter__(self) -> _ParquetWriter:
        self._folder = Path(tempfile.mkdtemp(prefix=".dlrun-", dir=self._path.parent))
        return self

    def write(self, predicted: Predicted) -> None:
        part = self._folder / f"{len(self._parts):08d}.parquet"
        as_frame(self._predictor, predicted, rows=self._rows).write_parquet(part)
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

    def __init__(self, path: Path, predictor: Predictor, *, rows: bool, ids: str | None) -> None:
        self._path = path
        self._predictor = predictor
        self._rows = rows
        self._ids = ids
        self._of_ids: list[pl.Series] = []
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
        if self._ids is not None and predicted.kept is not None:
            self._of_ids.append(predicted.kept[self._ids])
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
                with archive.open(files.undated(f"{name}.npy"), "w", force_zip64=True) as out:
                    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
                    np.lib.format.write_array_header_1_0(out, {**header, "shape": (self._num_rows, *shape)})
                    file.seek(0)
                    shutil.copyfileobj(file, out)
            small: dict[str, NDArray[Any]] = {"row": np.arange(self._num_rows)} if self._rows else {}
            if self._of_ids:
                import polars as pl

                small["id"] = as_names(pl.concat(self._of_ids))
            if self._predictor.class_names:
                small["class_names"] = np.array(self._predictor.class_names)
            for name, array in small.items():
                with archive.open(files.undated(f"{name}.npy"), "w", force_zip64=True) as out:
                    np.lib.format.write_array(out, array, allow_pickle=False)
