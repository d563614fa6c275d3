"""history.csv: a row for every epoch of every fold; it only grows."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from dlrun.base import files
from dlrun.base.inside import Inside
from dlrun.base.text import printable
from dlrun.errors import StorageError

KEYS = ("fold", "epoch")
"""Columns that say which epoch a row belongs to; the rest are values."""

_COLUMN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@-]*")


class HistoryWriter:
    """Appends rows to a history file. The first row fixes the columns.

    A row goes to the system in one write, so that a killed process tears at most the last line; a torn line that an
    earlier process left is cut off when the file is opened.

    Args:
        file: Continued if it exists.

    Raises:
        StorageError: The file cannot be opened, or is not a history.
    """

    def __init__(self, file: Inside) -> None:
        self._path = file.path
        self._columns: tuple[str, ...] | None = None
        self._file = file.open_to_append()
        try:
            self._continue(file.read_bytes())
        except BaseException:
            os.close(self._file)
            raise

    def _continue(self, content: bytes) -> None:
        complete = content[: content.rfind(b"\n") + 1]
        if complete:
            self._columns, _ = _parse(self._path, complete)
        if len(complete) < len(content):
            os.ftruncate(self._file, len(complete))

    def write(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        """Append a row.

        Args:
            fold: Position among the folds; -1 for the refit.
            epoch: Number of the epoch, from 1.
            values: Value of every column; a column of the first row that is missing here stays empty.

        Raises:
            StorageError: The row could not be written.
            ValueError: A value has no column, or a column's name could not be read back.
        """
        lines = []
        if self._columns is None:
            self._columns = _columns_of(values)
            lines.append(",".join(self._columns))
        lines.append(_line(self._columns, fold, epoch, values))
        self._append("".join(f"{line}\n" for line in lines).encode())

    def _append(self, content: bytes) -> None:
        try:
            files.write_all(self._file, content)
        except OSError as error:
            raise files.storage_error("write", self._path, error) from error

    def sync(self) -> None:
        """Wait until all rows are on the disk.

        Raises:
            StorageError: The disk refused.
        """
        try:
            os.fsync(self._file)
        except OSError as error:
            raise files.storage_error("write", self._path, error) from error

    def close(self) -> None:
        """Sync and close the file; raises StorageError."""
        try:
            self.sync()
        finally:
            os.close(self._file)

    def __enter__(self) -> HistoryWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def rewrite_history(file: Inside, rows: Sequence[Mapping[str, float]]) -> None:
    """Put a whole history in place, atomically, with the bytes that row after row would have come to.

    Args:
        file: An existing one is replaced, or removed if there are no rows.
        rows: For every row its `fold` and `epoch` and its values, as `read_history` returns them.

    Raises:
        StorageError: The file could not be written.
    """
    if not rows:
        file.remove()
        return
    values = [{name: value for name, value in row.items() if name not in KEYS} for row in rows]
    columns = _columns_of(values[0])
    lines = [_line(columns, int(row["fold"]), int(row["epoch"]), own) for row, own in zip(rows, values, strict=True)]
    file.write_bytes("".join(f"{line}\n" for line in [",".join(columns), *lines]).encode())


def _columns_of(values: Mapping[str, float]) -> tuple[str, ...]:
    unfit = [name for name in values if not _COLUMN.fullmatch(name) or name in KEYS]
    if unfit:
        raise ValueError(f"{unfit} cannot be columns of a history")
    return (*KEYS, *values)


def _line(columns: Sequence[str], fold: int, epoch: int, values: Mapping[str, float]) -> str:
    unknown = sorted(set(values) - set(columns))
    if unknown:
        raise ValueError(f"{unknown} are no columns of this history: {columns}")
    cells = [_written(values[name]) if name in values else "" for name in columns[len(KEYS) :]]
    return ",".join([str(int(fold)), str(int(epoch)), *cells])


def _written(value: float) -> str:
    """Write a number so that it reads back as the same number."""
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def read_history(file: Inside) -> list[dict[str, float]]:
    """Read the rows of a history file.

    A last line without its end is what a killed process leaves; it is ignored.

    Args:
        file: The file.

    Returns:
        For every row its `fold` and `epoch`, which are whole numbers, and the values of the columns that are not empty.

    Raises:
        StorageError: The file cannot be read or is damaged; the line is named.
    """
    content = file.read_bytes()
    return _parse(file.path, content[: content.rfind(b"\n") + 1])[1]


def _parse(path: Path, content: bytes) -> tuple[tuple[str, ...] | None, list[dict[str, float]]]:
    columns: tuple[str, ...] | None = None
    rows = []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            cells = line.decode("ascii").removesuffix("\r").split(",")
            if columns is None:
                columns = _header(cells)
            else:
                rows.append(_row(columns, cells))
        except ValueError as error:
            raise StorageError(f"{printable(str(path))} is damaged: line {number} is no row of a history") from error
    return columns, rows


def _header(cells: list[str]) -> tuple[str, ...]:
    if tuple(cells[: len(KEYS)]) != KEYS or len(set(cells)) < len(cells) or not all(map(_COLUMN.fullmatch, cells)):
        raise ValueError(cells)
    return tuple(cells)


def _row(columns: tuple[str, ...], cells: list[str]) -> dict[str, float]:
    keys = {name: int(cell) for name, cell in zip(columns, cells[: len(KEYS)], strict=False)}
    pairs = zip(columns, cells, strict=True)
    return keys | {name: float(cell) for name, cell in pairs if cell and name not in keys}
