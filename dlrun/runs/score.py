"""Scoring: from the predictions of all fits to what `metrics.json` holds."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.evaluation.baselines import Baseline
from dlrun.experiment.evaluation.diagnosis import diagnose
from dlrun.experiment.evaluation.evaluation import evaluate, mean_scores, prepare
from dlrun.experiment.evaluation.intervals import bootstrap, percentiles
from dlrun.experiment.evaluation.metric import Scorer
from dlrun.experiment.evaluation.metrics import higher_is_better
from dlrun.experiment.evaluation.run_metrics import DiagnosisMetrics, FoldMetrics, Metrics
from dlrun.experiment.evaluation.suggestions import ModelFacts
from dlrun.experiment.evaluation.undefined import find_undefined
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.models.models import model_kinds
from dlrun.runs.average import RowLosses, average, joined
from dlrun.runs.fit import FittedFold, Part, Target

Scores = dict[str, float | None]


@dataclass(frozen=True)
class Outcome:
    """What all fits of a run came to.

    Args:
        folds: One for every fold.
        refit: The refit on all rows that are not test, or None.
        losses: Tells the loss of what the folds predict together.
    """

    folds: tuple[FittedFold, ...]
    refit: FittedFold | None
    losses: RowLosses

    @property
    def final(self) -> tuple[FittedFold, ...]:
        """The fits that predict the test rows: the refit, or else those of all folds, averaged."""
        return self.folds if self.refit is None else (self.refit,)

    @property
    def all(self) -> tuple[FittedFold, ...]:
        """Every fit, the refit last."""
        return self.folds if self.refit is None else (*self.folds, self.refit)

    @property
    def validation(self) -> Part:
        """Predictions for the validation rows of all folds, one fold after the other."""
        return joined([fitted.validation for fitted in self.folds])

    @functools.cached_property
    def test(self) -> Part:
        """What is delivered for the test rows; all test scores are of it."""
        return average([fitted.test for fitted in self.final], self.losses)

    @property
    def test_baseline(self) -> Part:
        return average([fitted.test_baseline for fitted in self.final], self.losses)


def undefined_notes(experiment: Experiment, dataset: Dataset, parts: Mapping[str, NDArray[Any]]) -> list[str]:
    """Say which scores will be undefined, where and why, before anything is trained.

    Args:
        experiment: Settled.
        dataset: All rows.
        parts: Rows of the parts that are scored, by name.
    """
    values = {name: dataset.y[rows] for name, rows in parts.items()}
    evaluation = experiment.evaluation
    positive = evaluation.positive_code(dataset.class_names)
    found = find_undefined(dataset.task, values, dataset.class_names, evaluation.metrics, positive)
    return [f"{undefined}. {experiment.validation.advice_on_poor_parts(dataset.task)}" for undefined in found]


def best_num_epochs(folds: Sequence[FittedFold]) -> int:
    """Return the number of epochs that validation found best: the mean over the folds, rounded."""
    return max(1, round(float(np.mean([fitted.fit.best_epoch for fitted in folds]))))


def score(experiment: Experiment, dataset: Dataset, outcome: Outcome, *, look_at_test: bool = True) -> Metrics:
    """Score every part, with intervals, next to the baseline.

    Args:
        experiment: Settled.
        dataset: All rows.
        outcome: Predictions of all fits.
        look_at_test: Whether the test rows are scored.

    Returns:
        The content of `metrics.json` but for times and diagnosis.
    """
    folds = outcome.folds
    judge = functools.partial(scores_of, experiment, dataset)
    has_test = look_at_test and len(outcome.test.rows) > 0
    fold_scores = [judge(fitted.validation) for fitted in folds]
    has_epochs = bool(folds[0].fit.history)
    return {
        "task": dataset.task,
        **({"positive_class": experiment.evaluation.positive_class} if dataset.task == "binary" else {}),
        "monitor": experiment.training.monitor if has_epochs else None,
        "best_epoch": best_num_epochs(folds) if has_epochs else None,
        "train": mean_scores([judge(fitted.training) for fitted in outcome.final]),
        "validation": mean_scores(fold_scores),
        "test": judge(outcome.test) if has_test else None,
        "intervals": {
            "validation": _intervals(experiment, dataset, [fitted.validation for fitted in folds]),
            "test": _intervals(experiment, dataset, [outcome.test]) if has_test else None,
        },
        "baseline": {
            "kind": Baseline.fit(dataset.task, folds[0].training.y_true, dataset.num_outputs).kind,
            "validation": mean_scores([judge(fitted.validation_baseline) for fitted in folds]),
            "test": judge(outcome.test_baseline) if has_test else None,
        },
        "folds": [_fold_entry(fitted, scores) for fitted, scores in zip(folds, fold_scores, strict=True)],
        "refit": None if outcome.refit is None else {"epochs": len(outcome.refit.fit.history) or None},
        "num_parameters": outcome.final[-1].num_parameters,
    }


def num_bounded(experiment: Experiment, dataset: Dataset, outcome: Outcome) -> dict[str, int]:
    """Count the rows that a fit predicted outside the range of its training targets, and that were put at its bound.

    Args:
        experiment: Settled.
        dataset: All rows.
        outcome: Predictions of all fits.

    Returns:
        Rows by part, `validation` and `test`; of several fits for the same rows, those of the one that has most.
    """

    def count(fitted: FittedFold, part: Part) -> int:
        return Target.fit(experiment.dataset, dataset, fitted.fold.training).num_bounded(part.y_pred)

    validation = sum(count(fitted, fitted.validation) for fitted in outcome.folds)
    return {"validation": validation, "test": max(count(fitted, fitted.test) for fitted in outcome.final)}


def scores_of(experiment: Experiment, dataset: Dataset, part: Part) -> Scores:
    """Return the scores of the predictions for some rows."""
    evaluation = experiment.evaluation
    positive = evaluation.positive_code(dataset.class_names)
    return evaluate(
        dataset.task,
        part.y_true,
        part.y_pred,
        evaluation.metrics,
        losses=part.losses,
        positive=positive,
        weights=dataset.weights_of(part.rows),
    )


def _fold_entry(fitted: FittedFold, scores: Mapping[str, float | None]) -> FoldMetrics:
    epochs = len(fitted.fit.history)
    return {
        "validation": dict(scores),
        "best_epoch": fitted.fit.best_epoch if epochs else None,
        "epochs": epochs or None,
    }


def _intervals(experiment: Experiment, dataset: Dataset, parts: Sequence[Part]) -> dict[str, list[float]]:
    """Find the intervals of the mean score over parts.

    The rows of all parts are drawn together, each as often in every part that it stands in, so that repeats of a row
    do not pass for new evidence. A draw that takes no row of a small part is scored on the others.
    """
    evaluation = experiment.evaluation
    positive = evaluation.positive_code(dataset.class_names)
    scorers: dict[tuple[int, str], Scorer] = {}
    start = 0
    for number, part in enumerate(parts):
        known = prepare(dataset.task, part.y_true, part.y_pred, evaluation.metrics, part.losses, positive)
        own = slice(start, start + len(part.rows))
        scorers |= {(number, name): functools.partial(_on_slice, scorer, own) for name, scorer in known.items()}
        start = own.stop
    rows = np.concatenate([part.rows for part in parts])
    weights = dataset.weights_of(rows)
    drawn = bootstrap(scorers, len(rows), rows=rows, weights=weights, draws=evaluation.bootstrap, seed=experiment.seed)
    names = [name for number, name in drawn if number == 0]
    means = {name: _mean_of_defined([drawn[number, name] for number in range(len(parts))]) for name in names}
    bounds = {name: percentiles(scores, evaluation.confidence) for name, scores in means.items()}
    return {name: found for name, found in bounds.items() if found}


def _mean_of_defined(scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean of several scores of every draw, shape (draws,), without those that are undefined."""
    stacked = np.stack(scores)
    defined = np.isfinite(stacked)
    if not defined.any(axis=1).all():  # a part without a score has none in the mean either
        return np.full(stacked.shape[1], np.nan)
    number = defined.sum(axis=0)
    means = np.full(stacked.shape[1], np.nan)
    np.divide(np.where(defined, stacked, 0.0).sum(axis=0), number, out=means, where=number > 0)
    return means


