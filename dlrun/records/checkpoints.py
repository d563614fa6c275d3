"""Checkpoints on the disk: safetensors files with their facts in the header, each put in place by one rename."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlrun.errors import StorageError
from dlrun.records.status import FORMAT
from dlrun.records.text import printable
from dlrun.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    from dlrun.records.folder import RunFolder

FOLDER = "checkpoints"
STATE = "last/state"
"""Name of the checkpoint that the fit in progress goes on from."""

_KEY = "dlrun"


def path_of(name: str) -> str:
    """Return where a checkpoint lies in the run folder.

    Args:
        name: Such as `best/fold-0`.
    """
    return f"{FOLDER}/{name}.safetensors"


def write_checkpoint(folder: RunFolder, name: str, checkpoint: Checkpoint) -> None:
    """Put a checkpoint in place, as a whole or not at all.

    Args:
        folder: The run.
        name: Such as `best/fold-0`.
        checkpoint: Its facts are stored as JSON, its arrays must hold numbers or truth values.

    Raises:
        StorageError: It could not be written; a previous one is untouched.
    """
    import numpy as np
    from safetensors.numpy import save

    arrays = {key: np.asarray(value, order="C") for key, value in checkpoint.arrays.items()}
    facts = json.dumps({"format": FORMAT, **checkpoint.facts})
    folder.write_bytes(path_of(name), save(arrays, {_KEY: facts}))


def read_checkpoint(folder: RunFolder, name: str) -> Checkpoint | None:
    """Read a checkpoint; None if there is none.

    Args:
        folder: The run.
        name: Such as `best/fold-0`.

    Raises:
        StorageError: It cannot be read, is damaged, or has a format that this dlrun does not read.
    """
    import safetensors

    path = folder.file(path_of(name))
    if not path.is_file():
        return None
    shown = printable(str(path))
    try:
        with safetensors.safe_open(path, framework="np") as file:
            facts = _facts(file.metadata())
            written = facts.get("format")
            if written == FORMAT:
                arrays: dict[str, Any] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
                return Checkpoint(arrays, facts)
    except (safetensors.SafetensorError, ValueError, TypeError, OSError, RecursionError) as error:
        raise StorageError(
            f"{shown} is damaged: it is no checkpoint ({printable(str(error))})",
            remedy="Remove the file: what it holds is then computed again.",
        ) from error
    raise StorageError(
        f"{shown} has the format {printable(repr(written))}; this dlrun reads format {FORMAT}",
        remedy="Use the version of dlrun that wrote it, named in environment.json.",
    )


def _facts(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    facts = json.loads((metadata or {}).get(_KEY, "{}"))
    if not isinstance(facts, dict):
        raise TypeError("its facts are no JSON object")
    return facts
