"""Sharing: a dataset, and what is made of it, in files that several processes map into their memory.

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
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.datasets.dataset import Dataset

if TYPE_CHECKING:
    import polars as pl

_FACTS = "dataset.json"
_TABLE = "x.arrow"
_TEXTS = ("name", "input_kind", "task", "class_names", "feature_names", "target_names", "notes")
_ROOM = 4
"""How many times its size must be free on the disk before an array is stored."""

Made = tuple[dict[str, Any], NDArray[Any] | None]
"""Plain values, and an array or none."""


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
            key: All that the array depends on, besides the dataset.
            make: Returns plain JSON-able values and an array; its errors are passed on, and nothing is stored.

        Returns:
            The values as JSON keeps them, and the array, mapped and read-only; as they were made if the disk has no
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
            values, array = make()
            size = 0 if array is None else array.nbytes
            if shutil.disk_usage(self._folder).free < _ROOM * size:
                return values, array
            if array is not None:
                _write_array(self._folder / f"{name}.npy", array)
            _write_json(self._folder / f"{name}.json", {"values": values, "array": array is not None})
            return self._read(name) or (values, array)

    def _read(self, name: str) -> Made | None:
        try:
            told = json.loads((self._folder / f"{name}.json").read_text())
        except FileNotFoundError:
            return None
        return told["values"], _map(self._folder / f"{name}.npy") if told["array"] else None


def write_dataset(dataset: Dataset, folder: Path) -> None:
    """Write a dataset for other processes; its fingerprint is computed with it.

    Args:
        dataset: What was loaded.
        folder: An empty folder.
    """
    if isinstance(dataset.x, np.ndarray):
        _write_array(folder / "x.npy", dataset.x)
    else:
        dataset.x.write_ipc(folder / _TABLE, compression="uncompressed")
    _write_array(folder / "y.npy", dataset.y)
    if dataset.test_rows is not None:
        _write_array(folder / "test_rows.npy", dataset.test_rows)
    facts = {name: getattr(dataset, name) for name in _TEXTS}
    _write_json(folder / _FACTS, facts | {"fingerprint": dataset.fingerprint})


def read_dataset(folder: Path) -> Dataset:
    """Return the dataset that `write_dataset` wrote, its inputs and targets mapped, with a store beside it."""
    facts: dict[str, Any] = json.loads((folder / _FACTS).read_text())
    fingerprint = facts.pop("fingerprint")
    facts = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    test_rows = _map(folder / "test_rows.npy") if (folder / "test_rows.npy").exists() else None
    dataset = Dataset(x=_inputs(folder), y=_map(folder / "y.npy"), test_rows=test_rows, store=Store(folder), **facts)
    vars(dataset)["fingerprint"] = fingerprint  # where `cached_property` would put it
    return dataset


def stored_fingerprint(folder: Path) -> str:
    """Return the fingerprint of the dataset that `write_dataset` wrote, without reading it."""
    return str(json.loads((folder / _FACTS).read_text())["fingerprint"])


def is_table(folder: Path) -> bool:
    """Tell whether the inputs that were written are a table, whose library has threads."""
    return (folder / _TABLE).exists()


def _inputs(folder: Path) -> NDArray[Any] | pl.DataFrame:
    if not is_table(folder):
        return _map(folder / "x.npy")
    import polars as pl

    return pl.read_ipc(folder / _TABLE)


def _map(path: Path) -> NDArray[Any]:
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


def _write_array(path: Path, array: NDArray[Any]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.part")
    with temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    temporary.replace(path)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
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
