"""Keras archives without the time at which they were written: the same network is the same bytes."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from dlrun.records.files import undated

if TYPE_CHECKING:
    import keras

_METADATA = "metadata.json"
_DATE = "date_saved"


def write(model: keras.Model, path: Path) -> None:
    """Write a network as a `.keras` file, and then without its dates, which Keras reads nowhere.

    Args:
        model: The network.
        path: The file.

    Raises:
        OSError: The file cannot be written.
    """
    model.save(path)
    with tempfile.TemporaryFile(dir=path.parent) as packed:
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as target:
            for entry in source.infolist():
                with source.open(entry) as content, target.open(undated(entry.filename), "w", force_zip64=True) as out:
                    if entry.filename == _METADATA:
                        facts = json.load(content)
                        facts.pop(_DATE, None)
                        out.write(json.dumps(facts).encode())
                    else:
                        shutil.copyfileobj(content, out)
        packed.seek(0)
        with path.open("wb") as whole:
            shutil.copyfileobj(packed, whole)
