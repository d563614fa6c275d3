"""Unseen: categories of new rows that no training row held, which a model can make nothing of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import counted, did_you_mean, quoted_list
from dlrun.experiment.datasets.tables.columns import as_text
from dlrun.experiment.datasets.tables.spelling import number_in
from dlrun.experiment.preprocessing.target import BOUNDED
from dlrun.predictions.predictor import Predictor

if TYPE_CHECKING:
    import polars as pl

_NAMED = 3


@dataclass
class _Column:
    """What one column held that is unknown: its rows, and some of its values."""

    num_rows: int = 0
    values: list[str] = field(default_factory=list)


class Unseen:
    """Counts unseen categories, a chunk of rows at a time, and what was predicted further out than training has seen.

    Args:
        predictor: A category is unseen if none of the training rows of any of its fits held it.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor, self._bounded_before = predictor, predictor.num_bounded
        self._known: dict[str, set[str]] = {}
        for fitted in predictor.preprocessings:
            for name, categories in fitted.categories.items():
                self._known.setdefault(name, set()).update(categories)
        self._found: dict[str, _Column] = {}

    def look_at(self, x: NDArray[Any] | pl.DataFrame) -> None:
        """Count what is unseen in some rows.

        Args:
            x: Inputs that the run can predict.
        """
        if isinstance(x, np.ndarray):
            return
        for name, known in self._known.items():
            text = as_text(x[name]).drop_nulls()
            unseen = text.filter(~text.is_in(list(known)))
            if len(unseen):
                column = self._found.setdefault(name, _Column())
                column.num_rows += len(unseen)
                values = [*column.values, *unseen.unique(maintain_order=True).head(_NAMED).to_list()]
                column.values = list(dict.fromkeys(values))[:_NAMED]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was unseen, in one line, and how many predictions were bounded."""
        bounded = self._predictor.num_bounded - self._bounded_before
        return (*self._columns, *((f"{counted(bounded, 'row')} {BOUNDED}",) if bounded else ()))

    @property
    def _columns(self) -> tuple[str, ...]:
        """The columns with the most unseen rows, a value of each, and the nearest known."""
        most = sorted(self._found.items(), key=lambda found: -found[1].num_rows)
        if not most:
            return ()
        if len(most) == 1:
            ((name, column),) = most
            rows = counted(column.num_rows, "row")
            return (
                f"column '{name}' holds categories in {rows} that no training row held, such as "
                f"{quoted_list(column.values)}: {self._nearest(name)}",
            )
        told = "; ".join(self._told(name) for name, _ in most[:_NAMED])
        others = [name for name, _ in most[_NAMED:]]
        more = f"; and in {quoted_list(others, most=5)}" if others else ""
        return (f"{len(most)} columns hold categories that no training row held: {told}{more}",)

    def _told(self, name: str) -> str:
        column, hint = self._found[name], self._nearest(name)
        near = f" ({hint})" if hint.startswith("did") else ""
        return f"'{name}' in {counted(column.num_rows, 'row')}, such as '{column.values[0]}'{near}"

    def _nearest(self, name: str) -> str:
        """Ask whether a known category was meant: the same number in another spelling, or one that is spelled alike."""
        value, known = self._found[name].values[0], sorted(self._known[name])
        number = number_in(value)
        same = next((other for other in known if number is not None and number_in(other) == number), None)
        return did_you_mean(value, known) if same is None else f"did you mean '{same}'?"
