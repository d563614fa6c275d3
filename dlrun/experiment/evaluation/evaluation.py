"""Evaluation: which scores, and how sure they are."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import Auto, Names, Settings
from dlrun.errors import ConfigError, DataError, Problem
from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation.metric import Scorer, Values, row_mean
from dlrun.experiment.evaluation.metrics import LOSS, MetricName, default_metrics, metrics_for

_MORE_THAN_TOP = 5


def _name_of_class(value: object) -> object:
    """Take a class that YAML reads as a number or as true or false by the name that it has in data."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else value


def _no_such_class(message: str, hint: str) -> ConfigError:
    return ConfigError([Problem("", "evaluation.positive_class", message, hint)])


class Evaluation(Settings):
    """Which scores are reported, and how the intervals around them are found."""

    metrics: Names[MetricName] | Auto = "auto"
    """Scores beside the loss, the main one first. `auto`: accuracy, auc and f1 for binary tasks, accuracy and macro_f1
    for multi-class, binary_accuracy, micro_f1 and macro_f1 for multi-label, mae, rmse and r2 for regression."""
    bootstrap: int = Field(default=1000, ge=0, le=1_000_000)
    """Number of bootstrap draws behind each interval; 0 for no intervals."""
    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Share of the bootstrap draws that an interval holds."""

    positive_class: Annotated[str, BeforeValidator(_name_of_class)] | None = None
    """Class of two that f1, precision, recall and average_precision speak of; null is the last one by name. Neither
    training nor probabilities depend on it."""

    @model_validator(mode="after")
    def _no_metric_twice(self) -> Self:
        for name in () if self.metrics == "auto" else self.metrics:
            if self.metrics.count(name) > 1:
                raise PydanticCustomError("metric_twice", "metrics names '{name}' more than once", {"name": name})
        return self

    def named(self, task: Task, class_names: Sequence[str]) -> Self:
        """Return the same settings with the positive class named, if the task has one.

        Args:
            task: What is predicted.
            class_names: Names of the classes, in the order of their codes.

        Raises:
            ConfigError: No class is called so, or the task has no positive class.
        """
        if task != "binary":
            if self.positive_class is not None:
                raise _no_such_class(f"a {task} task has no positive class", "Leave it out.")
            return self
        return self.model_copy(update={"positive_class": class_names[self.positive_code(class_names)]})

    def positive_code(self, class_names: Sequence[str]) -> int:
        """Return the code of the positive class of a binary task; 1 for all else.

        Args:
            class_names: Names of the classes, in the order of their codes.

        Raises:
            ConfigError: No class is called so.
        """
        if self.positive_class is None:
            return 1
        if self.positive_class in class_names:
            return list(class_names).index(self.positive_class)
        raise _no_such_class(
            f"no class is called {self.positive_class!r}", f"The classes are {' and '.join(map(repr, class_names))}."
        )

    def resolve(self, task: Task, num_outputs: int) -> Self:
        """Return the same settings with the metrics of a task decided.

        Args:
            task: What is predicted.
            num_outputs: Classes, labels or targets; 1 for a binary task.

        Raises:
            DataError: A metric does not suit the task.
        """
        if self.metrics == "auto":
            return self.model_copy(update={"metrics": default_metrics(task)})
        known = metrics_for(task)
        for name in self.metrics:
            if name not in known:
                raise DataError(
                    f"evaluation.metrics asks for {name}, which a {task} task does not have",
                    remedy=f"Choose among {', '.join(sorted(known))}.",
                )
            if name == "top_5_accuracy" and num_outputs <= _MORE_THAN_TOP:
                raise DataError(
                    f"evaluation.metrics asks for top_5_accuracy, which is always 1 with {num_outputs} classes",
                    remedy="Remove it from evaluation.metrics.",
                )
        return self


def prepare(
    task: Task,
    y_true: Values,
    y_pred: Values,
    metrics: Sequence[str],
    losses: NDArray[np.floating[Any]] | None,
    positive: int = 1,
) -> dict[str, Scorer]:
    """Prepare scores under any weights, by name; `loss` comes first if losses are given.

    Args:
        task: What is predicted.
        y_true: True values of the rows, as in `metric.Values`.
        y_pred: Predictions for them, as in `metric.Values`.
        metrics: Names of metrics of the task.
        losses: Loss of each row, shape (rows,), or None.
        positive: Code of the positive class of a binary task.
    """
    known = metrics_for(task)
    scorers = {} if losses is None else {LOSS: row_mean(losses)}
    return scorers | {name: known[name].scorer(y_true, y_pred, positive) for name in metrics}


def evaluate(
    task: Task,
    y_true: Values,
    y_pred: Values,
    metrics: Sequence[str],
    *,
    losses: NDArray[np.floating[Any]] | None = None,
    positive: int = 1,
    weights: NDArray[np.float64] | None = None,
) -> dict[str, float | None]:
    """Score predictions.

    Args:
        task: What is predicted.
        y_true: True values of the rows, as in `metric.Values`.
        y_pred: Predictions for them, as in `metric.Values`.
        metrics: Names of metrics of the task.
        losses: Loss of each row, shape (rows,); its mean is scored as `loss`.
        positive: Code of the positive class of a binary task.
        weights: Weight of each row, shape (rows,); None if all weigh the same.

    Returns:
        Scores by name; None where a score is undefined for these rows, such as `auc` if only one class occurs.
    """
    once = np.ones((1, len(y_true))) if weights is None else weights[None]
    return {
        name: defined(float(scorer(once)[0]))
        for name, scorer in prepare(task, y_true, y_pred, metrics, losses, positive).items()
    }


def defined(score: float) -> float | None:
    """Return a score, or None for NaN and infinity, which JSON does not know."""
    return score if math.isfinite(score) else None


def mean_scores(parts: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Average the scores of several parts, such as folds.

    Args:
        parts: Scores by name; the same names in each.

    Returns:
        The means; None where a score is undefined in a part.
    """
    means: dict[str, float | None] = {}
    for name in parts[0]:
        values = [part[name] for part in parts]
        known = [value for value in values if value is not None]
        means[name] = sum(known) / len(known) if len(known) == len(values) else None
    return means
