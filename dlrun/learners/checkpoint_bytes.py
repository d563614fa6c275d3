"""The bytes of a checkpoint: safetensors with the facts in the header, and a checksum, which the format has not.

A bit that flips in an array would train on unnoticed.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.text import parse_json, printable
from dlrun.errors import StorageError
from dlrun.learners.checkpoint import Checkpoint

FORMAT = 1

_KEY = "dlrun"
_CHECKSUM = re.compile(r', "crc32": (\d+)}$')


def encode(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of the file of a checkpoint.

    Args:
        checkpoint: Its facts are stored as JSON, its arrays must hold numbers or truth values.
    """
    from safetensors.numpy import save

    arrays = {key: np.asarray(value, order="C") for key, value in checkpoint.arrays.items()}
    facts = json.dumps({"format": FORMAT, **checkpoint.facts})
    # One entry: the order of several in the header changes from process to process.
    header = {_KEY: f'{facts[:-1]}, "crc32": {_checksum(arrays, facts)}}}'}
    return bytes(save(arrays, header))


def decode(content: bytes, shown: str) -> Checkpoint:
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
        return verified(parse_json(content[8 : 8 + size]).get("__metadata__", {}), arrays, shown)
    except damage() as error:
        raise damaged(shown, error) from error


def verified(header: Mapping[str, str], arrays: Mapping[str, NDArray[Any]], shown: str) -> Checkpoint:
    """Return the checkpoint that a file holds, if it is as it was written.

    Args:
        header: Of the file.
        arrays: Of the file, by name.
        shown: What messages call the file.

    Raises:
        StorageError: It has a format that this dlrun does not read.
        ValueError, TypeError: It is damaged.
    """
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


def damage() -> tuple[type[Exception], ...]:
    """Return the errors that bytes cause which are no checkpoint."""
    from safetensors import SafetensorError

    return SafetensorError, ValueError, TypeError, KeyError, AttributeError


def damaged(shown: str, error: BaseException) -> StorageError:
    """Return the error that tells of a damaged file."""
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
