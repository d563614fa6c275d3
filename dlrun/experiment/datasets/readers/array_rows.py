"""ArrayRows: new rows of arrays, read from npz files a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dlrun.base.words import quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.arrays import input_kind, typed
from dlrun.experiment.datasets.readers.new_rows import Asked, Chunk, Data, located, notes_of_roles
from dlrun.experiment.datasets.readers.npz_reader import Archive
from dlrun.experiment.datasets.role import RoleName
from dlrun.experiment.datasets.roles import as_series, read_weights, test_name


def open_arrays(path: Path, asked: Asked, x_key: str, y_key: str, max_bytes: int) -> Data:
    """Open an npz file, and check that it has what a run asks for.

    Args:
        path: The file.
        asked: What the run needs.
        x_key: Name of the array of inputs of the run's own data, or `auto`.
        y_key: Name of that of the targets, or `auto`.
        max_bytes: Most bytes that an array may take.

    Raises:
        DataError: An array is missing, damaged, or of another form than the run's data.
    """
    facts = asked.facts
    if facts.input_kind == "table":
        raise DataError(
            f"'{path}' holds arrays, the run {asked.run} was trained on a table",
            remedy=f"Give a CSV or Parquet file with the columns {quoted_list(asked.inputs)}.",
        )
    with Archive(path, max_bytes) as archive:
        x = asked.array or _inputs_of(archive, x_key)
        y = _targets_of(archive, x, x_key, y_key) if asked.scored else None
        for name in (x, y):
            if name is not None and name not in archive.names:
                raise DataError(
                    f"'{path}': found no array '{name}'; there are {quoted_list(archive.names)}",
                    remedy="Name the array of inputs with --array NAME; that of targets is called y in place of x.",
                )
        header = archive.header(x)
        if header.shape[1:] != facts.input_shape or not header.shape or header.dtype.kind not in "biuf":
            raise DataError(
                f"'{path}': the array '{x}' is {header.dtype} of shape {header.shape}, the run {asked.run} needs "
                f"numbers of shape {asked.shape}",
                remedy="Give data of the form that the run was trained on.",
            )
        input_kind(header.shape, header.dtype, facts.input_kind, f"'{path}'")
        ids = _beside(archive, asked, "id", x, header.shape[0])
        weights = _beside(archive, asked, "weight", x, header.shape[0]) if asked.scored else None
        if y is not None and archive.header(y).shape[:1] != header.shape[:1]:
            raise DataError(
                f"'{path}': '{x}' has {header.shape[0]:,} rows, '{y}' has the shape {archive.header(y).shape}",
                remedy="Every row of the inputs needs one target.",
            )
        unused = [name for name in archive.names if name not in (x, y, ids, weights)]
    notes = (f"arrays that are not used: {quoted_list(unused)}",) if unused else ()
    rows = _ArrayRows(path, asked, x, y, max_bytes, ids, weights)
    return Data(path, (*notes, *notes_of_roles(asked, ids, weights)), rows, ids, () if ids is None else (ids,))


def _beside(archive: Archive, asked: Asked, role: RoleName, x: str, num_rows: int) -> str | None:
    """Return the array of a role that belongs to one of inputs; None if there is none."""
    name = asked.roles.get(role)
    if name is not None and x.lower().endswith("_test"):
        name = test_name(name)
    if name is None or name not in archive.names:
        return None
    if archive.header(name).shape != (num_rows,):
        raise DataError(
            f"'{archive.path}': '{x}' has {num_rows:,} rows, '{name}' has the shape {archive.header(name).shape}",
            remedy="Ids and weights have one value a row.",
        )
    return name


def _inputs_of(archive: Archive, x_key: str) -> str:
    candidates = ("x", "X") if x_key == "auto" else (x_key, "x", "X")
    for name in candidates:
        if name in archive.names:
            return name
    if len(archive.names) == 1:
        return archive.names[0]
    raise DataError(
        f"'{archive.path}': found no array x; there are {quoted_list(archive.names)}",
        remedy="Name the array of inputs with --array NAME.",
    )


def _targets_of(archive: Archive, x: str, x_key: str, y_key: str) -> str:
    if x == x_key and y_key != "auto":
        return y_key
    return "y" if "y" in archive.names and x.lower() == "x" else x.replace("x", "y").replace("X", "Y")


@dataclass(frozen=True)
class _ArrayRows:
    path: Path
    asked: Asked
    x: str
    y: str | None
    max_bytes: int
    ids: str | None
    weights: str | None

    def chunks(self, num_rows: int) -> Iterator[Chunk]:
        with Archive(self.path, self.max_bytes) as archive:
            y = None if self.y is None else archive.read(self.y)
            kept = None if self.ids is None else as_series("id", self.ids, archive.read(self.ids)).to_frame()
            weights = None
            if self.weights is not None:
                weights = read_weights(as_series("weight", self.weights, archive.read(self.weights)))
            first = 0
            for piece in archive.pieces(self.x, num_rows):
                try:
                    x = typed(piece, self.asked.facts.input_kind)
                except DataError as error:
                    raise located(error, self.path, first, len(piece)) from error
                rows = slice(first, first + len(x))
                yield Chunk(
                    first,
                    x,
                    None if y is None else y[rows],
                    None if kept is None else kept[rows],
                    weights=None if weights is None else weights[rows],
                )
                first += len(x)
