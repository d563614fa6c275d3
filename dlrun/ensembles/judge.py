"""Judging: scores of combined predictions, as runs are scored, and the baseline that members have to beat."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.ensembles.members.stack import Stack
from dlrun.ensembles.settings import Ensemble
from dlrun.errors import StorageError
from dlrun.experiment.evaluation.baselines import Baseline
from dlrun.experiment.evaluation.evaluation import evaluate, mean_scores, prepare
from dlrun.experiment.evaluation.intervals import bootstrap, difference_intervals, percentiles
from dlrun.experiment.evaluation.losses import row_losses
from dlrun.experiment.evaluation.metric import Scorer, Values
from dlrun.experiment.evaluation.metrics import default_metrics, metrics_for

Scores = dict[str, float | None]


@dataclass(frozen=True)
class Judge:
    """Scores predictions for the rows of a stack: the mean over folds, as a run's validation scores are.

    Args:
        stack: True values, rows and folds.
        metrics: Names of metrics, the main one first.
        settings: Bootstrap and seed.
    """

    stack: Stack
    metrics: tuple[str, ...]
    settings: Ensemble

    def by_fold(self, y_pred: Values) -> list[Scores]:
        """Score every fold; `loss` is the cross-entropy or the squared error."""
        return [self._scores(y_pred, np.flatnonzero(self.stack.folds == fold)) for fold in self._folds]

    def scores(self, y_pred: Values) -> Scores:
        """Score predictions, shape (rows, outputs)."""
        return mean_scores(self.by_fold(y_pred))

    def intervals(self, y_pred: Values) -> dict[str, list[float]]:
        """Return the bootstrap interval of each score; rows are drawn over all folds together."""
        scorers: dict[tuple[int, str], Scorer] = {}
        for fold in self._folds:
            inside = np.flatnonzero(self.stack.folds == fold)
            y_true, predicted = self.stack.y_true[inside], y_pred[inside]
            losses = row_losses(self.stack.task, y_true, predicted)
            prepared = prepare(self.stack.task, y_true, predicted, self.metrics, losses, self.stack.positive)
            for name, scorer in prepared.items():
                scorers[int(fold), name] = functools.partial(_on, scorer, inside)
        drawn = bootstrap(
            scorers,
            self.stack.num_rows,
            rows=self.stack.rows,
            weights=self.stack.weights,
            draws=self.settings.bootstrap,
            seed=self.settings.seed,
        )
        names = dict.fromkeys(name for _, name in drawn)
        means = {name: np.mean([drawn[int(fold), name] for fold in self._folds], axis=0) for name in names}
        bounds = {name: percentiles(scores, self.settings.confidence) for name, scores in means.items()}
        return {name: found for name, found in bounds.items() if found}

    def difference(self, y_pred: Values, other: Values) -> dict[str, list[float]]:
        """Return the paired bootstrap interval of how much each score differs from that of other predictions."""
        return difference_intervals(
            self.stack.task,
            self.stack.y_true,
            y_pred,
            other,
            self.metrics,
            rows=self.stack.rows,
            weights=self.stack.weights,
            positive=self.stack.positive,
            draws=self.settings.bootstrap,
            confidence=self.settings.confidence,
            seed=self.settings.seed,
        )

    @functools.cached_property
    def _folds(self) -> NDArray[np.int64]:
        return np.unique(self.stack.folds)

    def _scores(self, y_pred: Values, inside: NDArray[np.int64]) -> Scores:
        task, y_true, predicted = self.stack.task, self.stack.y_true[inside], y_pred[inside]
        losses = row_losses(task, y_true, predicted)
        weights = None if self.stack.weights is None else self.stack.weights[inside]
        positive = self.stack.positive
        return evaluate(task, y_true, predicted, self.metrics, losses=losses, positive=positive, weights=weights)


def _on(scorer: Scorer, inside: NDArray[np.int64], weights: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    return scorer(weights[:, inside])


def metrics_to_show(stack: Stack, metric: str, scored: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the metrics to score with: the one that weights are fitted to, the usual ones, and those of the members.

    Args:
        stack: Tells the task.
        metric: What weights are fitted to.
        scored: Validation scores of members.
    """
    known = metrics_for(stack.task)
    others = [name for scores in scored for name in scores if name in known]
    return tuple(dict.fromkeys([metric, *default_metrics(stack.task), *others]))


def baseline(facts: Mapping[str, Any], stack: Stack) -> NDArray[np.float64]:
    """Return what the common-sense baseline of each fold predicts, shape (rows, outputs).

    Args:
        facts: Content of `dataset.json`, which tells how the targets of the training rows are distributed.
        stack: Rows and their folds.

    Raises:
        StorageError: `dataset.json` does not tell.
    """
    try:
        of_fold = {int(fold["fold"]): _prediction(stack, fold["training"]) for fold in facts["folds"]}
        return np.array([of_fold[fold] for fold in stack.folds.tolist()]).reshape(stack.num_rows, stack.num_outputs)
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise StorageError("dataset.json of the members is damaged: it does not tell their training rows") from error


def test_baseline(facts: Mapping[str, Any], stack: Stack) -> NDArray[np.float64]:
    """Return the mean of what the baselines of all folds predict for the test rows, shape (rows, outputs)."""
    predictions = [_prediction(stack, fold["training"]) for fold in facts["folds"]]
    return np.tile(np.mean(predictions, axis=0), (stack.num_rows, 1))


def _prediction(stack: Stack, training: Mapping[str, Any]) -> NDArray[np.float64]:
    return Baseline.of_record(stack.task, training, stack.num_outputs).prediction
