"""Metrics: what `metrics.json` holds, and what is handed about of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from dlrun.experiment.datasets.dataset import Task

ScoredPart = Literal["validation", "test"]


class IntervalsOfParts(TypedDict):
    """Intervals of the scores of each part, by metric; None of a part that was not scored."""

    validation: dict[str, list[float]]
    test: dict[str, list[float]] | None


class BaselineOfParts(TypedDict):
    """What the baseline is called, and its scores on the rows of each part."""

    kind: str
    validation: dict[str, float | None]
    test: dict[str, float | None] | None


class FoldMetrics(TypedDict):
    """What a fold came to: its validation scores, its best epoch and its epochs, None for learners without."""

    validation: dict[str, float | None]
    best_epoch: int | None
    epochs: int | None


class DiagnosisMetrics(TypedDict):
    """Where an experiment stands; see `Diagnosis`."""

    finding: str
    summary: str
    epoch: NotRequired[int | None]
    evidence: list[str]
    suggestions: list[str]


class Metrics(TypedDict, total=False):
    """What `metrics.json` of a run, a study or an ensemble holds; files of an older dlrun may lack some of it.

    Scores are by metric, None where one is undefined.
    """

    task: Task
    positive_class: str | None
    """Class of two that precision and the like speak of; binary tasks alone have it."""
    monitor: str | None
    """What told the best epoch; None for learners without epochs."""
    best_epoch: int | None
    train: dict[str, float | None] | None
    validation: dict[str, float | None]
    """Mean over the folds; of an ensemble, cross-fitted."""
    test: dict[str, float | None] | None
    """None for a run that has no test rows, or a trial, which does not look at them."""
    intervals: IntervalsOfParts
    baseline: BaselineOfParts
    folds: list[FoldMetrics]
    refit: dict[str, int | None] | None
    """Epochs of the refit, as `epochs`."""
    num_parameters: int | None
    latency: float
    """Seconds of a prediction; trials whose search asks for it have it."""
    test_looks: int | None
    """How often the test rows have been looked at."""
    diagnosis: DiagnosisMetrics
    seconds: dict[str, float | None]
    """Of each stage, of all as `total`, and of the median epoch as `per_epoch`."""
    study: dict[str, Any]
    """What a search came to; the other values are then those of its winner's refit."""
    ensemble: dict[str, Any]
    diversity: dict[str, Any]


def intervals_of(metrics: Metrics, part: ScoredPart) -> dict[str, list[float]]:
    """Return the intervals of the scores of a part; none if it was not scored, or by a dlrun that had none."""
    intervals = metrics.get("intervals")
    return (intervals[part] or {}) if intervals else {}
