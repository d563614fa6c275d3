"""Intervals: how far scores would move with other rows.

The percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13): rows are drawn
with replacement as many times as there are rows, every score is taken of every draw, and the interval holds the middle
share of these. It shows the luck of the rows that were scored, not that of the rows that were trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation.evaluation import prepare
from dlrun.experiment.evaluation.metric import Scorer, Values

Key = TypeVar("Key")

_WEIGHTS_AT_ONCE = 2_000_000
"""Weights in memory at a time; 8 MB of float32."""

_MOST_UNDEFINED = 0.5
"""Share of draws in which a score may be undefined before its interval is left out."""

_STREAM = 0xB007
"""Sets the draws apart from other random numbers made of the same seed."""


def intervals(
    task: Task,
    y_true: Values,
    y_pred: Values,
    metrics: Sequence[str],
    *,
    losses: NDArray[np.floating[Any]] | None = None,
    rows: NDArray[np.int64] | None = None,
    weights: NDArray[np.float64] | None = None,
    positive: int = 1,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Find the bootstrap interval of each score.

    Args:
        task: What is predicted.
        y_true: True values, as in `metric.Values`.
        y_pred: Predictions, as in `metric.Values`.
        metrics: Names of metrics of the task.
        losses: Loss of each prediction, shape (rows,), for the interval of `loss`.
        rows: Row of the dataset behind each prediction, shape (rows,), where one has several (repeated K-fold); all
            predictions of a row are then drawn together. None if every prediction has its own.
        weights: Weight of each prediction in the scores, shape (rows,), which it takes along wherever it is drawn; None
            if all weigh the same.
        positive: Code of the positive class of a binary task.
        draws: Number of bootstrap draws; 0 for no intervals.
        confidence: Share of the draws that an interval holds.
        seed: Same seed, same intervals.

    Returns:
        `[low, high]` by name; scores that are undefined in most draws are left out.
    """
    scorers = prepare(task, y_true, y_pred, metrics, losses, positive)
    drawn = bootstrap(scorers, len(y_true), rows=rows, weights=weights, draws=draws, seed=seed)
    return {name: bounds for name, scores in drawn.items() if (bounds := percentiles(scores, confidence))}


def difference_intervals(
    task: Task,
    y_true: Values,
    y_pred: Values,
    other_pred: Values,
    metrics: Sequence[str],
    *,
    rows: NDArray[np.int64] | None = None,
    weights: NDArray[np.float64] | None = None,
    positive: int = 1,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Find the bootstrap interval of how much each score differs between two predictions of the same rows.

    Both are scored in the same draws, so that rows that are hard for both do not widen the interval.

    Args:
        task: What is predicted.
        y_true: True values, as in `metric.Values`.
        y_pred: Predictions, as in `metric.Values`.
        other_pred: Predictions to compare with, such as the baseline's.
        metrics: Names of metrics of the task.
        rows: As in `intervals`.
        weights: As in `intervals`.
        positive: As in `intervals`.
        draws: Number of bootstrap draws.
        confidence: Share of the draws that an interval holds.
        seed: Same seed, same intervals.

    Returns:
        `[low, high]` of score minus other score, by name; differences undefined in most draws are left out.
    """
    ours, others = (prepare(task, y_true, predicted, metrics, None, positive) for predicted in (y_pred, other_pred))
    both = {(side, name): scorer for side, part in enumerate((ours, others)) for name, scorer in part.items()}
    drawn = bootstrap(both, len(y_true), rows=rows, weights=weights, draws=draws, seed=seed)
    differences = {name: drawn[0, name] - drawn[1, name] for name in ours} if drawn else {}
    return {name: bounds for name, scores in differences.items() if (bounds := percentiles(scores, confidence))}


def bootstrap(
    scorers: Mapping[Key, Scorer],
    num_rows: int,
    *,
    rows: NDArray[np.int64] | None = None,
    weights: NDArray[np.float64] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> dict[Key, NDArray[np.float64]]:
    """Score every draw with every scorer.

    Args:
        scorers: What scores weightings of the rows.
        num_rows: Number of predictions.
        rows: As in `intervals`.
        weights: As in `intervals`.
        draws: Number of draws.
        seed: Same seed, same draws.

    Returns:
        Scores of shape (draws,), NaN where undefined; empty if there are no draws or no rows.
    """
    if draws == 0 or num_rows == 0:
        return {}
    collected: dict[Key, list[NDArray[Any]]] = {key: [] for key in scorers}
    for counts in _counts(num_rows, rows, draws, seed):
        drawn = counts if weights is None else counts * weights
        for key, scorer in scorers.items():
            collected[key].append(scorer(drawn))
    return {key: np.concatenate(parts).astype(np.float64) for key, parts in collected.items()}


def _counts(num_rows: int, rows: NDArray[np.int64] | None, draws: int, seed: int) -> Iterator[NDArray[np.float32]]:
    generator = np.random.default_rng([seed, _STREAM])
    num_drawn, members = num_rows, None
    if rows is not None:
        found, inverse = np.unique(rows, return_inverse=True)
        if len(found) < num_rows:
            num_drawn, members = len(found), inverse
    at_once = max(1, _WEIGHTS_AT_ONCE // num_rows)
    for start in range(0, draws, at_once):
        counts = np.empty((min(at_once, draws - start), num_drawn), dtype=np.float32)
        for draw in counts:
            draw[:] = np.bincount(generator.integers(num_drawn, size=num_drawn), minlength=num_drawn)
        yield counts if members is None else np.take(counts, members, axis=1)


def percentiles(scores: NDArray[np.float64], confidence: float) -> list[float]:
    """Return the bounds of the middle share of scores; empty if most of them are undefined.

    Args:
        scores: One of each draw, shape (draws,), NaN where undefined.
        confidence: Share of the draws that lies between the bounds.
    """
    scores = scores[np.isfinite(scores)] if np.mean(~np.isfinite(scores)) <= _MOST_UNDEFINED else scores[:0]
    if not len(scores):
        return []
    outside = (1 - confidence) / 2
    return [float(bound) for bound in np.quantile(scores, [outside, 1 - outside])]
