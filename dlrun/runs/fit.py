"""Fitting: prepare a fold's data, fit the learner on it, predict every part; then refit, then predict the test."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import Diverged
from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.datasets.inputs import Inputs
from dlrun.experiment.datasets.sources.source import Source
from dlrun.experiment.datasets.store import Made
from dlrun.experiment.evaluation.baselines import Baseline
from dlrun.experiment.evaluation.evaluation import evaluate
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
from dlrun.experiment.preprocessing.preprocessing import load_fitted
from dlrun.experiment.preprocessing.target import TargetTransform
from dlrun.experiment.training.class_weights import mean_weight, row_weights
from dlrun.experiment.validation.plan import Fold, Rows, SplitPlan
from dlrun.learners.checkpoint import Checkpoint
from dlrun.learners.learner import CheckpointWriter, Fit, FitJob, Learner, name_of
from dlrun.learners.listener import REFIT, Listener

SaveModel = Callable[[Learner, "Prepared", str], None]
"""Stores a fitted learner and its preprocessing under a name such as `fold-0`."""

StoredState = Callable[[int], tuple[Checkpoint | None, Checkpoint | None]]
"""Returns, for the number of a fold, the state to go on from and the best weights that belong to it."""


@dataclass(frozen=True)
class Target:
    """The way of the targets to the learner and back; classes and labels go as they are.

    Args:
        numbers: What was fitted for a regression, or None.
    """

    numbers: TargetTransform | None

    @classmethod
    def fit(cls, source: Source, dataset: Dataset, training: Rows) -> Target:
        """Fit on the training rows; an experiment that is settled leaves no `auto` for a regression."""
        kind, margin = source.target_transform, source.target_margin
        if dataset.task != "regression" or kind == "auto" or margin == "auto":
            return cls(None)
        return cls(TargetTransform.fit(kind, dataset.y[training], margin))

    def transform(self, y: NDArray[Any]) -> NDArray[Any]:
        return y if self.numbers is None else self.numbers.transform(y)

    def inverse(self, predictions: NDArray[Any]) -> NDArray[Any]:
        return predictions if self.numbers is None else self.numbers.inverse(predictions)

    def bounded(self, predictions: NDArray[Any]) -> NDArray[Any]:
        """Return predictions of the learner as they are delivered, but on the learner's own scale."""
        return predictions if self.numbers is None else self.numbers.bounded(predictions)

    def num_bounded(self, predictions: NDArray[Any]) -> int:
        """Return how many rows of predictions in original units stand at a bound."""
        return 0 if self.numbers is None else self.numbers.num_bounded(predictions)

    def save(self) -> dict[str, Any] | None:
        """Return plain JSON-able values."""
        return None if self.numbers is None else self.numbers.save()


@dataclass(frozen=True)
class Prepared:
    """A dataset made ready for a learner; everything was fitted on the training rows.

    Args:
        preprocessing: What made the inputs ready.
        target: What made the targets ready.
        x: Inputs of all rows.
        y: Targets of all rows, as the learner's loss takes them.
    """

    preprocessing: FittedPreprocessing
    target: Target
    x: Inputs
    y: NDArray[Any]


@dataclass(frozen=True)
class Part:
    """Predictions for some rows.

    Args:
        rows: Row numbers of the dataset, shape (rows,).
        y_true: True values, as in the dataset.
        y_pred: Probabilities, or numbers in original units, shape (rows, outputs).
        losses: Loss of each row.
    """

    rows: Rows
    y_true: NDArray[Any]
    y_pred: NDArray[Any]
    losses: NDArray[np.floating[Any]]


