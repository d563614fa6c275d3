"""Checkpoints on the disk: safetensors files with their facts in the header, each put in place by one rename.

The format has no checksum of its own: a bit that flips in an array would train on unnoticed. The header holds one.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from dlrun.base.text import parse_json, printable
from dlrun.errors import StorageError
from dlrun.learners.checkpoint import Checkpoint
from dlrun.records.status import FORMAT

if TYPE_CHECKING:
    from dlrun.records.folder import RunFolder

FOLDER = "checkpoints"
STATE = "last/state"
"""Name of the checkpoint that the fit in progress goes on from."""

_KEY = "dlrun"
_CHECKSUM = re.compile(r', "crc32": (\d+)}$')


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
    # One entry: the order of several in the header changes from process to process.
    header = {_KEY: f'{facts[:-1]}, "crc32": {_checksum(arrays, facts)}}}'}
    folder.write_bytes(path_of(name), save(arrays, header))


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
    damage: tuple[type[Exception], ...] = (*_damage(), OSError)
    try:
        descriptor = file.open()
        try:
            with safetensors.safe_open(f"/dev/fd/{descriptor}", framework="np") as stored:
                arrays: dict[str, Any] = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
                return _verified(stored.metadata() or {}, arrays, shown)
        finally:
            os.close(descriptor)
    except damage as error:
        raise _damaged(shown, error) from error


def decode_checkpoint(content: bytes, shown: str) -> Checkpoint:
    """Turn the bytes of a checkpoint file into the checkpoint.

    Args:
        content: The whole file.
        shown: What messages call it.

    Raises:
        StorageError: It is damaged, or has a format that this dlrun does not read.
    """
    from safetensors.numpy import load

    try:
        arrays = dict(load(content))
        size = int.from_bytes(content[:8], "little")
        return _verified(parse_json(content[8 : 8 + size]).get("__metadata__", {}), arrays, shown)
    except _damage() as error:
        raise _damaged(shown, error) from error


def _verified(header: Mapping[str, str], arrays: Mapping[str, NDArray[Any]], shown: str) -> Checkpoint:
    """Return the checkpoint that a file holds, if it is as it was written."""
    written = header.get(_KEY, "{}")
    checksum = _CHECKSUM.search(written)
    text = f"{written[: checksum.start()]}}}" if checksum else written
    facts = parse_json(text)
    if not isinstance(facts, dict):
        raise TypeError("its facts are no JSON object")
    if facts.get("format") != FORMAT:
        raise StorageError(
            f"{shown} has the format {printable(repr(facts.get('format')))}; this dlrun reads format {FORMAT}",
            remedy="Use the version of dlrun that wrote it, named in environment.json.",
        )
    if checksum is None or checksum[1] != str(_checksum(arrays, text)):
        raise ValueError("its checksum does not fit its contents")
    return Checkpoint(arrays, facts)


def _damage() -> tuple[type[Exception], ...]:
    """Return the errors that bytes cause which are no checkpoint."""
    from safetensors import SafetensorError

    return SafetensorError, ValueError, TypeError, KeyError, AttributeError


def _damaged(shown: str, error: BaseException) -> StorageError:
    return StorageError(
        f"{shown} is damaged: it is no checkpoint ({printable(str(error))})",
        remedy="Remove the file: what it holds is then computed again.",
    )


def _checksum(arrays: Mapping[str, NDArray[Any]], facts: str) -> int:
    """Return the CRC-32 of facts, names, types, shapes and bytes of arrays, in the order of their names."""
    total = zlib.crc32(facts.encode())
    for name in sorted(arrays):
        array = arrays[name]
        total = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), total)
        total = zlib.crc32(array.reshape(-1).view("uint8").data, total)
    return total
