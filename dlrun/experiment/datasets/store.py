"""Store: arrays in files that several processes map into their memory.

The system keeps the pages of a mapped file once, however many processes read them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROOM = 4
"""How many times its size must be free on the disk before an array is stored."""

Made = tuple[dict[str, Any], Mapping[str, NDArray[Any]]]
"""Plain values, and arrays by name, or none of them."""


class Store:
    """Arrays that are made once and mapped by every process that asks for them.

    Args:
        folder: Where their files lie; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, make: Callable[[], Made]) -> Made:
        """Return what belongs to a key; the first process that asks makes it, and others wait for it.

        Args:
            key: All that the arrays depend on, besides the dataset.
            make: Returns plain JSON-able values and arrays; its errors are passed on, and nothing is stored.

        Returns:
            The values as JSON keeps them, and the arrays, mapped and read-only; as they were made if the disk has no
            room for them.
        """
        name = hashlib.sha256(key.encode()).hexdigest()
        found = self._read(name)
        if found is not None:
            return found
        with _locked(self._folder / f"{name}.lock"):
            found = self._read(name)
            if found is not None:
                return found
            values, arrays = make()
            if shutil.disk_usage(self._folder).free < _ROOM * sum(array.nbytes for array in arrays.values()):
                return values, arrays
            for own, array in arrays.items():
                write_array(self._folder / f"{name}-{own}.npy", array)
            write_json(self._folder / f"{name}.json", {"values": values, "arrays": list(arrays)})
            return self._read(name) or (values, arrays)

    def _read(self, name: str) -> Made | None:
        try:
            told = json.loads((self._folder / f"{name}.json").read_text())
        except FileNotFoundError:
            return None
        return told["values"], {own: map_array(self._folder / f"{name}-{own}.npy") for own in told["arrays"]}


def map_array(path: Path) -> NDArray[Any]:
    """Map an array; an empty one, which cannot be mapped, is read."""
    array = np.load(path, mmap_mode="r", allow_pickle=False) if path.stat().st_size > _header(path) else np.load(path)
    return np.asarray(array)


def _header(path: Path) -> int:
    """Return the size of what stands before the values of a `.npy` file."""
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        read(file)
        return file.tell()


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Put an array in place as a whole, as a `.npy` file."""
    temporary = path.with_suffix(f".{os.getpid()}.part")
    with temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    temporary.replace(path)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Put plain values in place as a whole."""
    temporary = path.with_suffix(f".{os.getpid()}.part")
    temporary.write_text(json.dumps(value))
    temporary.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes out while the block runs; a process that dies lets them in.

    On a disk without locks several may do the same work, and put the same files in place.
    """
    import fcntl

    with path.open("wb") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
