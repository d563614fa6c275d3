"""Predictor: a stored run that predicts new rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from math import prod
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
from dlrun.predictions.description import Description
from dlrun.predictions.files.data import open_data
from dlrun.predictions.files.in_memory import inputs_of
from dlrun.predictions.fitted_model import FittedModel
from dlrun.predictions.residuals import Residuals

if TYPE_CHECKING:
    import polars as pl

_CHUNK_BYTES = 32 * 2**20
"""Memory that the prepared inputs of one chunk may take."""

_MOST_ROWS = 16_384


class Predictor(ABC):
    """A stored run that predicts new rows.

    Args:
        description: What it predicts, from what.
        residuals: Residuals of validation rows, for a regression.
    """

    def __init__(self, description: Description, residuals: Residuals | None) -> None:
        self.description = description
        self.residuals = residuals
        self.num_bounded = 0
        """Rows so far that were predicted outside the range of the training targets and put at its bound; of several
        fits or members, those of the one that has most."""

    @property
    def id(self) -> str:
        """Id of the run."""
        return self.description.id

    @property
    def task(self) -> Task:
        """What is predicted: `binary`, `multiclass`, `multilabel` or `regression`."""
        return self.description.facts.task

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes or labels; empty for a regression."""
        return self.description.class_names

    @property
    @abstractmethod
    def preprocessings(self) -> tuple[FittedPreprocessing, ...]:
        """The preprocessing of each of the fits; all of them take inputs of the same form."""

    @property
    def preprocessing(self) -> FittedPreprocessing:
        """The preprocessing of one of the fits."""
        return self.preprocessings[0]

    @property
    def columns(self) -> dict[str, str]:
        """Type of each column of a table that is read, as polars names it, by name; empty for arrays."""
        return self.description.columns

    def require_one_input(self) -> None:  # noqa: B027 - most take one by nature
        """Refuse to predict from one file or array what takes several; raises DataError."""

    @property
    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """What the user should know about how the predictions are made."""

    @abstractmethod
    def predict_chunk(
        self, x: NDArray[Any] | pl.DataFrame, y: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.floating[Any]]]:
        """Predict rows that fit in memory at once.

        Args:
            x: Inputs of the dataset's form.
            y: True values, as in `Dataset.y`, or None.

        Returns:
            Predictions as `predict` returns them, and the loss of each row if `y` is given, else nothing of it.
        """

    def predict(self, x: Any) -> NDArray[Any]:
        """Predict rows of any number, in bounded memory beside the inputs and the predictions.

        Args:
            x: Inputs of the form that the run was trained on: an array of shape (rows, ...), a data frame of polars or
                pandas with the columns by name, in any order, or the path of a file, as `dlrun predict` takes it. For
                an ensemble whose members take different inputs: those of each member, by its id.

        Returns:
            Probabilities of the second class (rows, 1), of classes (rows, classes) or labels (rows, labels); numbers in
            original units (rows, targets).

        Raises:
            DataError: The inputs have another form, or hold values that cannot be used.
        """
        self.require_one_input()
        parts = [self.predict_chunk(chunk)[0] for _, chunk in self.chunks(x)]
        if not parts:
            return np.empty((0, self.description.facts.num_outputs), np.float32)
        return np.concatenate(parts)

    def predict_labels(self, x: Any) -> NDArray[Any]:
        """Predict the name of the class of each row (rows,), 0/1 labels (rows, labels), or numbers (rows, targets).

        Args:
            x: As in `predict`.

        Raises:
            DataError: As `predict`.
        """
        predictions = self.predict(x)
        if self.task == "regression":
            return predictions
        codes = decide(self.task, predictions)
        return codes if self.task == "multilabel" else np.array(self.class_names)[codes]

    def chunks(self, x: Any) -> Iterator[tuple[int, NDArray[Any] | pl.DataFrame]]:
        """Cut inputs into chunks that are predicted at once; yields the first row of each, and the chunk.

        Args:
            x: As in `predict`.

        Raises:
            UsageError, DataError: The inputs are neither an array of numbers, nor a data frame, nor a file that can be
                read.
        """
        size = self.rows_at_once
        if isinstance(x, str | PathLike):
            for chunk in open_data(str(x), self).chunks(size):
                yield chunk.first, chunk.x
            return
        x = inputs_of(x, self.preprocessing)
        for start in range(0, len(x), size):
            yield start, x[start : start + size]

    @property
    def rows_at_once(self) -> int:
        """Rows whose prepared inputs fit the memory that a chunk may take."""
        return max(1, min(_CHUNK_BYTES // (4 * max(prod(self.preprocessing.output_shape), 1)), _MOST_ROWS))


def decide(task: str, y_pred: NDArray[Any]) -> NDArray[np.int64]:
    """Decide for classes: the more probable of two, the most probable of many, every label above one half.

    Args:
        task: `binary`, `multiclass` or `multilabel`.
        y_pred: Probabilities, as `Predictor.predict` returns them.

    Returns:
        Codes (rows,); 0/1 (rows, labels) for labels.
    """
    if task == "multiclass":
        most: NDArray[np.int64] = y_pred.argmax(axis=1).astype(np.int64)
        return most
    decided: NDArray[np.int64] = (y_pred > 0.5).astype(np.int64)
    return decided[:, 0] if task == "binary" else decided


class RunPredictor(Predictor):
    """A run: its refit or only fit predicts, or the fits of all folds, averaged.

    Args:
        description: What it predicts, from what.
        residuals: Residuals of validation rows, for a regression.
        fits: At least one.
    """

    def __init__(self, description: Description, residuals: Residuals | None, fits: Sequence[FittedModel]) -> None:
        super().__init__(description, residuals)
        self.fits = tuple(fits)

    @property
    def preprocessings(self) -> tuple[FittedPreprocessing, ...]:
        return tuple(fit.preprocessing for fit in self.fits)

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"the predictions of {len(self.fits)} folds are averaged",) if len(self.fits) > 1 else ()

    def predict_chunk(
        self, x: NDArray[Any] | pl.DataFrame, y: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], NDArray[np.floating[Any]]]:
        if len(self.fits) == 1:
            y_pred, losses = self.fits[0].predict(x, y)
            self._count_bounded([y_pred])
            return finite(y_pred), losses
        each = [fit.predict(x, None)[0] for fit in self.fits]
        self._count_bounded(each)
        y_pred = finite(np.mean(each, axis=0))
        return y_pred, np.empty(0) if y is None else self._losses(y, y_pred)

    def _count_bounded(self, each: Sequence[NDArray[Any]]) -> None:
        self.num_bounded += max(fit.num_bounded(y_pred) for fit, y_pred in zip(self.fits, each, strict=True))

    def _losses(self, y: NDArray[Any], y_pred: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Return the loss of the averaged predictions: the mean of those on the scales of all fits."""
        fits = self.fits if self.task == "regression" else self.fits[:1]
        losses: NDArray[np.floating[Any]] = np.mean([fit.losses(y, y_pred) for fit in fits], axis=0)
        return losses


def finite(y_pred: NDArray[Any]) -> NDArray[Any]:
    """Return predictions if all are numbers.

    Raises:
        DataError: One is NaN or infinite.
    """
    wrong = np.flatnonzero(~np.isfinite(y_pred).all(axis=1))
    if len(wrong):
        raise DataError(
            f"the model predicts NaN or infinity for {len(wrong):,} rows, the first is row {wrong[0]} (from 0)",
            remedy="Look for values in these rows that are far from those of the training data.",
        )
    return y_pred
