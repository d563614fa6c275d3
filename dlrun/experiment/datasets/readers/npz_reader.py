"""Reading the arrays of an `.npz` file without pickle and without trusting what it declares.

An `.npz` file is a zip archive of `.npy` files; the format is described in `numpy.lib.format`. Sizes are compared with
the archive's directory and with a limit before any memory is taken, and arrays are read straight into their place.
"""

from __future__ import annotations

import io
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.files import other_kind

DEFAULT_MAX_BYTES = 16 * 2**30
_PIECE = 2**20
_UNSUSPECTED_BYTES = 2**26
_MOST_TIMES_LARGER = 250
"""How much larger than its packed bytes a large array may be; images come to 10 times, one-hot codes to 100."""
_UNSUSPECTED_TEXT = 2**20
_MOST_TIMES_LARGER_IN_A_RUN = 20
"""The same for all arrays of a run together. dlrun packs none; others may have packed them anew."""
_BOMB = "as in a file that is made to fill the memory"
_HEADERS: dict[tuple[int, int], Callable[[IO[bytes]], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    # 3.0 differs from 2.0 in the encoding of field names alone, and arrays with fields are refused.
    (3, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class Header:
    """What an array of an archive declares about itself.

    Args:
        shape: Its shape.
        dtype: Its type.
        fortran_order: Whether its columns lie together, instead of its rows.
        start: Offset of the first value inside its member of the archive, in bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    start: int

    @property
    def num_bytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


class Archive:
    """An open `.npz` file, as a context manager.

    Args:
        path: The file.
        max_bytes: Most bytes that one array may take in memory.
        content: What the file holds, if it was read already: a file of a run, all of whose arrays together may not be
            much larger than it.
        records: Whether arrays may have fields, each of which is a number.

    Raises:
        DataError: The file is no archive, or all of it would grow too much.
    """

    def __init__(
        self,
        path: Path,
        max_bytes: int = DEFAULT_MAX_BYTES,
        *,
        content: bytes | None = None,
        records: bool = False,
    ) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._records = records
        with self._readable():
            self._zip = zipfile.ZipFile(path if content is None else io.BytesIO(content))
        if content is not None:
            self._check_whole(len(content))
        self.names = tuple(
            name.removesuffix(".npy") for name in dict.fromkeys(self._zip.namelist()) if name.endswith(".npy")
        )

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def text(self, name: str) -> str:
        """Return the text of a member that is no array, as UTF-8; raises DataError, LookupError if there is none."""
        member = self._zip.getinfo(name)
        if member.file_size > max(_UNSUSPECTED_TEXT, 2 * member.compress_size):
            grown = f"from {member.compress_size:,} bytes to {member.file_size:,}"
            raise DataError(f"'{self.path}': '{name}' would grow {grown}, {_BOMB}")
        with self._readable(name):
            return self._zip.read(member).decode()

    def header(self, name: str) -> Header:
        """Return what an array declares about itself.

        Raises:
            DataError: It holds Python objects or fields, is damaged, or declares more than it has or than `max_bytes`.
        """
        with self._readable(name), self._zip.open(f"{name}.npy") as stream:
            version = np.lib.format.read_magic(stream)
            if version not in _HEADERS:
                raise ValueError(f"unknown .npy version {version}")
            shape, fortran_order, dtype = _described(version, stream)
            header = Header(shape, dtype, fortran_order, stream.tell())
        self._check(name, header)
        return header

    def read(self, name: str, num_rows: int | None = None) -> NDArray[Any]:
        """Return an array, or its first rows, in C order.

        Args:
            name: Name of the array.
            num_rows: Rows to read; all if None.

        Raises:
            DataError: As `header`, or the values are damaged.
        """
        header = self.header(name)
        shape = header.shape if num_rows is None else (min(num_rows, header.shape[0]), *header.shape[1:])
        values = np.empty(shape, header.dtype)
        self.read_into(name, values)
        return values

    def read_into(self, name: str, out: NDArray[Any]) -> None:
        """Read an array, or as many of its first rows as `out` has, into memory that exists.

        Args:
            name: Name of the array.
            out: Where the values go: C-contiguous, of the array's type.

        Raises:
            DataError: As `header`, or the values are damaged.
        """
        header = self.header(name)
        if header.fortran_order and len(header.shape) > 1:
            columns = np.empty(header.shape[::-1], header.dtype)
            self._fill(name, header, columns)
            out[...] = columns.T[: len(out)]
        else:
            self._fill(name, header, out)

    def pieces(self, name: str, num_rows: int) -> Iterator[NDArray[Any]]:
        """Yield an array a few rows at a time; only these are in memory, unless its columns lie together.

        Args:
            name: Name of the array.
            num_rows: Rows of each piece but the last.

        Raises:
            DataError: As `read`.
        """
        header = self.header(name)
        if header.fortran_order and len(header.shape) > 1:
            whole = self.read(name)
            yield from (whole[start : start + num_rows] for start in range(0, len(whole), num_rows))
            return
        with self._readable(name), self._zip.open(f"{name}.npy") as stream:
            stream.seek(header.start)
            for start in range(0, header.shape[0], num_rows):
                piece = np.empty((min(num_rows, header.shape[0] - start), *header.shape[1:]), header.dtype)
                _read_exactly(stream, piece)
                yield piece
            stream.read(1)  # the checksum of a member is compared when its end is read

    def _fill(self, name: str, header: Header, out: NDArray[Any]) -> None:
        with self._readable(name), self._zip.open(f"{name}.npy") as stream:
            stream.seek(header.start)
            _read_exactly(stream, out)
            # The checksum of a member is compared when its end is read.
            if out.nbytes == header.num_bytes:
                stream.read(1)

    def _check_whole(self, packed: int) -> None:
        """Refuse an archive of a run whose members together are much larger than it: many small bombs, or one."""
        whole = sum(member.file_size for member in self._zip.infolist())
        if whole > max(_UNSUSPECTED_BYTES, _MOST_TIMES_LARGER_IN_A_RUN * packed):
            raise DataError(f"'{self.path}': it would grow from {packed:,} bytes to {whole:,}, {_BOMB}")

    def _check(self, name: str, header: Header) -> None:
        if header.dtype.hasobject:
            raise DataError(
                f"'{self.path}': the array '{name}' holds Python objects, which only pickle can read",
                remedy="Pickle can run code and is never used. Save numbers: numpy.savez(path, x=x.astype('float32')).",
            )
        fields = [header.dtype[field] for field in header.dtype.names or ()] if self._records else []
        if any(kind not in "biufUSMmc" for kind in ([field.kind for field in fields] or [header.dtype.kind])):
            raise DataError(
                f"'{self.path}': the array '{name}' has the type {header.dtype}",
                remedy="Save plain arrays of numbers, booleans or text.",
            )
        if header.num_bytes > self._max_bytes:
            raise DataError(
                f"'{self.path}': the array '{name}' of shape {header.shape} takes {header.num_bytes:,} bytes, "
                f"more than dataset.max_bytes={self._max_bytes:,}",
                remedy="Raise dataset.max_bytes if the file can be trusted and the memory suffices.",
            )
        member = self._zip.getinfo(f"{name}.npy")
        if header.num_bytes > max(_UNSUSPECTED_BYTES, _MOST_TIMES_LARGER * member.compress_size):
            raise DataError(
                f"'{self.path}': the array '{name}' would grow from {member.compress_size:,} bytes to "
                f"{header.num_bytes:,}, {_BOMB}",
                remedy="If it can be trusted, save it without compression: numpy.savez(path, ...).",
            )
        there = member.file_size - header.start
        if there != header.num_bytes:
            raise DataError(
                f"'{self.path}': the array '{name}' of shape {header.shape} needs {header.num_bytes:,} bytes, "
                f"the file holds {there:,}",
                remedy="The file is damaged: write or download it again.",
            )

    @contextmanager
    def _readable(self, name: str | None = None) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
            what = f"the array '{name}' cannot be read" if name else "this is no .npz archive"
            raise DataError(
                f"'{self.path}': {what}: {error}",
                remedy=other_kind(self.path, "npz")
                or "The file is damaged or no .npz file: write it with numpy.savez, or download it again.",
            ) from error
        except OSError as error:
            raise DataError(f"'{self.path}' cannot be read: {error.strerror or error}") from error


def _described(version: tuple[int, int], stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return what the header of an array says: a Python dictionary, in the reading of which NumPy fails in many ways.

    Raises:
        ValueError: It cannot be read.
    """
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of headers that Python 2 has written
            return _HEADERS[version](stream)
    except (tokenize.TokenError, SyntaxError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ValueError("its header is damaged") from error


def _read_exactly(stream: IO[bytes], out: NDArray[Any]) -> None:
    """Fill an array with the next bytes of a stream."""
    target = out.reshape(-1).view(np.uint8) if out.size else np.empty(0, np.uint8)
    filled = 0
    while filled < len(target):
        piece = stream.read(min(_PIECE, len(target) - filled))
        if not piece:
            raise EOFError("it ends too early")
        target[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
        filled += len(piece)


def missing_array(path: Path, wanted: str, names: tuple[str, ...]) -> DataError:
    """Return the error for an array that an archive does not have.

    Args:
        path: The file.
        wanted: What was looked for.
        names: Arrays that are there.
    """
    there = f"there are {quoted_list(names)}" if names else "it holds no arrays"
    return DataError(
        f"'{path}': found no array {wanted}; {there}",
        remedy="Name the arrays x and y, or x_train, y_train, x_test and y_test, or set dataset.x_key and the like.",
    )
