"""Holes: a file may be gigabytes long and take no room on the disk; what is read of it fills the memory with zeros."""

from __future__ import annotations

import errno
import os

_UNSUSPECTED_BYTES = 2**26
_MOST_TIMES_LARGER = 20
"""How much longer than its data a large file may be."""


def refuse_holes(descriptor: int) -> None:
    """Refuse a large file that is nearly all holes. Where the system does not tell them, there are none.

    Args:
        descriptor: The file, open at its start, which is where it is left.

    Raises:
        OSError: As described.
    """
    size = os.fstat(descriptor).st_size
    if size <= _UNSUSPECTED_BYTES or not hasattr(os, "SEEK_DATA"):
        return
    least, stored, place = size // _MOST_TIMES_LARGER, 0, 0
    try:
        while stored < least:
            start = os.lseek(descriptor, place, os.SEEK_DATA)
            place = os.lseek(descriptor, start, os.SEEK_HOLE)
            stored += place - start
    except OSError as error:
        if error.errno == errno.ENXIO:  # there are no more data
            raise OSError(0, f"it holds {stored:,} bytes and would grow to {size:,}") from error
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
