"""Tokens and indicators: nothing is learned, types and values are checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing

if TYPE_CHECKING:
    import polars as pl


class FittedTokens(FittedPreprocessing):
    """Word numbers, given on as they are."""

    kind: Literal["tokens"] = "tokens"

    def transform(self, x: NDArray[Any] | pl.DataFrame) -> NDArray[Any]:
        tokens = _whole(self.array(x), "tokens")
        if tokens.size and (tokens.min() < 0 or tokens.max() > np.iinfo(np.int32).max):
            raise DataError(f"tokens lie between {tokens.min()} and {tokens.max()}, expected 0 to 2,147,483,647")
        return tokens.astype(np.int32, copy=False)


class FittedIndicators(FittedPreprocessing):
    """0/1 indicators; networks get them as bytes."""

    kind: Literal["indicators"] = "indicators"

    def transform(self, x: NDArray[Any] | pl.DataFrame) -> NDArray[Any]:
        return self.transform_for_network(x).astype(np.float32)

    def transform_for_network(self, x: NDArray[Any] | pl.DataFrame) -> NDArray[Any]:
        indicators = _whole(self.array(x), "indicators")
        if indicators.size and (indicators.min() < 0 or indicators.max() > 1):
            raise DataError(f"indicators are 0 or 1, found {indicators.min()} to {indicators.max()}")
        return indicators.astype(np.uint8, copy=False)


def _whole(x: NDArray[Any], what: str) -> NDArray[Any]:
    if x.dtype.kind not in "biu":
        raise DataError(f"{what} are whole numbers, found {x.dtype}", remedy="Convert them, or read them as features.")
    return x
