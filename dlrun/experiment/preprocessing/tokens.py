"""Tokens and indicators: nothing is learned, types and values are checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError
from dlrun.experiment.datasets.inputs import INDICATORS, TOKENS, ArrayForm, InputForm, Inputs
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing

if TYPE_CHECKING:
    import polars as pl


class FittedTokens(FittedPreprocessing):
    """Word numbers, given on as they are."""

    kind: Literal["tokens"] = "tokens"

    def form(self, *, joined: bool = False) -> InputForm:  # noqa: ARG002
        return InputForm({TOKENS: ArrayForm(self.output_shape, "int32")})

    def transform(self, x: NDArray[Any] | pl.DataFrame, *, joined: bool = False) -> Inputs:  # noqa: ARG002
        tokens = _whole(self.array(x), "tokens")
        if tokens.size and (tokens.min() < 0 or tokens.max() > np.iinfo(np.int32).max):
            raise DataError(f"tokens lie between {tokens.min()} and {tokens.max()}, expected 0 to 2,147,483,647")
        return self.inputs({TOKENS: tokens.astype(np.int32, copy=False)})


class FittedIndicators(FittedPreprocessing):
    """0/1 indicators, as bytes."""

    kind: Literal["indicators"] = "indicators"

    def form(self, *, joined: bool = False) -> InputForm:  # noqa: ARG002
        return InputForm({INDICATORS: ArrayForm(self.output_shape, "uint8")})

    def transform(self, x: NDArray[Any] | pl.DataFrame, *, joined: bool = False) -> Inputs:  # noqa: ARG002
        indicators = _whole(self.array(x), "indicators")
        if indicators.size and (indicators.min() < 0 or indicators.max() > 1):
            raise DataError(f"indicators are 0 or 1, found {indicators.min()} to {indicators.max()}")
        return self.inputs({INDICATORS: indicators.astype(np.uint8, copy=False)})


def _whole(x: NDArray[Any], what: str) -> NDArray[Any]:
    if x.dtype.kind not in "biu":
        raise DataError(f"{what} are whole numbers, found {x.dtype}", remedy="Convert them, or read them as features.")
    return x
