"""Checkpoints on the disk, each put in place by one rename."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dlrun.base.text import printable
from dlrun.learners.checkpoint import Checkpoint
from dlrun.learners.checkpoint_bytes import damage, damaged, encode, verified

if TYPE_CHECKING:
    from dlrun.records.folder import RunFolder

FOLDER = "checkpoints"
STATE = "last/state"
"""Name of the checkpoint that the fit in progress goes on from."""


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
    folder.write_bytes(path_of(name), encode(checkpoint))


def read_checkpoint(folder: RunFolder, name: str) -> Checkpoint | None:
    """Read a checkpoint; None if there is none.

    Args:
        folder: The run.
        name: Such as `best/fold-0`.

    Raises:
        StorageError: It cannot be read, is damaged, or has a format that this dlrun does not read.
    """
    import safetensors

    file = folder.file(path_of(name))
    if not file.is_file():
        return None
    shown = printable(str(file))
    wrong: tuple[type[Exception], ...] = (*damage(), OSError)
    try:
        descriptor = file.open()
        try:
            with safetensors.safe_open(f"/dev/fd/{descriptor}", framework="np") as stored:
                arrays: dict[str, Any] = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
                return verified(stored.metadata() or {}, arrays, shown)
        finally:
            os.close(descriptor)
    except wrong as error:
        raise damaged(shown, error) from error
