"""EstimatorSettings: the base of models that scikit-learn fits at one go."""

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from dlrun.errors import StorageError
from dlrun.experiment.datasets.dataset import DatasetFacts, Task
from dlrun.experiment.models.model_settings import ModelSettings, Workload

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dlrun.experiment.models.skops_archive import Part


@dataclass(frozen=True)
class Form:
    """What an estimator takes and predicts, as the config and the record of the data say.

    Args:
        task: What is predicted.
        num_outputs: Classes, labels or targets; 1 for a binary task.
        num_columns: Columns of its inputs.
    """

    task: Task
    num_outputs: int
    num_columns: int

    @property
    def num_classes(self) -> int:
        """Most classes of one output; 0 for numbers."""
        return {"multiclass": self.num_outputs, "regression": 0}.get(self.task, 2)


class EstimatorSettings(ModelSettings):
    """Base of models that scikit-learn fits at one go."""

    learner: ClassVar[Literal["estimator"]] = "estimator"

    same_bits: ClassVar[bool] = True
    """Whether a fit comes to the same bits with any number of threads."""

    @abstractmethod
    def work(self, num_rows: int, num_columns: int, num_outputs: int) -> int:
        """Estimate the work of a fit, in units of about ten nanoseconds on one core.

        Args:
            num_rows: Rows to fit on.
            num_columns: Columns before preprocessing.
            num_outputs: Classes, labels or targets; 1 for a binary task.
        """

    def workload(self, facts: DatasetFacts) -> Workload:
        num_rows = facts.num_rows - facts.num_own_test_rows
        return Workload(self.work(num_rows, prod(facts.input_shape), facts.num_outputs), same_bits=self.same_bits)

    def parallel(self, _threads: int, /) -> AbstractContextManager[Any]:
        """Return what a fit runs inside, beside the bounds of numerical libraries, to use a number of threads."""
        return nullcontext()

    @abstractmethod
    def build_estimator(self, task: Task, num_outputs: int, seed: int) -> Any:
        """Build the estimator, not fitted.

        It is fitted on inputs of shape (rows, features) and on codes of shape (rows,), 0/1 labels of shape
        (rows, labels), or numbers of shape (rows,) for one target and (rows, targets) for several. Classifiers have
        `predict_proba`; for labels it returns a list with an array of shape (rows, classes found) for each label.

        Args:
            task: What is predicted.
            num_outputs: Classes, labels or targets; 1 for a binary task.
            seed: Where the estimator's random choices come from.
        """

    def restore_estimator(self, stored: "Part", form: Form, seed: int) -> Any:
        """Build the estimator and fill it with what was stored of one that was fitted.

        Nothing but numbers is taken over, and each is held against the config and the record of the data: what a
        file says of itself decides nothing.

        Args:
            stored: What the file holds.
            form: What it must take and predict.
            seed: As for `build_estimator`.

        Raises:
            StorageError: The file holds another model, or numbers that cannot be of this one.
        """
        estimator = self.build_estimator(form.task, form.num_outputs, seed)
        _check_kind(stored, estimator)
        if not _is_one_for_each(estimator):
            self.fill(estimator, stored, form)
            return estimator
        single = Form("regression" if form.task == "regression" else "binary", 1, form.num_columns)
        estimator.estimators_ = []
        for part in stored.parts("estimators_", exactly(form.num_outputs)):
            one = self.build_estimator(single.task, 1, seed)
            _check_kind(part, one)
            self.fill(one, part, single)
            estimator.estimators_.append(one)
        if form.task != "regression":
            estimator.classes_ = [one.classes_ for one in estimator.estimators_]
        estimator.n_features_in_ = form.num_columns
        return estimator

    @abstractmethod
    def fill(self, estimator: Any, stored: "Part", form: Form) -> None:
        """Put what was stored into an estimator that is not fitted, so that it predicts.

        Args:
            estimator: From `build_estimator`, for all outputs or, where one is fitted for each, for one.
            stored: What the file holds of it.
            form: What it takes and predicts.

        Raises:
            StorageError: As `restore_estimator`.
        """

    def resolved(self, task: Task, *, positive_for: str | None = None) -> Self:  # noqa: ARG002
        return self


def one_for_each(estimator: Any, task: Task, num_outputs: int) -> Any:
    """Return the estimator, or one of its kind for each label or target where it cannot take several at once.

    Args:
        estimator: A classifier or regressor of one output.
        task: What is predicted.
        num_outputs: Classes, labels or targets; 1 for a binary task.
    """
    from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor

    if task == "multilabel":
        return MultiOutputClassifier(estimator)
    return MultiOutputRegressor(estimator) if task == "regression" and num_outputs > 1 else estimator


def _is_one_for_each(estimator: Any) -> bool:
    """Tell whether `one_for_each` has made an estimator of several."""
    from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor

    return isinstance(estimator, MultiOutputClassifier | MultiOutputRegressor)


def _check_kind(stored: "Part", estimator: Any) -> None:
    """Refuse what was stored of another class.

    Raises:
        StorageError: As described.
    """
    expected = type(estimator).__name__
    if stored.kind != expected:
        raise StorageError(f"the stored model is a {stored.kind}, the config asks for a {expected}")


def exactly(number: int) -> range:
    """Return the range that holds one number alone."""
    return range(number, number + 1)


def classes_found(stored: "Part", form: Form) -> "NDArray[np.int64]":
    """Return the codes of the classes that training had seen, in order.

    Args:
        stored: An array of what was stored.
        form: What the estimator predicts.

    Raises:
        StorageError: It holds something else.
    """
    values = stored.values()
    codes = values.astype(np.int64)
    rising = values.ndim == 1 and len(values) > 0 and bool((codes[1:] > codes[:-1]).all())
    if not rising or (codes != values).any() or codes[0] < 0 or codes[-1] >= form.num_classes:
        raise stored.damaged(f"does not hold classes from 0 to {form.num_classes - 1} in order")
    return codes
