"""EnsemblePredictor: the members of an ensemble predict, and their predictions are combined."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import counted, quoted_list
from dlrun.ensembles.methods.combination import Combination
from dlrun.errors import DataError
from dlrun.experiment.evaluation.losses import row_losses
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
from dlrun.experiment.preprocessing.table import FittedTable
from dlrun.predictions.description import Description
from dlrun.predictions.predictor import Predictor, finite
from dlrun.predictions.residuals import Residuals

if TYPE_CHECKING:
    import polars as pl


class EnsemblePredictor(Predictor):
    """An ensemble: its members predict, and the predictions are combined as they were when it was made.

    Members that read different columns take one table with all of them. Members that read different arrays, such as
    word counts and sequences, take inputs of their own.

    Args:
        description: What it predicts, from what.
        residuals: Residuals of cross-fitted validation predictions, for a regression.
        members: At least one, in the order of the combination.
        combination: What combines them.
    """

    def __init__(
        self,
        description: Description,
        residuals: Residuals | None,
        members: Sequence[Predictor],
        combination: Combination,
    ) -> None:
        super().__init__(description, residuals)
        self.members = tuple(members)
        self.combination = combination

    @property
    def preprocessings(self) -> tuple[FittedPreprocessing, ...]:
        return tuple(fitted for member in self.members for fitted in member.preprocessings)

    @property
    def preprocessing(self) -> FittedPreprocessing:
        """The preprocessing of one of the fits; for members that read tables, with the columns of all of them."""
        first = super().preprocessing
        names = tuple(dict.fromkeys(name for fitted in self.preprocessings for name in fitted.input_names))
        if not isinstance(first, FittedTable) or names == first.input_names:
            return first
        return first.model_copy(update={"input_names": names, "input_shape": (len(names),)})

    @property
    def columns(self) -> dict[str, str]:
        return {name: dtype for member in reversed(self.members) for name, dtype in member.columns.items()}

    def require_one_input(self) -> None:
        forms = {_form(member): member for member in reversed(self.members)}
        if len(forms) > 1:
            told = "; ".join(f"{member.id} takes {_told(member)}" for member in reversed(forms.values()))
            raise DataError(
                f"the members of {self.id} take different inputs, which no single file holds: {told}",
                remedy="In Python, give `predict` the inputs of each member by its id; or combine only members that "
                "take the same.",
            )

    def predict(self, x: Any) -> NDArray[Any]:
        if not isinstance(x, Mapping):
            return super().predict(x)
        missing = [member.id for member in self.members if member.id not in x]
        if missing:
            raise self._unfit(f"inputs of {quoted_list(missing)} are missing")
        parts = [member.predict(x[member.id]) for member in self.members]
        sizes = {len(part) for part in parts}
        if len(sizes) > 1:
            raise self._unfit(f"they have {quoted_list([str(size) for size in sorted(sizes)])} rows")
        return finite(self.combination.combine(np.stack(parts)))

    def _unfit(self, found: str) -> DataError:
        return DataError(
            f"the inputs of the members of {self.id} do not fit together: {found}",
            remedy="Give inputs of the same rows for each member, by its id.",
        )

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"the predictions of {counted(len(self.members), 'member')} are combined",)

    @property
    def rows_at_once(self) -> int:
        return min(member.rows_at_once for member in self.members)

    def predict_chunk(
        self, x: NDArray[Any] | pl.DataFrame, y: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.floating[Any]]]:
        y_pred = finite(self.combination.combine(np.stack([member.predict_chunk(x)[0] for member in self.members])))
        self.num_bounded = max(member.num_bounded for member in self.members)
        return y_pred, np.empty(0) if y is None else row_losses(self.description.facts.task, y, y_pred)


def _form(member: Predictor) -> Hashable:
    """Return what tells the inputs of members apart; tables are one form, whatever columns are read of them."""
    facts = member.description.facts
    return "table" if isinstance(member.preprocessing, FittedTable) else (facts.input_kind, facts.input_shape)


def _told(member: Predictor) -> str:
    if isinstance(member.preprocessing, FittedTable):
        return "a table"
    facts = member.description.facts
    return f"{facts.input_kind} of shape ({', '.join(map(str, ('rows', *facts.input_shape)))})"
