"""Memory that runs out, told as an error that the user can mend."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from dlrun.errors import ModelError, RunFailed

_SHAPE = re.compile(r"shape ?\[([\d,]+)\]", re.IGNORECASE)


@contextlib.contextmanager
def building() -> Iterator[None]:
    """Raise ModelError if the network that is built in the block does not fit into memory."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise _too_large(error) from error
    except tf.errors.InvalidArgumentError as error:
        if "more than 2**63" not in str(error):
            raise
        raise _too_large(error) from error


@contextlib.contextmanager
def computing(what: str) -> Iterator[None]:
    """Raise RunFailed if memory runs out in the block.

    Args:
        what: What is done there, such as `training`.
    """
    import tensorflow as tf

    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise RunFailed(
            f"memory ran out while {what}{_wanted(error)}",
            remedy="Lower training.batch_size, make the layers smaller, or set training.engine=streaming.",
        ) from error


def _too_large(error: BaseException) -> ModelError:
    return ModelError(f"the network does not fit into memory{_wanted(error)}", remedy="Make its layers smaller.")


def _wanted(error: BaseException) -> str:
    """Name the array for which there was no room, if the error tells."""
    shape = _SHAPE.search(str(error))
    if shape is None:
        return ""
    return f": there is no room for an array of shape ({', '.join(shape.group(1).split(','))})"