@dataclass(frozen=True)
class FittedFold:
    """What came of one fold.

    Args:
        fold: Its rows.
        fit: Epochs and times.
        training: Predictions for the training rows.
        validation: Predictions for the validation rows; empty for a refit.
        test: Predictions for the test rows; nothing but the last look scores them.
        validation_baseline: What the common-sense baseline predicts for the validation rows.
        test_baseline: The same for the test rows.
        num_parameters: Weights of the network that was fitted; None for other learners.
        snapshots: The same at the ends of cycles, by epoch, if they were asked for.
    """

    fold: Fold
    fit: Fit
    training: Part
    validation: Part
    test: Part
    validation_baseline: Part
    test_baseline: Part
    num_parameters: int | None = None
    snapshots: Mapping[int, FittedFold] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What all fits of a run share.

    Args:
        experiment: Settled.
        dataset: All rows.
        plan: Their parts.
        learner: Fitted anew for each fold.
        listener: Hears of the progress.
        checkpoint: Stores states while training.
        save_model: Stores fitted models.
        stored: Returns the state of a fit that an earlier process began, and its best weights if they are final.
    """

    experiment: Experiment
    dataset: Dataset
    plan: SplitPlan
    learner: Learner
    listener: Listener
    checkpoint: CheckpointWriter
    save_model: SaveModel
    stored: StoredState


def prepare(experiment: Experiment, dataset: Dataset, learner: Learner, training: Rows) -> Prepared:
    """Fit preprocessing on the training rows, transform all rows, and build the learner for what comes out.

    Raises:
        DataError: The training rows cannot be prepared as asked.
        ModelError: The model does not fit the inputs.
    """
    preprocessing, inputs = _transformed(experiment, dataset, learner, training)
    learner.prepare(preprocessing, inputs)
    target = Target.fit(experiment.dataset, dataset, training)
    return Prepared(preprocessing, target, inputs, target.transform(dataset.y))


def _transformed(
    experiment: Experiment, dataset: Dataset, learner: Learner, training: Rows
) -> tuple[FittedPreprocessing, Inputs]:
    """Fit preprocessing and transform all rows, or take both from where other processes have put them."""
    if dataset.store is None:
        preprocessing = experiment.preprocessing.fit(dataset, training)
        return preprocessing, learner.transform(preprocessing, dataset.x)

    def make() -> Made:
        fitted = experiment.preprocessing.fit(dataset, training)
        arrays, x = learner.transform(fitted, dataset.x).arrays, dataset.x
        is_untouched = isinstance(x, np.ndarray) and all(np.may_share_memory(array, x) for array in arrays.values())
        return fitted.save(), {} if is_untouched else arrays

    rows = hashlib.sha256(np.ascontiguousarray(training).data).hexdigest()
    key = f"{experiment.preprocessing.model_dump_json()} {learner.takes} {rows}"
    saved, arrays = dataset.store.get(key, make)
    preprocessing = load_fitted(saved)
    return preprocessing, preprocessing.inputs(arrays) if arrays else learner.transform(preprocessing, dataset.x)


def fit_fold(context: Context, fold: Fold, prepared: Prepared) -> FittedFold:
    """Fit the learner on one fold and predict all of its parts."""
    experiment, num_folds = context.experiment, len(context.plan.folds)
    context.listener.fit_started(fold.number, num_folds, experiment.training.epochs)
    fit = context.learner.fit(_job(context, fold, prepared, experiment.training.epochs))
    context.save_model(context.learner, prepared, name_of(fold.number))
    fitted = _predicted(context, fold, prepared, fit)
    snapshots = {epoch: _snapshot(context, fold, prepared, fit, epoch) for epoch in fit.snapshots}
    return replace(fitted, snapshots=snapshots)


def _snapshot(context: Context, fold: Fold, prepared: Prepared, fit: Fit, epoch: int) -> FittedFold:
    """Predict with the weights at the end of a cycle, as if the fit had ended there."""
    context.learner.hold(fit.snapshots[epoch])
    return _predicted(context, fold, prepared, fit.until(epoch))


def refit(context: Context, folds: list[FittedFold], num_epochs: int) -> FittedFold:
    """Fit the learner on all rows that are not test, for a number of epochs that validation has chosen.

    The learning rate takes the course that it took in the folds: its schedule counts on as many epochs, and looks at
    the mean of what they monitored.
    """
    fold = refit_rows(context.plan)
    context.listener.fit_started(REFIT, len(context.plan.folds), num_epochs)
    prepared = prepare(context.experiment, context.dataset, context.learner, fold.training)
    job = replace(_job(context, fold, prepared, num_epochs), monitored=_mean_course(context, folds))
    fit = context.learner.fit(job)
    context.save_model(context.learner, prepared, name_of(REFIT))
    return _predicted(context, fold, prepared, fit)


def refit_rows(plan: SplitPlan) -> Fold:
    """Return the rows of the refit: all that are not test, and none to validate on."""
    return Fold(REFIT, plan.development, np.empty(0, np.int64))


def _mean_course(context: Context, folds: list[FittedFold]) -> tuple[float, ...]:
    """Return the mean over folds of the monitored value of each epoch that all of them have."""
    monitor = context.experiment.training.monitor
    courses = [[row[monitor] for row in fitted.fit.history] for fitted in folds]
    return tuple(float(np.mean(values)) for values in zip(*courses, strict=False))


def _job(context: Context, fold: Fold, prepared: Prepared, num_epochs: int) -> FitJob:
    experiment, dataset = context.experiment, context.dataset
    state, best = context.stored(fold.number)
    y_true, metrics = dataset.y[fold.validation], experiment.evaluation.metrics
    positive = experiment.evaluation.positive_code(dataset.class_names)
    weights = dataset.weights_of(fold.validation)

    def score(predictions: NDArray[np.float32], losses: NDArray[Any]) -> dict[str, float]:
        delivered = prepared.target.bounded(predictions)
        if delivered is not predictions:
            losses = context.learner.losses(prepared.y[fold.validation], delivered)
        y_pred = prepared.target.inverse(predictions)
        scores = evaluate(dataset.task, y_true, y_pred, metrics, losses=losses, positive=positive, weights=weights)
        return {name: math.nan if value is None else value for name, value in scores.items()}

    return FitJob(
        x=prepared.x,
        y=prepared.y,
        training=fold.training,
        validation=fold.validation,
        score=score,
        weights=row_weights(experiment.training.class_weights, dataset, fold.training),
        mean_weight=mean_weight(dataset, fold.training),
        fold=fold.number,
        num_epochs=num_epochs,
        listener=context.listener,
        checkpoint=context.checkpoint,
        state=state,
        best=best,
    )


def _predicted(context: Context, fold: Fold, prepared: Prepared, fit: Fit) -> FittedFold:
    learner, dataset, test = context.learner, context.dataset, context.plan.test
    weights = dataset.weights_of(fold.training)
    baseline = Baseline.fit(dataset.task, dataset.y[fold.training], dataset.num_outputs, weights)

    def part(rows: Rows) -> Part:
        if not len(rows):
            return Part(rows, dataset.y[rows], np.empty((0, dataset.num_outputs)), np.empty(0))
        predictions = learner.predict(prepared.x, rows)
        losses = learner.losses(prepared.y[rows], prepared.target.bounded(predictions))
        return Part(rows, dataset.y[rows], _finite(prepared.target.inverse(predictions)), losses)

    def baseline_part(rows: Rows) -> Part:
        y_pred = baseline.predict(len(rows))
        losses = learner.losses(prepared.y[rows], prepared.target.transform(y_pred).astype(np.float32))
        return Part(rows, dataset.y[rows], y_pred, losses)

    return FittedFold(
        fold,
        fit,
        part(fold.training),
        part(fold.validation),
        part(test),
        baseline_part(fold.validation),
        baseline_part(test),
        learner.num_parameters,
    )


def _finite(predictions: NDArray[Any]) -> NDArray[Any]:
    """Refuse predictions that are not numbers: they would end as scores of nothing."""
    wrong = int((~np.isfinite(predictions)).sum())
    if wrong:
        raise Diverged(
            f"{wrong} of {predictions.size} predictions are NaN or infinite after training",
            remedy="Try a smaller learning rate, and look for extreme values in the data.",
        )
    return predictions
