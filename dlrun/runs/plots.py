"""Illustrating: the plots of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlrun.reports.plots import plot_confusion, plot_curves, plot_labels, plot_residuals

if TYPE_CHECKING:
    from pathlib import Path

    from dlrun.experiment.datasets.dataset import Dataset
    from dlrun.experiment.experiment import Experiment
    from dlrun.records.folder import RunFolder
    from dlrun.runs.fit import Part
    from dlrun.runs.score import Outcome


def illustrate(folder: RunFolder, experiment: Experiment, dataset: Dataset, outcome: Outcome) -> None:
    """Plot curves, if there were epochs, and what was taken for what: in validation, and in the test if there is one.

    Args:
        folder: Run folder; the plots go to `plots/`.
        experiment: Settled.
        dataset: All rows.
        outcome: What all fits came to.

    Raises:
        StorageError: A plot could not be written.
    """
    history = [row for fitted in outcome.folds for row in fitted.fit.history]
    if history:
        best_epoch = outcome.folds[0].fit.best_epoch if len(outcome.folds) == 1 else None
        with folder.publish("plots/curves.png") as path:
            plot_curves(history, path, best_epoch=best_epoch, title=experiment.name)
    parts = {"validation": outcome.validation, "test": outcome.test}
    name = {"regression": "residuals", "multilabel": "labels"}.get(dataset.task, "confusion")
    for part, predicted in parts.items():
        if len(predicted.rows):
            with folder.publish(f"plots/{name}-{part}.png") as path:
                _plot_part(dataset, predicted, path, part)


def _plot_part(dataset: Dataset, part: Part, path: Path, title: str) -> None:
    if dataset.task == "regression":
        plot_residuals(part.y_true, part.y_pred, dataset.target_names, path, title=title)
    elif dataset.task == "multilabel":
        plot_labels(part.y_true, part.y_pred, dataset.class_names, path, title=title)
    else:
        plot_confusion(part.y_true, part.y_pred, dataset.class_names, path, title=title)
