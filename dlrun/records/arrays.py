"""The arrays of a run: read from its `.npz` files without pickle, and never more than the file can make plausible."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dlrun.base.inside import Inside
from dlrun.base.text import printable
from dlrun.errors import DataError, StorageError

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray


def read_arrays(file: Inside, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
    """Read arrays of an `.npz` file of a run.

    Args:
        file: The file.
        names: The arrays; None for all.

    Raises:
        StorageError: It cannot be read, is damaged, or does not hold them.
    """
    try:
        return decode_arrays(file.read_bytes(), file.name, names)
    except DataError as error:
        raise StorageError(f"{printable(str(file))} is damaged: {printable(error.message)}") from error


def decode_arrays(content: bytes, name: str, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
    """Return arrays of an `.npz` file of a run that was read already.

    Args:
        content: The file.
        name: Its name, for messages.
        names: The arrays; None for all.

    Raises:
        DataError: It is damaged, or does not hold them.
    """
    from dlrun.experiment.datasets.readers.npz_reader import Archive

    with Archive(Path(name), content=content) as archive:
        wanted = archive.names if names is None else tuple(names)
        for missing in set(wanted) - set(archive.names):
            raise DataError(f"'{name}': it holds no array '{missing}'")
        try:
            return {one: archive.read(one) for one in wanted}
        except (ValueError, TypeError, MemoryError) as error:  # a shape that no array can have
            raise DataError(f"'{name}': an array cannot be read: {error}") from error


def array_names(content: bytes, name: str) -> list[str]:
    """Return the names of the arrays of an `.npz` file that was read already; raises DataError as `decode_arrays`."""
    from dlrun.experiment.datasets.readers.npz_reader import Archive

    with Archive(Path(name), content=content) as archive:
        return list(archive.names)
