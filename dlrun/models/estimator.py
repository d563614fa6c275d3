"""EstimatorSettings: the base of models that scikit-learn fits at one go."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Self

from dlrun.datasets.dataset import Task
from dlrun.settings import Settings


class EstimatorSettings(Settings, ABC):
    """Base of models that scikit-learn fits at one go."""

    kind: str

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

    def resolved(self, _task: Task, /) -> Self:
        """Return the model with every choice made that was left to dlrun; the argument is what is predicted."""
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
