"""Recording: what a run writes into its folder, and when."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.inside import Inside
from dlrun.config.write import plain, to_yaml
from dlrun.errors import DlrunError
from dlrun.experiment.datasets.row_hashes import row_hashes
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.learners.listener import EpochReport, Listener, Listeners, Pruned
from dlrun.records import ledger
from dlrun.records.environment import environment
from dlrun.records.folder import TEST_ROWS, RunFolder
from dlrun.records.history import HistoryWriter, rewrite_history
from dlrun.records.log import LogWriter
from dlrun.records.status import Heartbeat, Status, error_text
from dlrun.reports.plots import plot_confusion, plot_curves, plot_labels, plot_residuals
from dlrun.reports.summary import summary_lines
from dlrun.reports.tensorboard import TensorBoard
from dlrun.runs.kept import FITS, Identity, Keeper, Kept

if TYPE_CHECKING:
    from pathlib import Path

    from dlrun.experiment.datasets.dataset import Dataset
    from dlrun.experiment.experiment import Experiment
    from dlrun.experiment.load import LoadedConfig
    from dlrun.experiment.validation.plan import SplitPlan
    from dlrun.learners.learner import Learner
    from dlrun.records.folder import RunFolder
    from dlrun.runs.fit import Part, Prepared
    from dlrun.runs.score import Outcome


@dataclass(frozen=True)
class Recording:
    """The open record of a run.

    Args:
        folder: Where it lies.
        keeper: Stores what the run can go on from.
        kept: What an earlier process has stored so.
        listener: Hears of the progress and writes history and log; passes everything on.
        log: Takes lines for output.log.
        board: Takes events for TensorBoard.
        saved_fits: Names of the fits whose models are kept, and the names of their files.
    """

    folder: RunFolder
    keeper: Keeper
    kept: Kept
    listener: Listener
    log: LogWriter
    board: TensorBoard
    saved_fits: Mapping[str, str]

    def write_data(self, description: Mapping[str, Any], dataset: Dataset, plan: SplitPlan) -> None:
        """Write what the data are, which rows every part holds, and what the test rows are known by."""
        self.folder.write_json("dataset.json", description)
        self.folder.write_npz("split.npz", **plan.arrays())
        if len(plan.test):
            self.folder.write_npz(TEST_ROWS, row=plan.test, hash=row_hashes(dataset.x[plan.test]))

    def save_model(self, learner: Learner, prepared: Prepared, fit: str) -> None:
        """Write a fitted model and its preprocessing, if it is one of those that predict for this run."""
        name = self.saved_fits.get(fit)
        if name is None:
            return
        with self.folder.publish(f"model/{name}{learner.suffix}") as path:
            learner.save(path)
        transforms = {"inputs": prepared.preprocessing.save(), "target": prepared.target.save()}
        self.folder.write_json(f"model/{name}.preprocessing.json", transforms)

    def look_at_test(self, dataset: Dataset, test: Part) -> int | None:
        """Write a look at the test rows into the ledger; return how many there were so far, None without test rows."""
        if not len(test.rows):
            return None
        runs_dir, run = ledger.home(self.folder), self.folder.id
        fingerprint = ledger.fingerprint_of(test.y_true, dataset.class_names)
        known = [look.run for look in ledger.looks(runs_dir, fingerprint)]
        if run in known:  # written by the process that this one goes on for
            return known.index(run) + 1
        return ledger.append(runs_dir, fingerprint=fingerprint, run=run, why="train")

    def write_predictions(self, dataset: Dataset, outcome: Outcome) -> None:
        """Write out-of-fold predictions for the validation rows, and those for the test rows."""
        write_predictions(self.folder, dataset, outcome)

    def write_scalars(self, experiment: Experiment, metrics: Metrics) -> None:
        """Write the settings and the final scores for TensorBoard."""
        parts = {"validation": metrics["validation"], "test": metrics["test"] or {}}
        scores = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
        self.board.conclude(plain(experiment), scores)

    def write_metrics(self, metrics: Metrics) -> None:
        """Write the scores, and what they come to into the log."""
        self.folder.write_json("metrics.json", metrics)
        self.log.write("\n".join(["", *summary_lines(metrics)]))


def write_inputs(
    folder: RunFolder,
    experiment: Experiment,
    *,
    devices: Sequence[str],
    source: LoadedConfig | None,
    argv: Sequence[str],
) -> None:
    """Write what a run begins with: config and environment.

    A folder that cannot take even that tells nobody anything, and is removed.

    Args:
        folder: Just claimed.
        experiment: Settled.
        devices: Names of the devices that the run computes on.
        source: The config as it was written, or None if there is no file.
        argv: The command line.

    Raises:
        StorageError: A file cannot be written.
    """
    try:
        folder.write_text("config.yaml", to_yaml(experiment))
        if source is not None:
            folder.write_text("source.yaml", source.source_text)
            folder.write_json("overrides.yaml", list(source.overrides))
        folder.write_json("environment.json", present_environment(experiment, devices, argv))

    except BaseException:
        folder.content.remove()
        raise


def present_environment(experiment: Experiment, devices: Sequence[str], argv: Sequence[str]) -> dict[str, Any]:
    """Describe what a settled experiment is carried out with, here and now."""
    threads = experiment.training.threads
    return environment(argv=argv, devices=devices, threads=threads if isinstance(threads, int) else None)


@contextlib.contextmanager
def recording(
    folder: RunFolder,
    experiment: Experiment,
    *,
    num_folds: int,
    identity: Identity,
    kept: Kept,
    earlier: Status | None,
    before: float = 0.0,
    listener: Listener,
) -> Iterator[Recording]:
    """Keep the record of a run while the block runs, and write how the block ended.

    Args:
        folder: The run, locked.
        experiment: Settled.
        num_folds: Folds of the split plan.
        identity: What the run's checkpoints belong to.
        kept: What an earlier process has stored; history.csv is set back to it.
        earlier: Status of a run that is resumed now; None for a new run.
        before: Seconds that this process has spent on getting ready.
        listener: Hears of the progress too.

    Raises:
        StorageError: A file cannot be written.
    """
    log_file, history_file = folder.file("output.log"), folder.file("history.csv")
    with (
        Heartbeat(folder, earlier=earlier, before=before),
        LogWriter(log_file) as log,
        _continued(history_file, kept) as history,
        TensorBoard(folder.file("tensorboard"), num_folds) as board,
    ):
        listeners = Listeners([_ToHistory(history), board, log, listener])
        listeners.claimed(folder.path)
        saved = _saved_fits(num_folds, refit=experiment.training.refit)
        try:
            yield Recording(folder, Keeper(folder, identity), kept, listeners, log, board, saved)
        except Pruned:
            log.write("stopped early: other trials of the search do better")
            raise
        except BaseException as error:
            known = isinstance(error, DlrunError | KeyboardInterrupt)
            log.write(error_text(error) if known else traceback.format_exc())
            raise
    folder.remove(f"checkpoints/{FITS}")


def write_predictions(folder: RunFolder, dataset: Dataset, outcome: Outcome) -> None:
    """Write out-of-fold predictions for the validation rows, and those for the test rows; raises StorageError."""
    folds = [np.full(len(fitted.validation.rows), fitted.fold.number) for fitted in outcome.folds]
    folder.write_npz("predictions/validation.npz", **_arrays(dataset, outcome.validation), fold=np.concatenate(folds))
    if len(outcome.test.rows):
        folder.write_npz("predictions/test.npz", **_arrays(dataset, outcome.test))


def _continued(file: Inside, kept: Kept) -> HistoryWriter:
    """Open the history at the epoch that the run goes on from: what was written after it will be written again."""
    rewrite_history(file, kept.history)
    return HistoryWriter(file)


class _ToHistory(Listener):
    """Writes a row of history.csv for every epoch."""

    def __init__(self, writer: HistoryWriter) -> None:
        self._writer = writer

    def epoch_finished(self, report: EpochReport) -> None:
        self._writer.write(report.fold, report.epoch, report.values)


def _saved_fits(num_folds: int, *, refit: bool) -> dict[str, str]:
    """Name the fits that predict for the run: the refit, or the only fold, or every fold."""
    if refit:
        return {"refit": "model"}
    if num_folds == 1:
        return {"fold-0": "model"}
    return {f"fold-{number}": f"fold-{number}" for number in range(num_folds)}


def _arrays(dataset: Dataset, part: Part) -> dict[str, NDArray[Any]]:
    roles: dict[str, NDArray[Any]] = {name: role.values[part.rows] for name, role in dataset.roles.items()}
    return {"row": part.rows, **roles, "y_true": part.y_true, "y_pred": part.y_pred}


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
                _plot_part(dataset, predicted, path, part if dataset.score_weights is None else f"{part}, unweighted")


def _plot_part(dataset: Dataset, part: Part, path: Path, title: str) -> None:
    if dataset.task == "regression":
        plot_residuals(part.y_true, part.y_pred, dataset.target_names, path, title=title)
    elif dataset.task == "multilabel":
        plot_labels(part.y_true, part.y_pred, dataset.class_names, path, title=title)
    else:
        plot_confusion(part.y_true, part.y_pred, dataset.class_names, path, title=title)
