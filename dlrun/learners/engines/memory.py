"""Memory that runs out, on the host or on a GPU: told as an error that the user can mend."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from dlrun.base.limits import is_exhausted
from dlrun.errors import ModelTooLarge

_SHAPE = re.compile(r"shape ?\[([\d,]+)\]", re.IGNORECASE)
_EMPTY_WORDS = ("", "std::bad_alloc", "Graph execution error")
"""Lines of errors that tell nothing that a user could know the reason by."""


def wanted(error: BaseException) -> str:
    """Say for what there was no room, as far as the error tells; empty if it does not."""
    shape = _SHAPE.search(str(error))
    if shape is not None:
        return f"there is no room for an array of shape ({', '.join(shape.group(1).split(','))})"
    if isinstance(error, ImportError):
        return f"a library cannot be loaded: {error}"
    lines = [line.strip() for line in str(error).split("\n")]
    telling = [line for line in lines if line.strip(":") not in _EMPTY_WORDS]
    return telling[0][:200] if telling else ""


@contextlib.contextmanager
def building() -> Iterator[None]:
    """Raise ModelTooLarge if the network that is built in the block does not fit into memory."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, MemoryError) as error:
        beyond_numbers = isinstance(error, tf.errors.InvalidArgumentError) and "more than 2**63" in str(error)
        if not beyond_numbers and not is_exhausted(error):
            raise
        detail = wanted(error)
        raise ModelTooLarge(
            f"the network does not fit into memory{': ' if detail else ''}{detail}", remedy="Make its layers smaller."
        ) from error
