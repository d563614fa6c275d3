"""Arrays as inputs: how they are to be read, by their shapes and types, and the types that all sources use for them."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import InputKind

ArrayKind = Literal["images", "features", "tokens", "indicators"]
"""How an array of inputs can be read."""

_RANKS: dict[str, tuple[int, ...]] = {
    "images": (3, 4),
    "features": (2, 3, 4, 5),
    "tokens": (2,),
    "indicators": (2,),
}

_EXPECTED = {
    "images": "Images have the shape (rows, height, width) or (rows, height, width, channels).",
    "features": "Features have the shape (rows, columns), or one of two to four axes a row; try x.reshape(-1, 1).",
    "tokens": "Tokens are whole numbers of shape (rows, length).",
    "indicators": "Indicators are whole numbers or booleans of shape (rows, columns) that hold 0 and 1 only.",
}


def input_kind(shape: tuple[int, ...], dtype: np.dtype[Any], asked: str, where: str) -> InputKind:
    """Return how an array is to be read.

    Args:
        shape: Its shape, rows first.
        dtype: Its type.
        asked: An `ArrayKind`, or `auto`.
        where: Where it comes from, for the message.

    Raises:
        DataError: It holds no real numbers, or cannot be read as what was asked for.
    """
    if dtype.kind not in "biuf":
        raise DataError(
            f"{where}: the inputs are of type {dtype}",
            remedy="Inputs must be real numbers; convert them before saving.",
        )
    chosen = _inferred(len(shape), dtype) if asked == "auto" else asked
    if len(shape) not in _RANKS[chosen] or (chosen in ("tokens", "indicators") and dtype.kind not in "biu"):
        raise DataError(
            f"{where}: the inputs are {dtype} of shape {shape}, which cannot be read as {chosen}",
            remedy=_EXPECTED[chosen],
        )
    return cast(InputKind, chosen)


def typed(x: NDArray[Any], kind: InputKind) -> NDArray[Any]:
    """Give tokens and indicators the types that all sources use for them.

    Raises:
        DataError: A value lies outside of what the kind allows.
    """
    if kind == "tokens":
        _require_range(x, 0, np.iinfo(np.int32).max, "tokens")
        return x.astype(np.int32, copy=False)
    if kind == "indicators":
        if x.dtype == np.bool_:
            return x.view(np.uint8)
        _require_range(x, 0, 1, "indicators")
        return x.astype(np.uint8, copy=False)
    return x.view(np.uint8) if x.dtype == np.bool_ else x


def _inferred(rank: int, dtype: np.dtype[Any]) -> str:
    if rank == 4 or (rank == 3 and dtype == np.uint8):
        return "images"
    return "indicators" if rank == 2 and dtype == np.bool_ else "features"


def _require_range(x: NDArray[Any], least: int, most: int, what: str) -> None:
    lowest, highest = int(x.min()), int(x.max())
    if lowest < least or highest > most:
        raise DataError(
            f"{what} lie between {least} and {most:,}, the array holds {lowest} to {highest}",
            remedy="Correct the array, or set dataset.input_kind=features.",
        )
