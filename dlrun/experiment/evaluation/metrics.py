"""Metrics: all scores by name and task."""

from __future__ import annotations

from typing import Literal, get_args

from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation import decisions, lacks, losses, ranking, regression
from dlrun.experiment.evaluation.metric import Metric

MetricName = Literal[
    "accuracy",
    "auc",
    "average_precision",
    "balanced_accuracy",
    "binary_accuracy",
    "f1",
    "log_loss",
    "macro_f1",
    "mae",
    "mape",
    "micro_f1",
    "mse",
    "precision",
    "r2",
    "recall",
    "rmse",
    "subset_accuracy",
    "top_5_accuracy",
]
"""Names of all metrics, of whatever task."""

LOSS = "loss"
"""Name under which the mean of given losses of rows stands among the scores."""

METRICS: tuple[Metric, ...] = (
    Metric("accuracy", ("binary", "multiclass"), True, decisions.accuracy),
    Metric("balanced_accuracy", ("binary", "multiclass"), True, decisions.balanced_accuracy),
    Metric("precision", ("binary",), True, decisions.precision, of_positive=True),
    Metric("recall", ("binary",), True, decisions.recall, lacks.positive_row, of_positive=True),
    Metric("f1", ("binary",), True, decisions.f1, lacks.positive_row_or_decision, of_positive=True),
    Metric("macro_f1", ("multiclass",), True, decisions.macro_f1),
    Metric("top_5_accuracy", ("multiclass",), True, decisions.top_5_accuracy),
    Metric("auc", ("binary", "multiclass"), True, ranking.auc, lacks.second_class),
    Metric("average_precision", ("binary",), True, ranking.average_precision, lacks.positive_row, of_positive=True),
    Metric("log_loss", ("binary", "multiclass"), False, losses.log_loss),
    Metric("binary_accuracy", ("multilabel",), True, decisions.binary_accuracy),
    Metric("subset_accuracy", ("multilabel",), True, decisions.subset_accuracy),
    Metric("micro_f1", ("multilabel",), True, decisions.micro_f1, lacks.label_or_decision),
    Metric("macro_f1", ("multilabel",), True, decisions.label_macro_f1, lacks.label_or_decision),
    Metric("auc", ("multilabel",), True, ranking.label_auc, lacks.varied_label),
    Metric("average_precision", ("multilabel",), True, ranking.label_average_precision, lacks.label),
    Metric("log_loss", ("multilabel",), False, losses.label_log_loss),
    Metric("mae", ("regression",), False, regression.mae),
    Metric("rmse", ("regression",), False, regression.rmse),
    Metric("mse", ("regression",), False, regression.mse),
    Metric("r2", ("regression",), True, regression.r2, lacks.varied_targets),
    Metric("mape", ("regression",), False, regression.mape, lacks.no_zero),
)

OF_POSITIVE = tuple(metric.name for metric in METRICS if metric.of_positive)
"""Scores of a binary task that speak of its positive class."""

_BY_TASK: dict[Task, dict[str, Metric]] = {
    task: {metric.name: metric for metric in METRICS if task in metric.tasks} for task in get_args(Task)
}

_DEFAULTS: dict[Task, tuple[MetricName, ...]] = {
    "binary": ("accuracy", "auc", "f1"),
    "multiclass": ("accuracy", "macro_f1"),
    "multilabel": ("binary_accuracy", "micro_f1", "macro_f1"),
    "regression": ("mae", "rmse", "r2"),
}


def metrics_for(task: Task) -> dict[str, Metric]:
    """Return the metrics that suit a task, by name."""
    return _BY_TASK[task]


def default_metrics(task: Task) -> tuple[MetricName, ...]:
    """Return the names of the metrics that a task is scored with unless others are asked for, the main one first."""
    return _DEFAULTS[task]


def higher_is_better(name: str) -> bool:
    """Tell the direction of a score of any task; `loss` and names starting with `val_` are understood.

    Raises:
        KeyError: There is no such metric.
    """
    name = name.removeprefix("val_")
    if name == LOSS:
        return False
    return {metric.name: metric.higher_is_better for metric in METRICS}[name]
