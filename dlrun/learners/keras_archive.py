"""Keras archives whose bytes follow from the network alone: without dates, and without addresses of the process."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

_DATE = "date_saved"
_IDENTITY = "shared_object_id"


def write(model: keras.Model, path: Path) -> None:
    """Write a network as a `.keras` file.

    Args:
        model: The network.
        path: The file, under a temporary name.

    Raises:
        OSError: The file cannot be written.
    """
    dated = path.with_suffix(f".dated{path.suffix}")  # if the process is killed, its name tells that it was temporary
    try:
        model.save(dated)
        with zipfile.ZipFile(dated) as source, zipfile.ZipFile(path, "w") as target:
            for name in source.namelist():
                entry = zipfile.ZipInfo(name)  # carries 1980-01-01
                with source.open(name) as content, target.open(entry, "w", force_zip64=True) as out:
                    if name.endswith(".json"):
                        out.write(json.dumps(_settled(json.load(content), {})).encode())
                    else:
                        shutil.copyfileobj(content, out)
    finally:
        dated.unlink(missing_ok=True)


def _settled(value: Any, known: dict[int, int]) -> Any:
    """Leave out the date, which Keras reads nowhere, and number shared objects in the order in which they come."""
    if isinstance(value, list):
        return [_settled(item, known) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: known.setdefault(item, len(known) + 1) if key == _IDENTITY else _settled(item, known)
        for key, item in value.items()
        if key != _DATE
    }
