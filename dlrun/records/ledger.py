"""The ledger: every look at a test set, one JSON line each, in `ledger.jsonl` beside the runs.

A test set that is looked at again and again guides decisions and stops being one; so each look is counted and told. A
test set is known by its labels in their order: runs that read other columns of the same rows share it. `dlrun evaluate`
knows the test rows of a run again in any order, by hashes of their inputs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlrun.base import files
from dlrun.base.text import json_text, parse_json
from dlrun.records.folder import LEDGER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dlrun.records.folder import RunFolder


@dataclass(frozen=True)
class Look:
    """One scoring on test rows.

    Args:
        fingerprint: Which test set, as `fingerprint_of` returns it.
        run: Id of the run that was scored.
        time: When, ISO 8601 in UTC.
        why: What was being done, such as `train`.
    """

    fingerprint: str
    run: str
    time: str
    why: str


def fingerprint_of(y_true: NDArray[Any], class_names: Sequence[str] = ()) -> str:
    """Return what a test set is known by: SHA-256 over its labels in their order, in hexadecimal.

    Args:
        y_true: Codes (rows,), labels (rows, labels) or numbers (rows, targets), as in `predictions/test.npz`.
        class_names: Names of the classes or labels; empty for a regression.
    """
    import numpy as np

    values = np.ascontiguousarray(y_true, np.float64)
    digest = hashlib.sha256(repr((tuple(class_names), values.shape)).encode())
    digest.update(values.astype("<f8").tobytes())
    return digest.hexdigest()


def home(folder: RunFolder) -> Path:
    """Return the folder of all runs, which holds the ledger; trials and snapshots lie deeper, inside other runs."""
    return folder.content.root.parent


def append(runs_dir: Path, *, fingerprint: str, run: str, why: str, now: datetime | None = None) -> int:
    """Write down a look at a test set; it is on the disk when this returns.

    Args:
        runs_dir: Folder of all runs; made if missing.
        fingerprint: Which test set.
        run: Id of the run that is scored.
        why: What is being done, such as `train`, `ensemble`, `evaluate`.
        now: The time; the present unless given.

    Returns:
        The number of looks at this test set so far, this one included; of two at the same time one is the later.

    Raises:
        StorageError: The ledger cannot be written or read.
    """
    path = Path(runs_dir, LEDGER)
    time = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds")
    line = json_text({"fingerprint": fingerprint, "run": run, "time": time, "why": why}, indent=None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        end = _append_line(path, line)
        if is_new:
            files.sync(path.parent)
    except OSError as error:
        raise files.storage_error("write", path, error) from error
    return sum(look.fingerprint == fingerprint for look in _read(files.read_bytes(path)[:end]))


def looks(runs_dir: Path, fingerprint: str) -> list[Look]:
    """Return the looks at a test set, oldest first; none if there is no ledger.

    Raises:
        StorageError: The ledger cannot be read.
    """
    path = Path(runs_dir, LEDGER)
    if not path.exists():
        return []
    return [look for look in _read(files.read_bytes(path)) if look.fingerprint == fingerprint]


def _append_line(path: Path, line: str) -> int:
    """Append a line in one write, and return where it ends."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        content = f"{line}\n".encode()
        if _is_torn(descriptor):
            content = b"\n" + content
        written = os.write(descriptor, content)
        if written < len(content):
            raise OSError(f"only {written} of {len(content)} bytes were written")
        os.fsync(descriptor)
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    finally:
        os.close(descriptor)


def _is_torn(descriptor: int) -> bool:
    """Tell whether the last line has no end, because the machine stopped while it was written."""
    if os.lseek(descriptor, 0, os.SEEK_END) == 0:
        return False
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) != b"\n"


def _read(content: bytes) -> Iterator[Look]:
    """Yield the looks of all whole lines."""
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
            yield Look(*(str(value[name]) for name in ("fingerprint", "run", "time", "why")))
        except (ValueError, LookupError, TypeError):
            continue  # a line that the machine did not finish writing
