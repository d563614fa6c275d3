"""Snapshots: the network at the ends of the cycles of its learning rate, each kept as an ordinary run.

They lie in `snapshots/` of the run, as trials lie in a study, with predictions, weights and a config that takes the
same course up to there; so they are shown, predict and become members of an ensemble like any run. Huang, Li, Pleiss,
Liu, Hopcroft and Weinberger, "Snapshot ensembles: train 1, get M for free", ICLR 2017.
"""

from __future__ import annotations

from dlrun.base.inside import SNAPSHOTS
from dlrun.config.write import to_yaml
from dlrun.errors import StorageError
from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.optimizers.schedules import Cosine
from dlrun.learners.checkpoint import Checkpoint
from dlrun.learners.learner import name_of
from dlrun.records.folder import TEST_ROWS, RunFolder
from dlrun.records.history import rewrite_history
from dlrun.records.status import Heartbeat
from dlrun.reports.summary import summary_lines
from dlrun.runs.kept import Identity, Keeper
from dlrun.runs.record import write_predictions
from dlrun.runs.score import Outcome, diagnosis, score

FILE = "snapshot.json"
"""File that tells a snapshot from other runs, and what it is a snapshot of."""

_SHARED = ("environment.json", "dataset.json", "split.npz", TEST_ROWS)


def write_snapshots(folder: RunFolder, experiment: Experiment, dataset: Dataset, outcome: Outcome) -> int:
    """Write the snapshots that all folds have made; what an earlier process has written is written again.

    Args:
        folder: The run, with its data and preprocessing on record.
        experiment: Settled.
        dataset: All rows.
        outcome: What all fits came to.

    Returns:
        How many there are.

    Raises:
        StorageError: A file cannot be written, or the fit of a fold that was resumed lacks a snapshot.
    """
    schedule = experiment.optimizer.schedule
    if not experiment.training.snapshots or not isinstance(schedule, Cosine):
        return 0
    epochs = schedule.cycle_ends(experiment.training.epochs)
    for cycle, epoch in enumerate(epochs, 1):
        if any(epoch not in fitted.snapshots for fitted in outcome.folds):
            raise StorageError(
                f"checkpoints/fits is damaged: it lacks the snapshot of epoch {epoch}",
                remedy="Remove the folder: what it holds is then computed again.",
            )
        stem, _, end = folder.id.rpartition("-")
        snapshot = folder.inner(SNAPSHOTS, f"{stem}-cycle-{cycle:0{len(str(len(epochs)))}}-{end}")
        with Heartbeat(snapshot):
            settings = _until(experiment, cycle, epoch)
            own = Outcome(tuple(fitted.snapshots[epoch] for fitted in outcome.folds), None, outcome.losses)
            snapshot.write_json(FILE, {"run": folder.id, "cycle": cycle, "epoch": epoch})
            _write(snapshot, folder, settings, dataset, own)
    return len(epochs)


def _until(experiment: Experiment, cycle: int, epoch: int) -> Experiment:
    """Return the experiment whose last epoch is the end of a cycle."""
    schedule = experiment.optimizer.schedule.model_copy(update={"cycles": cycle})
    optimizer = experiment.optimizer.model_copy(update={"schedule": schedule})
    training = experiment.training.model_copy(update={"epochs": epoch, "snapshots": False})
    return experiment.model_copy(update={"optimizer": optimizer, "training": training})


def _write(snapshot: RunFolder, folder: RunFolder, experiment: Experiment, dataset: Dataset, outcome: Outcome) -> None:
    config = to_yaml(experiment)
    snapshot.write_text("config.yaml", config)
    for name in (name for name in _SHARED if folder.file(name).is_file()):
        snapshot.write_bytes(name, folder.file(name).read_bytes())
    for file in folder.file("model").files("[!.]*.preprocessing.json"):
        snapshot.write_bytes(f"model/{file.name}", file.read_bytes())
    keeper = Keeper(snapshot, Identity(config, dataset.fingerprint))
    for fitted in outcome.folds:
        epoch = fitted.fit.best_epoch
        facts = {"fold": fitted.fold.number, "best_epoch": epoch}
        weights = fitted.fit.snapshots[epoch]
        keeper.checkpoint(f"best/{name_of(fitted.fold.number)}", Checkpoint(weights, facts))
    rewrite_history(snapshot.file("history.csv"), [row for fitted in outcome.folds for row in fitted.fit.history])
    write_predictions(snapshot, dataset, outcome)
    metrics: Metrics = score(experiment, dataset, outcome, look_at_test=False)
    metrics["test_looks"] = None
    metrics["diagnosis"] = diagnosis(experiment, dataset, metrics, outcome)
    snapshot.write_json("metrics.json", metrics)
    snapshot.write_text("output.log", "\n".join(summary_lines(metrics)) + "\n")
