"""Inputs from Python: arrays and data frames, in the form that a run was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import absent, did_you_mean, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.frames import as_frame
from dlrun.experiment.datasets.tables.columns import AS_TRAINED, as_numbers
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing

if TYPE_CHECKING:
    import polars as pl


def inputs_of(x: Any, fitted: FittedPreprocessing) -> NDArray[Any] | pl.DataFrame:
    """Return inputs as an array of numbers or a polars data frame.

    Args:
        x: An array, or a data frame of polars or pandas.
        fitted: The preprocessing that is to take them.

    Raises:
        DataError: They are neither, or lack a column.
    """
    if isinstance(x, np.ndarray):
        if x.dtype.kind not in "biuf" or not x.ndim:
            raise DataError(
                f"the inputs are an array of type {x.dtype} and shape {x.shape}, expected numbers of shape (rows, ...)",
                remedy="Give data of the form that the run was trained on.",
            )
        return x
    frame = as_frame(x)
    if frame is None:
        raise DataError(
            f"the inputs are a {type(x).__name__}, expected an array, a data frame or the path of a file",
            remedy="Convert them, such as with numpy.asarray(x) or polars.DataFrame(x).",
        )
    if fitted.kind != "features" or not fitted.input_names:
        return frame
    missing = absent(fitted.input_names, frame.columns)
    if missing:
        raise DataError(
            f"the data frame has no column {quoted_list(missing)} ({did_you_mean(missing[0], frame.columns)})",
            remedy="Give data with all columns that the run was trained on, by the same names.",
        )
    return np.column_stack([as_numbers(frame[name], AS_TRAINED).to_numpy() for name in fitted.input_names])
