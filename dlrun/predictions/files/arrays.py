"""Arrays to predict, read from npz files a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dlrun.base.words import quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.npz_reader import Archive
from dlrun.experiment.datasets.sources.npz import Npz
from dlrun.experiment.preprocessing.table import FittedTable
from dlrun.predictions.files.chunks import Chunk, Data
from dlrun.predictions.predictor import Description, Predictor


def open_arrays(path: Path, predictor: Predictor, *, targets: bool, array: str | None) -> Data:
    """Open an npz file, and check that it has what the run needs; see `data.open_data`.

    Raises:
        DataError: An array is missing, damaged, or of another form than the run's data.
    """
    fitted = predictor.preprocessing
    shape = ", ".join(map(str, ("rows", *fitted.input_shape)))
    if isinstance(fitted, FittedTable):
        raise DataError(
            f"'{path}' holds arrays, the run {predictor.id} was trained on a table",
            remedy=f"Give a CSV or Parquet file with the columns {quoted_list(fitted.input_names)}.",
        )
    with Archive(path) as archive:
        x = array or _inputs_of(archive, predictor.description)
        y = _targets_of(archive, x, predictor.description) if targets else None
        for name in (x, y):
            if name is not None and name not in archive.names:
                raise DataError(
                    f"'{path}': found no array '{name}'; there are {quoted_list(archive.names)}",
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
    notes = (f"arrays that are not used: {quoted_list(unused)}",) if unused else ()
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
        f"'{archive.path}': found no array x; there are {quoted_list(archive.names)}",
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
