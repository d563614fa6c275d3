"""Finding the file that a config names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlrun.datasets.names import nearest
from dlrun.errors import DataError

_KINDS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".npz": "npz", ".npy": "npy"}


def existing_file(path: str, setting: str) -> Path:
    """Return the absolute path of a file that exists and can be read.

    Args:
        path: Path as the config names it; `~` is the home folder, relative paths start at the current directory.
        setting: Dotted name of the setting, for the message.

    Raises:
        DataError: There is no such file, it is a folder, or it may not be read.
    """
    try:
        found = Path(path).expanduser().absolute()
        is_folder, is_file = found.is_dir(), found.is_file()
    except (OSError, RuntimeError) as error:  # a name that is too long, or the home folder of nobody
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{setting}: '{path}' cannot be a file: {reason}", remedy=f"Correct {setting}.") from error
    if is_folder:
        raise DataError(f"{setting}: '{found}' is a folder", remedy="Name one file.")
    if not is_file:
        raise DataError(
            f"{setting}: there is no file '{found}'{_neighbour(found)}",
            remedy=f"Correct {setting}; relative paths start at the current directory.",
        )
    if not os.access(found, os.R_OK):
        raise DataError(f"{setting}: '{found}' may not be read", remedy="Change the permissions of the file.")
    return found


@contextmanager
def naming(path: Path, *others: Path) -> Iterator[None]:
    """Begin the errors of the block with the path of the file that is read, unless they name a file already.

    Args:
        path: The file.
        others: Further files that errors may name.

    Raises:
        DataError: As the block raises it.
    """
    try:
        yield
    except DataError as error:
        if any(f"'{known}'" in error.message for known in (path, *others)):
            raise
        raise DataError(f"'{path}': {error.message}", remedy=error.remedy) from error


def other_kind(path: Path, kind: str) -> str:
    """Return the remedy for a file whose name says that it is of another kind; empty if it does not.

    Args:
        path: A file that cannot be read as what the config says.
        kind: What the config says.
    """
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    meant = _KINDS.get(suffixes[-1].lower() if suffixes else "", kind)
    if meant == "npy":
        return "Save inputs and targets in one file: numpy.savez('data.npz', x=x, y=y)."
    return "" if meant == kind else f"Set dataset.kind={meant} to read a {suffixes[-1]} file."


def _neighbour(path: Path) -> str:
    if not path.parent.is_dir():
        return " (the folder does not exist either)"
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return ""
    hint = nearest(path.name, names)
    return f"; {hint}" if hint.startswith("did") else ""
