"""Numeric columns of a table: missing values, then scale."""

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from dlrun.base.settings import Settings
from dlrun.base.words import counted
from dlrun.errors import DataError
from dlrun.experiment.datasets.inputs import Columns
from dlrun.experiment.datasets.tables.columns import AS_TRAINED, as_numbers
from dlrun.experiment.preprocessing.fitted import Saved
from dlrun.experiment.preprocessing.scaling import Scaling, fit_scaling, scale_rows
from dlrun.experiment.validation.plan import Rows

if TYPE_CHECKING:
    import polars as pl


class NumericColumns(Settings):
    """How numeric columns of tables are prepared; `preprocessing.scaling` scales them afterwards."""

    missing: Literal["median", "mean", "zero", "error"] = "median"
    """What stands for a missing value: the median or mean of the training rows, 0, or an error that counts them."""

    indicator: bool = True
    """Add a 0/1 column that tells where a value was missing, to columns that have missing values in training rows."""


class FittedNumeric(Saved):
    """One numeric column."""

    kind: Literal["numeric"] = "numeric"

    name: str
    """Name of the column."""

    fill: float | None
    """What stands for a missing value; None if there may be none."""

    indicator: bool
    """Whether a column follows that tells where a value was missing."""

    offset: float
    """What is subtracted from a value."""

    scale: float
    """What it is then divided by."""

    @classmethod
    def fit(cls, column: "pl.Series", rows: Rows, settings: NumericColumns, scaling: Scaling) -> Self:
        """Learn the fill value and the scale.

        Args:
            column: The whole column.
            rows: Training rows.
            settings: What the config says.
            scaling: How to scale.

        Raises:
            DataError: Values are missing and `settings.missing` is `error`.
        """
        values = _values(column)[rows]
        missing = np.isnan(values)
        fill = _fill(values[~missing], settings)
        if fill is None:
            _require_present(column.name, missing)
        else:
            values[missing] = fill
        offset, scale = fit_scaling(values, np.arange(len(values)), scaling, 1)
        indicator = settings.indicator and bool(missing.any())
        return cls(name=column.name, fill=fill, indicator=indicator, offset=float(offset[0]), scale=float(scale[0]))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that are written."""
        return (self.name, f"{self.name} (missing)") if self.indicator else (self.name,)

    @property
    def place(self) -> Columns:
        """How they stand in the joined matrix."""
        return Columns("numbers", len(self.names))

    def write(self, column: "pl.Series", out: NDArray[np.float32]) -> None:
        """Write values into zeros.

        Args:
            column: Values of shape (rows,).
            out: Zeros of shape (rows, len(names)).

        Raises:
            DataError: A value is missing that may not be, or is not a finite number.
        """
        values = _values(column)
        missing = np.isnan(values)
        if self.fill is None:
            _require_present(self.name, missing)
        else:
            values[missing] = self.fill
        out[:, 0] = scale_rows(values, np.array([self.offset]), np.array([self.scale]))
        infinite = np.flatnonzero(~np.isfinite(out[:, 0]))
        if len(infinite):
            raise DataError(
                f"column '{self.name}' is infinite or too large in {counted(len(infinite), 'row')}, the first is "
                f"{column[int(infinite[0])]} in row {infinite[0]} (from 0)",
                remedy="Correct the values, or leave them empty to have them treated as missing.",
            )
        if self.indicator:
            out[:, 1] = missing


def _values(column: "pl.Series") -> NDArray[np.float64]:
    """Return a copy as float64 with NaN for missing values."""
    return np.array(as_numbers(column, AS_TRAINED).to_numpy(), dtype=np.float64)


def _fill(present: NDArray[np.float64], settings: NumericColumns) -> float | None:
    if settings.missing == "error":
        return None
    if settings.missing == "zero" or len(present) == 0:
        return 0.0
    return float(np.median(present) if settings.missing == "median" else present.mean())


def _require_present(name: str, missing: NDArray[Any]) -> None:
    if missing.any():
        raise DataError(
            f"column '{name}' is missing in {counted(int(missing.sum()), 'row')}, the first is row "
            f"{int(missing.argmax())} (from 0)",
            remedy="Fill them in, or train with preprocessing.numeric.missing=median.",
        )
