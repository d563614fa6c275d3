"""Memory that runs out, on the host or on a GPU: recognized, and told as an error that the user can mend."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator

from dlrun.errors import ModelError

_SHAPE = re.compile(r"shape ?\[([\d,]+)\]", re.IGNORECASE)
_SIGNS = ("RESOURCE_EXHAUSTED", "Out of memory", "Dst tensor is not initialized")


def is_exhausted(error: BaseException) -> bool:
    """Tell whether an error says that memory did not suffice.

    XLA and the copying of arrays report it as errors of other classes than TensorFlow's own.
    """
    if isinstance(error, MemoryError):
        return True
    if "tensorflow" not in sys.modules:
        return False
    import tensorflow as tf

    if not isinstance(error, tf.errors.OpError):
        return False
    return isinstance(error, tf.errors.ResourceExhaustedError) or any(sign in str(error) for sign in _SIGNS)


def wanted(error: BaseException) -> str:
    """Say for what there was no room, as far as the error tells; empty if it does not."""
    shape = _SHAPE.search(str(error))
    if shape is None:
        return str(error).strip().split("\n")[0][:200]
    return f"there is no room for an array of shape ({', '.join(shape.group(1).split(','))})"


@contextlib.contextmanager
def building() -> Iterator[None]:
    """Raise ModelError if the network that is built in the block does not fit into memory."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, MemoryError) as error:
        beyond_numbers = isinstance(error, tf.errors.InvalidArgumentError) and "more than 2**63" in str(error)
        if not beyond_numbers and not is_exhausted(error):
            raise
        detail = wanted(error)
        raise ModelError(
            f"the network does not fit into memory{': ' if detail else ''}{detail}", remedy="Make its layers smaller."
        ) from error
