"""Tables: every column by its type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from dlrun.base.words import absent, did_you_mean, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.inputs import CODES, NUMBERS, ArrayForm, InputForm, Inputs, Layout
from dlrun.experiment.preprocessing.categorical import CategoricalColumns, FittedCategorical
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
from dlrun.experiment.preprocessing.numeric import FittedNumeric, NumericColumns
from dlrun.experiment.preprocessing.scaling import Scaling
from dlrun.experiment.validation.plan import Rows

if TYPE_CHECKING:
    import polars as pl

FittedColumn = Annotated[FittedNumeric | FittedCategorical, Field(discriminator="kind")]


class FittedTable(FittedPreprocessing):
    """Writes the columns of a table side by side, in their order."""

    kind: Literal["table"] = "table"

    columns: tuple[FittedColumn, ...]
    """What was learned of each column."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not {column.name for column in self.columns} <= set(self.input_names):
            raise ValueError("what was learned is of columns of the inputs")
        return self

    @classmethod
    def fit(
        cls,
        frame: pl.DataFrame,
        rows: Rows,
        numeric: NumericColumns,
        categorical: CategoricalColumns,
        scaling: Scaling,
    ) -> Self:
        """Learn from training rows what every column needs.

        Args:
            frame: All rows.
            rows: Training rows.
            numeric: What the config says about columns of numbers.
            categorical: What it says about all others.
            scaling: How numbers are scaled.

        Raises:
            DataError: Values are missing where that is an error.
        """
        columns: list[FittedNumeric | FittedCategorical] = []
        for column in frame:
            if column.dtype.is_numeric():
                columns.append(FittedNumeric.fit(column, rows, numeric, scaling))
            else:
                columns.append(FittedCategorical.fit(column, rows, categorical))
        notes = [column.note for column in columns if isinstance(column, FittedCategorical) and column.note]
        empty = [column.name for column in columns if not column.names]
        if len(empty) == len(columns):
            raise DataError("no column has a value in the training rows", remedy="Check the file and dataset.drop.")
        notes += [f"column '{name}' has no values in the training rows and is left out" for name in empty]
        return cls(
            input_shape=(frame.width,), input_names=tuple(frame.columns), columns=tuple(columns), notes=tuple(notes)
        )

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (len(self.feature_names),)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(name for column in self.columns for name in column.names)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        columns = [column for column in self.columns if isinstance(column, FittedCategorical)]
        return {column.name: (*column.categories, *column.rare) for column in columns}

    @property
    def _categorical(self) -> list[FittedCategorical]:
        return [column for column in self.columns if isinstance(column, FittedCategorical) and column.names]

    @property
    def _numeric(self) -> list[FittedNumeric]:
        return [column for column in self.columns if isinstance(column, FittedNumeric)]

    def form(self, *, joined: bool = False) -> InputForm:
        if joined:
            return InputForm({NUMBERS: ArrayForm(self.output_shape, "float32")})
        num_numbers, num_codes = sum(len(column.names) for column in self._numeric), len(self._categorical)
        forms = {NUMBERS: ArrayForm((num_numbers,), "float32"), CODES: ArrayForm((num_codes,), "int32")}
        layout = Layout(
            cardinalities=tuple(column.cardinality for column in self._categorical),
            columns=tuple(column.place for column in self.columns if column.names),
        )
        return InputForm({name: form for name, form in forms.items() if form.shape != (0,)}, layout)

    def transform(self, x: NDArray[Any] | pl.DataFrame, *, joined: bool = False) -> Inputs:
        frame = self._frame(x)
        if joined:
            return self.inputs({NUMBERS: self._written(self.columns, frame)})
        arrays: dict[str, NDArray[Any]] = {}
        if self._numeric:
            arrays[NUMBERS] = self._written(self._numeric, frame)
        if self._categorical:
            arrays[CODES] = np.empty((frame.height, len(self._categorical)), np.int32)
            for number, column in enumerate(self._categorical):
                arrays[CODES][:, number] = column.codes(frame[column.name])
        return self.inputs(arrays)

    @staticmethod
    def _written(columns: Sequence[FittedNumeric | FittedCategorical], frame: pl.DataFrame) -> NDArray[np.float32]:
        """Write columns side by side."""
        out = np.zeros((frame.height, sum(len(column.names) for column in columns)), np.float32)
        first = 0
        for column in columns:
            width = len(column.names)
            column.write(frame[column.name], out[:, first : first + width])
            first += width
        return out

    def _frame(self, x: NDArray[Any] | pl.DataFrame) -> pl.DataFrame:
        if isinstance(x, np.ndarray):
            raise DataError(
                "the inputs are an array, expected a table", remedy="Give data of the form that the run was trained on."
            )
        missing = absent(self.input_names, x.columns)
        if missing:
            hints = "; ".join(f"'{name}': {did_you_mean(name, x.columns)}" for name in missing[:8])
            raise DataError(
                f"the table has no column {quoted_list(missing)} ({hints})",
                remedy="Give a table with all columns that the run was trained on.",
            )
        return x
