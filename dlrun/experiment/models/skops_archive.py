"""Reading what scikit-learn's models hold out of a skops file, without making any object that the file names.

A skops file is a zip archive: `schema.json` describes the objects, the arrays lie beside it as `.npy` files
(https://skops.readthedocs.io/en/stable/persistence.html). skops itself would build the classes and hand them their
state, and scikit-learn's compiled trees believe whatever they are handed. Here only numbers are read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError, StorageError
from dlrun.experiment.datasets.readers.npz_reader import Archive

_SCHEMA = "schema.json"
_MODEL = "the model"


class Part:
    """One object of a skops file, which tells its attributes when asked for them.

    Args:
        archive: The arrays of the file.
        node: What the schema says of the object.
        where: How messages call it, such as `estimators_[2]`.
    """

    def __init__(self, archive: Archive, node: object, where: str) -> None:
        self._archive = archive
        self.where = where
        if not isinstance(node, Mapping):
            raise self.damaged("is no object")
        self._node: Mapping[str, Any] = node

    @property
    def kind(self) -> str:
        """Name of its class."""
        return str(self._node.get("__class__"))

    def part(self, name: str) -> Part:
        """Return an attribute that is an object itself; raises StorageError."""
        return Part(self._archive, self._attributes().get(name), self._at(name))

    def parts(self, name: str, number: range | None = None) -> list[Part]:
        """Return the entries of an attribute that is a list.

        Args:
            name: The attribute.
            number: How many there may be; None for any number.

        Raises:
            StorageError: It is no list, or has another number of entries.
        """
        return self.part(name).entries(number)

    def entries(self, number: range | None = None) -> list[Part]:
        """Return the entries of this list; raises StorageError as `parts`."""
        entries = self._node.get("content")
        if self._node.get("__loader__") not in ("ListNode", "TupleNode") or not isinstance(entries, list):
            raise self.damaged("is no list")
        if number is not None and len(entries) not in number:
            raise self.damaged(f"holds {len(entries):,} entries, expected {_count(number)}")
        return [Part(self._archive, entry, f"{self.where}[{position}]") for position, entry in enumerate(entries)]

    def numbers(self, name: str, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
        """Return an attribute that is an array of finite numbers, laid out in the memory as it was.

        Args:
            name: The attribute.
            shape: What it must have; None for any.

        Raises:
            StorageError: It is something else.
        """
        return self.part(name).values(shape)

    def values(self, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
        """Return the numbers of this array; raises StorageError as `numbers`."""
        array = np.asarray(self._plain()) if self._node.get("__loader__") == "JsonNode" else self._array()
        if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise self.damaged("holds something else than finite numbers")
        if shape is not None and array.shape != shape:
            raise self.damaged(f"has the shape {array.shape}, expected {shape}")
        return array

    def records(self, name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an attribute that is an array of records, one or more in a row.

        Args:
            name: The attribute.
            dtype: Their type.

        Raises:
            StorageError: It is something else.
        """
        part = self.part(name)
        array = part._array()
        if array.dtype != dtype or array.ndim != 1 or not len(array):
            raise part.damaged("holds no records of the kind that this version of scikit-learn writes")
        return array

    def damaged(self, fault: str) -> StorageError:
        """Return the error for a part that is not what dlrun writes."""
        return StorageError(f"{self.where} {fault}")

    def _attributes(self) -> Mapping[str, Any]:
        """Return what the schema says of the attributes: the state of an object lies in a dictionary of its own."""
        content = self._node.get("content")
        if isinstance(content, Mapping) and content.get("__loader__") == "DictNode":
            content = content.get("content")
        if not isinstance(content, Mapping):
            raise self.damaged("has no attributes")
        return content

    def _at(self, name: str) -> str:
        return name if self.where == _MODEL else f"{self.where}.{name}"

    def _plain(self) -> int | float:
        try:
            value = json.loads(self._node["content"])
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise self.damaged("is no number") from error
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.damaged("is no number")
        if abs(value) >= 2**63:
            raise self.damaged("is too large a number")
        return value

    def _array(self) -> NDArray[Any]:
        name = self._node.get("file")
        if self._node.get("__loader__") != "NdArrayNode" or not isinstance(name, str) or not name.endswith(".npy"):
            raise self.damaged("is no array")
        try:
            name = name.removesuffix(".npy")
            values = self._archive.read(name)
            # The order in memory decides about the last bit of a product of matrices.
            return np.asfortranarray(values) if self._archive.header(name).fortran_order else values
        except DataError as error:
            raise self.damaged(f"cannot be read: {error.message}") from error
        except (LookupError, ValueError, TypeError, MemoryError) as error:
            raise self.damaged(f"cannot be read: {error or type(error).__name__}") from error


def read_skops(content: bytes) -> Part:
    """Return the object that a skops file holds.

    Args:
        content: The file. dlrun writes it without compression, so that it can take no more memory than it has bytes.

    Raises:
        StorageError: It is damaged, or not as dlrun writes it.
    """
    try:
        archive = Archive(Path("model.skops"), content=content, records=True)
        schema = json.loads(archive.text(_SCHEMA))
    except DataError as error:
        raise StorageError(error.message) from error
    except (LookupError, ValueError, RecursionError, MemoryError) as error:
        raise StorageError(f"it has no {_SCHEMA} that can be read") from error
    return Part(archive, schema, _MODEL)


def _count(number: range) -> str:
    return f"{number.start:,}" if len(number) == 1 else f"{number.start:,} to {number.stop - 1:,}"
