"""run_experiment(): the whole story of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlrun.base import interruption
from dlrun.config.lacking import refuse_lacking
from dlrun.config.write import to_yaml
from dlrun.experiment.datasets.checks import check_values
from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.preprocessing.target import BOUNDED
from dlrun.experiment.training.class_weights import check_class_weights
from dlrun.experiment.training.losses import check_targets
from dlrun.experiment.validation.describe import describe
from dlrun.experiment.validation.parts_report import PartsReport, check_parts
from dlrun.experiment.validation.plan import Fold, SplitPlan
from dlrun.learners.latency import latency as measured
from dlrun.learners.learner import Learner
from dlrun.learners.listener import Listener
from dlrun.learners.make import backend_of, enough_memory, make_learner, settle
from dlrun.records.folder import RunFolder, check_place
from dlrun.records.lock import locked
from dlrun.records.status import Status
from dlrun.runs.average import RowLosses
from dlrun.runs.clock import Clock
from dlrun.runs.fit import Context, FittedFold, Prepared, fit_fold, prepare, refit, refit_rows
from dlrun.runs.kept import Identity, Kept
from dlrun.runs.record import Recording, illustrate, recording, write_inputs
from dlrun.runs.score import Outcome, best_num_epochs, diagnosis, num_bounded, score, scores_of, undefined_notes
from dlrun.runs.snapshots import write_snapshots

if TYPE_CHECKING:
    from dlrun.experiment.load import LoadedConfig


@dataclass(frozen=True)
class Run:
    """A run that came to its end.

    Args:
        path: Its folder.
        state: `finished`; other ends raise.
        metrics: What `metrics.json` holds.
    """

    path: Path
    state: str
    metrics: Metrics

    @property
    def id(self) -> str:
        return self.path.name


@dataclass(frozen=True)
class AsTrial:
    """That a run is one of a search: its test rows are predicted but not scored, and nothing is drawn.

    Args:
        latency_rows: Rows of the forward passes that are timed after training; 0 times none.
    """

    latency_rows: int = 0


def run_experiment(
    experiment: Experiment,
    *,
    runs_dir: Path,
    source: LoadedConfig | None = None,
    argv: Sequence[str] = (),
    listener: Listener | None = None,
    dataset: Dataset | None = None,
    trial: AsTrial | None = None,
) -> Run:
    """Carry out an experiment and keep its record.

    Args:
        experiment: What to do.
        runs_dir: Folder of all runs; the run gets a new folder in it.
        source: The config as it was written, for the record.
        argv: The command line, for the record.
        listener: Hears of the progress.
        dataset: What `experiment.dataset` loads, if that has been done already.
        trial: That the run is one of a search; None for a run of its own.

    Raises:
        ConfigError, DataError, ModelError, UsageError: Nothing was started; no folder is left behind.
        RunFailed: Training could not end well; the folder says why.
        Pruned: The listener ended the run early.
        StorageError: A file could not be written.
        Interrupted: A signal came; the run can be resumed.
    """
    clock = Clock(listener or Listener())
    check_place(runs_dir)
    ready = make_ready(experiment, clock, dataset)
    folder = RunFolder.claim(runs_dir, ready.experiment.name)
    with locked(folder):
        write_inputs(folder, ready.experiment, devices=backend_of(ready.experiment).devices(), source=source, argv=argv)
        return carry_out(ready, folder, Kept(), clock, trial=trial)


@dataclass(frozen=True)
class Ready:
    """An experiment of which everything is known that can be known before training.

    Args:
        experiment: Settled.
        dataset: All rows.
        plan: Their parts.
        report: What was found in the parts.
        learner: Built for the first fold.
        first: The first fold, prepared.
    """

    experiment: Experiment
    dataset: Dataset
    plan: SplitPlan
    report: PartsReport
    learner: Learner
    first: Prepared

    @property
    def identity(self) -> Identity:
        """What the checkpoints of this experiment belong to."""
        return Identity(to_yaml(self.experiment), self.dataset.fingerprint)


def make_ready(experiment: Experiment, clock: Clock, dataset: Dataset | None = None) -> Ready:
    """Load and split the data, and build the learner.

    Args:
        experiment: What to do.
        clock: Announces the stages.
        dataset: What `experiment.dataset` loads, if that has been done already.

    Raises:
        ConfigError, DataError, ModelError, UsageError: The experiment cannot be carried out.
        RunFailed: Memory does not suffice.
    """
    refuse_lacking(experiment)
    with enough_memory(experiment):
        clock.stage("load")
        dataset = experiment.dataset.load() if dataset is None else dataset
        check_values(dataset)
        check_class_weights(experiment.training.class_weights, dataset)
        if experiment.model.has_epochs:
            check_targets(experiment.training.loss, dataset)
        plan = experiment.validation.split(dataset, experiment.seed)
        report = check_parts(dataset, plan)

        clock.stage("build")
        experiment = settled(experiment, dataset)
        learner = make_learner(experiment, dataset.facts)
        first = prepare(experiment, dataset, learner, plan.folds[0].training)
        return Ready(experiment, dataset, plan, report, learner, first)


def settled(experiment: Experiment, dataset: Dataset) -> Experiment:
    """Return an experiment with every choice made, that of the positive class included.

    Raises:
        ConfigError, UsageError: As `settle`, or no class is called so.
    """
    evaluation = experiment.evaluation.named(dataset.task, dataset.class_names)
    return settle(experiment.model_copy(update={"evaluation": evaluation}), dataset.facts)


def carry_out(
    ready: Ready,
    folder: RunFolder,
    kept: Kept,
    clock: Clock,
    *,
    earlier: Status | None = None,
    trial: AsTrial | None = None,
) -> Run:
    """Train, score and write, from wherever an earlier process has come to.

    Args:
        ready: What to do.
        folder: The run, locked.
        kept: What the earlier process has stored; empty for a new run.
        clock: Announces the stages.
        earlier: Status of a run that is resumed now; None for a new run.
        trial: As in `run_experiment`; where latency is timed, the learner is to be fitted in this process.

    Raises:
        RunFailed, StorageError, Interrupted: As `run_experiment`.
    """
    experiment, dataset, plan = ready.experiment, ready.dataset, ready.plan
    with (
        recording(
            folder,
            experiment,
            num_folds=len(plan.folds),
            identity=ready.identity,
            kept=kept,
            earlier=earlier,
            before=clock.spent,
            listener=clock.listener,
        ) as record,
        enough_memory(experiment),
        interruption.surfacing(),
    ):
        clock.listener = record.listener
        clock.earlier = earlier.seconds if earlier else 0.0
        undefined = undefined_notes(experiment, dataset, plan.scored)
        for note in (*dataset.notes, *ready.report.notes, *ready.first.preprocessing.notes, *undefined):
            record.listener.note(note)
        record.write_data(describe(dataset, plan, ready.report), dataset, plan)
        context = Context(
            experiment,
            dataset,
            plan,
            ready.learner,
            record.listener,
            record.keeper.checkpoint,
            record.save_model,
            kept.state_of,
        )
        clock.stage("fit")
        folds = [_fit_fold(ready, context, record, fold) for fold in plan.folds]
        again = None
        if experiment.training.refit:
            clock.stage("refit")
            again = _refit(ready, context, record, folds)
        outcome = Outcome(tuple(folds), again, RowLosses.of(experiment, dataset, ready.learner, folds))
        latency = _latency(ready, outcome, trial.latency_rows) if trial and trial.latency_rows else None

        clock.stage("evaluate")
        for part, number in num_bounded(experiment, dataset, outcome).items():
            if number:
                record.listener.note(f"{number:,} {part} row{'s' * (number > 1)} {BOUNDED}")
        metrics = score(experiment, dataset, outcome, look_at_test=not trial)
        if latency is not None:
            metrics["latency"] = latency
        metrics["test_looks"] = None if trial else record.look_at_test(dataset, outcome.test)
        metrics["diagnosis"] = diagnosis(experiment, dataset, metrics, outcome)

        clock.stage("write")
        record.write_predictions(dataset, outcome)
        num_snapshots = write_snapshots(folder, experiment, dataset, outcome)
        if num_snapshots:
            record.listener.note(
                f"kept {num_snapshots} snapshots; `dlrun ensemble {folder.id} --snapshots` combines them"
            )
        metrics["seconds"] = clock.seconds(outcome)
        record.write_metrics(metrics)  # before the plots, which may fail for want of room
        if not trial:
            illustrate(record.folder, experiment, dataset, outcome)
        record.write_scalars(experiment, metrics)
        record.listener.finished(metrics)
    return Run(record.folder.path, "finished", metrics)


def _fit_fold(ready: Ready, context: Context, record: Recording, fold: Fold) -> FittedFold:
    fitted = record.kept.fitted(fold, ready.plan.test, ready.dataset)
    if fitted is None:
        prepared = ready.first
        if fold.number > 0:
            prepared = prepare(ready.experiment, ready.dataset, ready.learner, fold.training)
        fitted = fit_fold(context, fold, prepared)
        record.keeper.keep_fit(fitted)
    record.listener.fold_finished(fold.number, scores_of(ready.experiment, ready.dataset, fitted.validation))
    return fitted


def _refit(ready: Ready, context: Context, record: Recording, folds: list[FittedFold]) -> FittedFold:
    over = record.kept.fitted(refit_rows(ready.plan), ready.plan.test, ready.dataset)
    if over is not None:
        return over
    fitted = refit(context, folds, best_num_epochs(folds))
    record.keeper.keep_fit(fitted)
    return fitted


def _latency(ready: Ready, outcome: Outcome, num_rows: int) -> float:
    """Time predictions of what was fitted last, on inputs of the width that its own training rows gave them."""
    rows = outcome.all[-1].fold.training
    prepared = prepare(ready.experiment, ready.dataset, ready.learner, rows)
    return measured(ready.learner, prepared.x, num_rows)
