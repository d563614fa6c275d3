"""FittedModel: one stored fit of a run that predicts again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
from dlrun.experiment.preprocessing.target import TargetTransform
from dlrun.learners.learner import Learner

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class FittedModel:
    """One fit of a run.

    Args:
        preprocessing: Fitted on its training rows.
        target: The way of the targets to the model and back; None leaves them as they are.
        learner: Holds what was fitted.
    """

    preprocessing: FittedPreprocessing
    target: TargetTransform | None
    learner: Learner

    def predict(
        self, x: NDArray[Any] | pl.DataFrame, y: NDArray[Any] | None
    ) -> tuple[NDArray[Any], NDArray[np.floating[Any]]]:
        """Predict rows, and the loss of each if their true values are given.

        Args:
            x: Inputs of the dataset's form.
            y: True values, as in `Dataset.y`, or None.
        """
        inputs = self.learner.transform(self.preprocessing, x)
        self.learner.prepare(self.preprocessing, inputs)
        # What is beyond 32 bits comes out as infinity, and is no matter for a warning of NumPy's.
        with np.errstate(over="ignore", invalid="ignore"):
            raw = self.learner.predict(inputs, np.arange(len(inputs)))
        y_pred = raw if self.target is None else self.target.inverse(raw)
        return y_pred, np.empty(0) if y is None else self._losses(
            y, raw if self.target is None else self.target.bounded(raw)
        )

    def num_bounded(self, y_pred: NDArray[Any]) -> int:
        """Return how many rows of its predictions stand at a bound of the targets."""
        return 0 if self.target is None else self.target.num_bounded(y_pred)

    def losses(self, y: NDArray[Any], y_pred: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Return the loss of each row for predictions that this fit alone has not made, as it scales targets."""
        scaled = y_pred if self.target is None else self.target.transform(y_pred)
        return self._losses(y, scaled.astype(np.float32))

    def _losses(self, y: NDArray[Any], predictions: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        return self.learner.losses(y if self.target is None else self.target.transform(y), predictions)
