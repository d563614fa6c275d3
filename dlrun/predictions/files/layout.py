"""Laying out: predictions as a table whose text no spreadsheet takes for a formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.text import FORMULA, NUMBER, harmless_cell
from dlrun.predictions.predictor import Predictor, decide

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Predicted:
    """Predictions for some rows.

    Args:
        first: Number of the first row, from 0.
        y_pred: As `Predictor.predict` returns them.
        label: Codes (rows,) or 0/1 (rows, labels); None for a regression.
        low: Lower bounds, of the shape of `y_pred`; None unless the task is a regression.
        high: Upper bounds.
        kept: Columns of the input that are passed on, or None.
    """

    first: int
    y_pred: NDArray[Any]
    label: NDArray[Any] | None
    low: NDArray[Any] | None
    high: NDArray[Any] | None
    kept: pl.DataFrame | None

    @classmethod
    def of(
        cls, predictor: Predictor, first: int, y_pred: NDArray[Any], confidence: float, kept: pl.DataFrame | None
    ) -> Predicted:
        """Add to predictions what follows from them."""
        label = None if predictor.task == "regression" else decide(predictor.task, y_pred)
        low, high = (None, None)
        if predictor.residuals is not None:
            low, high = predictor.residuals.interval(y_pred, confidence)
        return cls(first, y_pred, label, low, high, kept)


def column_names(predictor: Predictor, *, rows: bool = False) -> list[str]:
    """Return the columns of a table of predictions, without those that are kept.

    Args:
        predictor: Whose predictions.
        rows: Whether the numbers of the rows stand in front.
    """
    number = ["row"] * rows
    names = predictor.class_names
    if predictor.task == "regression":
        targets = predictor.description.target_names
        return [*number, *(f"{name}{part}" for name in targets for part in ("", "_low", "_high"))]
    probabilities = [f"probability_{name}" for name in names]
    labels = [f"label_{name}" for name in names] if predictor.task == "multilabel" else ["label"]
    return [*number, *labels, *probabilities]


def as_frame(predictor: Predictor, predicted: Predicted, *, rows: bool = False) -> pl.DataFrame:
    """Lay predictions out as a table: row numbers if they are asked for, what is kept, and the predictions."""
    import polars as pl

    y_pred = predicted.y_pred
    columns: list[Any] = [np.arange(predicted.first, predicted.first + len(y_pred))] if rows else []
    if predicted.low is not None and predicted.high is not None:
        for target in range(y_pred.shape[1]):
            columns += [y_pred[:, target], predicted.low[:, target], predicted.high[:, target]]
    elif predictor.task == "multilabel" and predicted.label is not None:
        columns += [*predicted.label.T, *y_pred.T]
    else:
        both = np.concatenate([1 - y_pred, y_pred], axis=1) if predictor.task == "binary" else y_pred
        names = pl.Series(list(predictor.class_names), dtype=pl.String)
        columns += [names.gather(pl.Series(predicted.label)), *both.T]
    series = [pl.Series(name, column) for name, column in zip(column_names(predictor, rows=rows), columns, strict=True)]
    kept = [] if predicted.kept is None else predicted.kept.get_columns()
    return pl.DataFrame([*series[:rows], *kept, *series[rows:]])


def harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a table whose text no spreadsheet takes for a formula; numbers stay as they are, also as text.

    A cell that begins with `=`, `+`, `-`, `@`, a tab or a line's end and is no number gets a `'` in front (OWASP, "CSV
    Injection").
    """
    import polars as pl

    text = pl.col(pl.String)
    formula = text.str.contains(FORMULA) & ~text.str.contains(NUMBER)
    guarded = frame.with_columns(pl.when(formula).then(pl.lit("'") + text).otherwise(text).name.keep())
    return guarded.rename({name: harmless_cell(name) for name in frame.columns})
