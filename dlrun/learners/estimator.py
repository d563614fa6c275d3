"""EstimatorLearner: fits a scikit-learn estimator behind the same interface as a network."""

from __future__ import annotations

import contextlib
import time
import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError, StorageError
from dlrun.experiment.datasets.inputs import MATRIX, Inputs
from dlrun.experiment.evaluation.losses import row_losses
from dlrun.learners.learner import Fit, FitJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from dlrun.experiment.datasets.dataset import Task
    from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
    from dlrun.experiment.validation.plan import Rows


class EstimatorLearner:
    """Fits a scikit-learn estimator at one go; it has no epochs.

    Args:
        build: Builds a fresh estimator.
        restore: Builds the estimator and fills it with what `save` wrote, for what a preprocessing makes.
        task: What is predicted.
        num_outputs: Classes, labels or targets; 1 for a binary task.
        threads: Threads of the numerical libraries while it fits and predicts.
        parallel: Returns what a fit runs inside to use a number of threads.
    """

    suffix = ".skops"
    takes = "matrix"
    num_parameters = None
    model = None

    def __init__(
        self,
        *,
        build: Callable[[], Any],
        restore: Callable[[FittedPreprocessing, bytes], Any],
        task: Task,
        num_outputs: int,
        threads: int = 1,
        parallel: Callable[[int], AbstractContextManager[Any]] | None = None,
    ) -> None:
        self._build, self._restore = build, restore
        self._threads, self._parallel = threads, parallel or (lambda _: nullcontext())
        self._task = task
        self._num_outputs = num_outputs
        self.estimator: Any = None

    def transform(self, preprocessing: FittedPreprocessing, x: Any) -> Inputs:
        """Transform inputs and lay each row out flat."""
        return Inputs({MATRIX: preprocessing.transform(x, joined=True).joined()})

    def prepare(self, preprocessing: FittedPreprocessing, inputs: Inputs) -> None:
        """Look at the width of the inputs.

        Raises:
            StorageError: A stored preprocessing says of itself what is not true.
        """
        num_columns, found = prod(preprocessing.output_shape), inputs.only.shape[1]
        if found != num_columns:
            raise StorageError(
                f"the stored preprocessing is damaged: it says that it makes {num_columns:,} columns, and makes "
                f"{found:,}"
            )

    def fit(self, job: FitJob) -> Fit:
        started = time.perf_counter()
        self.estimator = self._build()
        weights = {} if job.weights is None else {"sample_weight": job.weights[job.training]}
        try:
            with _warnings_as_notes(job), self._limited(), self._parallel(self._threads):
                self.estimator.fit(job.x.only[job.training], self._targets(job.y[job.training]), **weights)
        except ValueError as error:
            raise DataError(
                f"the model cannot be fitted on the training rows of {job.name}: {error}",
                remedy="Check that every label has rows of both kinds, or choose another model or validation scheme.",
            ) from error
        seconds = time.perf_counter() - started
        return Fit((), 1, (seconds,), seconds)

    def hold(self, weights: Mapping[str, NDArray[Any]]) -> None:  # noqa: ARG002 - what all learners take
        raise RuntimeError("a learner without epochs has no snapshots")

    def _targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return the targets in the form that scikit-learn takes: one regression target as a vector."""
        return y[:, 0] if self._task == "regression" and self._num_outputs == 1 else y

    def predict(self, x: Inputs, rows: Rows) -> NDArray[np.float32]:
        """Return probabilities or numbers in the shape that networks return them in."""
        with self._limited():
            return self._predict(x.only[rows])

    def _predict(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        if self._task == "regression":
            numbers: NDArray[Any] = self.estimator.predict(inputs)
            return numbers.reshape(len(inputs), -1).astype(np.float32)
        if self._task == "multilabel":
            return self._label_probabilities(inputs)
        return self._class_probabilities(inputs)

    def _limited(self) -> AbstractContextManager[Any]:
        """Hold OpenMP and BLAS to the threads; the estimator, and so its libraries, are loaded by now."""
        limits: AbstractContextManager[Any] = self._libraries.limit(limits=self._threads)
        return limits

    @cached_property
    def _libraries(self) -> Any:
        from threadpoolctl import ThreadpoolController

        return ThreadpoolController()

    def losses(self, y: NDArray[Any], predictions: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """Cross-entropy or squared error of each row."""
        return row_losses(self._task, y, predictions)

    def save(self, path: Path) -> None:
        import skops.io

        skops.io.dump(self.estimator, path)

    def load(self, preprocessing: FittedPreprocessing, content: bytes) -> None:
        """Take the numbers of an estimator that was saved, and nothing else of it."""
        self.estimator = self._restore(preprocessing, content)

    def _class_probabilities(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Put each probability into its class's column; a class that training did not see has none."""
        num_classes = 2 if self._task == "binary" else self._num_outputs
        probabilities = np.zeros((len(inputs), num_classes), np.float32)
        probabilities[:, self.estimator.classes_] = self.estimator.predict_proba(inputs)
        return probabilities[:, 1:] if self._task == "binary" else probabilities

    def _label_probabilities(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Collect the probability of 1 for each label; a label that is always 0 in training has none."""
        columns = []
        probabilities = self.estimator.predict_proba(inputs)
        classes = getattr(self.estimator, "classes_", None)
        for label in range(self._num_outputs):
            values = probabilities[label] if isinstance(probabilities, list) else probabilities[:, label : label + 1]
            known = classes[label] if isinstance(probabilities, list) and classes is not None else None
            columns.append(_probability_of_one(values, known))
        return np.stack(columns, axis=1).astype(np.float32)


@contextlib.contextmanager
def _warnings_as_notes(job: FitJob) -> Iterator[None]:
    """Tell what scikit-learn warns of to the listener, in a line each, rather than print it."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    notes = [
        "the solver stopped before it converged; raise model.max_iterations"
        if issubclass(warning.category, ConvergenceWarning)
        else f"scikit-learn warns: {next(iter(str(warning.message).splitlines()), '')}"
        for warning in caught
    ]
    for note in dict.fromkeys(notes):
        job.listener.note(f"{job.name}: {note}")


def _probability_of_one(values: NDArray[Any], classes: Any) -> NDArray[Any]:
    if classes is None:
        return values[:, -1]
    found = np.flatnonzero(np.asarray(classes) == 1)
    return values[:, found[0]] if len(found) else np.zeros(len(values))
