"""The files that `keras.datasets` keeps in its cache, found without importing Keras.

Keras keeps them in `$KERAS_HOME/datasets`, `~/.keras/datasets` by default, and in the folder of temporary files if
that may not be written (`keras.utils.get_file`). Files that are there are read directly; files that are missing are
fetched by Keras, which knows their addresses and checksums.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from dlrun.base.backend import import_keras
from dlrun.errors import DataError

_CONNECT_SECONDS = 20.0


def cached_files(dataset: str, names: Sequence[str], folders: Sequence[str] = ("",)) -> list[Path]:
    """Return the paths of a dataset's files, after fetching them if one is missing.

    Args:
        dataset: Name of the module in `keras.datasets`.
        names: Names of the files.
        folders: Where Keras puts them inside its cache; the first is what the installed version uses.

    Raises:
        DataError: A file is missing and could not be fetched.
    """
    found = _find(names, folders)
    if found is not None:
        return found
    reason = _fetch(dataset)
    found = _find(names, folders)
    if found is not None:
        return found
    wanted = _caches()[0] / folders[0]
    missing = [name for name in names if not (wanted / name).is_file()]
    raise DataError(
        f"{dataset}: {', '.join(missing)} not found in '{wanted}', and fetching failed: {reason}",
        remedy=f"Go online once, or put the file{'s' if len(missing) > 1 else ''} into '{wanted}' "
        "(the environment variable KERAS_HOME names the folder that holds 'datasets').",
    )


def damaged(path: Path, reason: object) -> DataError:
    """Return the error for a cached file that cannot be read."""
    return DataError(f"'{path}' is damaged: {reason}", remedy="Delete the file, so that it is fetched again.")


def _caches() -> list[Path]:
    import tempfile

    home = os.environ.get("KERAS_HOME")
    preferred = (Path(home).expanduser() if home is not None else Path.home() / ".keras").absolute()
    existing = next(folder for folder in (preferred, *preferred.parents) if folder.exists())
    if os.access(existing, os.W_OK):
        return [preferred / "datasets"]
    spare = Path("/tmp" if Path("/tmp").is_dir() else tempfile.gettempdir(), ".keras")  # noqa: S108 (Keras' own place)
    return [preferred / "datasets", spare / "datasets"]


def _find(names: Sequence[str], folders: Sequence[str]) -> list[Path] | None:
    for cache in _caches():
        for folder in folders:
            paths = [cache / folder / name for name in names]
            if all(path.is_file() for path in paths):
                return paths
    return None


def _fetch(dataset: str) -> str:
    """Let Keras fetch a dataset; return why it could not, or an empty text."""
    try:
        with _bounded_wait(), redirect_stdout(sys.stderr):
            import_keras()
            importlib.import_module(f"keras.datasets.{dataset}").load_data()
    except Exception as error:  # noqa: BLE001 (Keras raises bare Exception when a download fails)
        return (str(error) or type(error).__name__).strip()
    return "Keras put it somewhere else"


@contextmanager
def _bounded_wait() -> Iterator[None]:
    import socket

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_CONNECT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
