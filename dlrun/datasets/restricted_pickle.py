"""Unpickling nothing but numbers, text, lists, mappings and NumPy arrays of these.

CIFAR's batches and the word lists of IMDB and Reuters are distributed as pickles. A pickle can name any function to be
called; here every name but the three that rebuild an array is refused, and these are replaced by functions that can do
nothing else, so that a forged file cannot run code.
"""

from __future__ import annotations

import pickle
from typing import IO, Any

import numpy as np

_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


def load(stream: IO[bytes]) -> Any:
    """Return what a stream holds; text of Python 2 becomes bytes.

    Raises:
        pickle.UnpicklingError: The stream names something else than arrays, or is damaged.
    """
    try:
        return _Unpickler(stream, encoding="bytes").load()
    except (EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, MemoryError, OverflowError) as error:
        raise pickle.UnpicklingError(f"it is damaged: {error}") from error


def _empty_array(_subtype: object, shape: tuple[int, ...], _dtype: object) -> np.ndarray[Any, np.dtype[Any]]:
    """Stand for NumPy's `_reconstruct`, which is always called for an empty array that is filled later."""
    if shape != (0,):
        raise pickle.UnpicklingError(f"an array that starts with the shape {shape}")
    return np.ndarray((0,), np.dtype(np.int8))


def _array_type(*_arguments: object) -> None:
    """Stand for `numpy.ndarray`, which is only ever passed to `_reconstruct`."""
    raise pickle.UnpicklingError("an array that is made directly")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if module in _ARRAY_MODULES and name == "_reconstruct":
            return _empty_array
        if (module, name) == ("numpy", "ndarray"):
            return _array_type
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is refused")
