"""run_experiment(): the whole story of one run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlrun.datasets.checks import check_parts, check_values
from dlrun.datasets.describe import describe
from dlrun.experiment import Experiment
from dlrun.fitting import Context, FittedFold, Prepared, fit_fold, prepare, refit
from dlrun.illustrating import illustrate
from dlrun.learners import devices, make_learner, settle
from dlrun.recording import recording
from dlrun.scoring import Outcome, best_num_epochs, diagnosis, score
from dlrun.training.class_weights import check_class_weights
from dlrun.training.listener import Listener

if TYPE_CHECKING:
    from dlrun.config import LoadedConfig
    from dlrun.datasets.dataset import Dataset


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
    metrics: dict[str, Any]

    @property
    def id(self) -> str:
        return self.path.name


def run_experiment(
    experiment: Experiment,
    *,
    runs_dir: Path,
    source: LoadedConfig | None = None,
    argv: Sequence[str] = (),
    listener: Listener | None = None,
    dataset: Dataset | None = None,
    trial: bool = False,
) -> Run:
    """Carry out an experiment and keep its record.

    Args:
        experiment: What to do.
        runs_dir: Folder of all runs; the run gets a new folder in it.
        source: The config as it was written, for the record.
        argv: The command line, for the record.
        listener: Hears of the progress.
        dataset: What `experiment.dataset` loads, if that has been done already.
        trial: Whether the run is one of a search: its test rows are predicted but not scored, and nothing is drawn.

    Raises:
        ConfigError, DataError, ModelError, UsageError: Nothing was started; no folder is left behind.
        RunFailed: Training could not end well; the folder says why.
        Pruned: The listener ended the run early.
        StorageError: A file could not be written.
        Interrupted: A signal came; the best weights so far are kept.
    """
    clock = _Clock(listener or Listener())
    clock.stage("load")
    dataset = experiment.dataset.load() if dataset is None else dataset
    check_values(dataset)
    check_class_weights(experiment.training.class_weights, dataset)
    plan = experiment.validation.split(dataset, experiment.seed)
    report = check_parts(dataset, plan)

    clock.stage("build")
    experiment = settle(experiment, dataset.facts)
    learner = make_learner(experiment, dataset.facts)
    first = prepare(experiment, dataset, learner, plan.folds[0].training)

    with recording(
        experiment,
        runs_dir=runs_dir,
        num_folds=len(plan.folds),
        devices=devices(experiment),
        source=source,
        argv=argv,
        listener=clock.listener,
    ) as record:
        clock.listener = record.listener
        for note in (*dataset.notes, *report.notes, *first.preprocessing.notes):
            record.listener.note(note)
        record.write_data(describe(dataset, plan, report), plan)
        context = Context(experiment, dataset, plan, learner, record.listener, record.checkpoint, record.save_model)
        clock.stage("fit")
        folds = _fit_folds(context, first)
        again = None
        if experiment.training.refit:
            clock.stage("refit")
            again = refit(context, folds, best_num_epochs(folds))
        outcome = Outcome(tuple(folds), again)

        clock.stage("evaluate")
        metrics = score(experiment, dataset, outcome, learner, look_at_test=not trial)
        metrics["diagnosis"] = diagnosis(experiment, metrics, outcome)

        clock.stage("write")
        record.write_predictions(outcome)
        if not trial:
            illustrate(record.folder, experiment, dataset, outcome)
        record.write_scalars(experiment, metrics)
        metrics["seconds"] = clock.seconds(outcome)
        record.write_metrics(metrics)
        record.listener.finished(metrics)
    return Run(record.folder.path, "finished", metrics)


def _fit_folds(context: Context, first: Prepared) -> list[FittedFold]:
    fitted = []
    for fold in context.plan.folds:
        ready = (
            first if fold.number == 0 else prepare(context.experiment, context.dataset, context.learner, fold.training)
        )
        fitted.append(fit_fold(context, fold, ready))
    return fitted


@dataclass
class _Clock:
    """Announces the stages and measures them."""

    listener: Listener
    started: float = field(default_factory=time.perf_counter)
    began: dict[str, float] = field(default_factory=dict)

    def stage(self, name: str) -> None:
        self.began[name] = time.perf_counter()
        self.listener.stage(name)

    def seconds(self, outcome: Outcome) -> dict[str, float]:
        """Return the seconds of each stage, and of the whole so far; `per_epoch` is the median of all epochs."""
        ends = [*list(self.began.values())[1:], time.perf_counter()]
        stages = {name: end - begin for (name, begin), end in zip(self.began.items(), ends, strict=True)}
        epochs = sorted(seconds for fitted in outcome.all for seconds in fitted.fit.epoch_seconds)
        return {
            "total": time.perf_counter() - self.started,
            **stages,
            "per_epoch": epochs[len(epochs) // 2],
        }