def _on_slice(scorer: Scorer, own: slice, weights: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    return scorer(weights[:, own])


def diagnosis(experiment: Experiment, dataset: Dataset, metrics: Metrics, outcome: Outcome) -> DiagnosisMetrics:
    """Say where the experiment stands between not training and overfitting, and what to try next.

    Args:
        experiment: Settled.
        dataset: All rows.
        metrics: Returned by `score`.
        outcome: What all fits came to.
    """
    monitor = metrics["monitor"]
    found = diagnose(
        metric=experiment.evaluation.metrics[0],
        train=metrics["train"] or {},
        validation=metrics["validation"],
        baseline=metrics["baseline"]["validation"],
        intervals=metrics["intervals"]["validation"],
        history=[row for fitted in outcome.folds for row in fitted.fit.history],
        monitor=monitor,
        mode="max" if monitor and higher_is_better(monitor) else "min",
        num_epochs_allowed=experiment.training.epochs if monitor else None,
        model=_model_facts(experiment),
        refit=experiment.training.refit,
        weighted=experiment.training.class_weights is not None or dataset.score_weights is not None,
        test=metrics["test"],
        test_baseline=metrics["baseline"]["test"],
        unseen=_unseen(dataset, outcome, with_test=metrics["test"] is not None),
    )
    return found.to_json()


def _model_facts(experiment: Experiment) -> ModelFacts:
    model = experiment.model
    known = {kind: each for kind, each in model_kinds().items() if not each.has_epochs and each.is_installed()}
    return ModelFacts(model.has_epochs, model.is_simplest, tuple(kind for kind in known if kind != model.kind))


def _unseen(dataset: Dataset, outcome: Outcome, *, with_test: bool) -> dict[str, list[str]]:
    """Return the classes that a part holds and that were in none of the rows its predictions were learned from."""
    if dataset.task not in ("binary", "multiclass"):
        return {}
    found: set[int] = set()
    for fitted in outcome.folds:
        found |= set(np.setdiff1d(fitted.validation.y_true, fitted.training.y_true).tolist())
    parts = {"validation": found}
    if with_test:
        learned = np.concatenate([fitted.training.y_true for fitted in outcome.final])
        parts["test"] = set(np.setdiff1d(outcome.test.y_true, learned).tolist())
    return {part: [dataset.class_names[code] for code in sorted(codes)] for part, codes in parts.items() if codes}
