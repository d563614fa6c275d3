"""Resolving: every choice that a config leaves to dlrun is made here, from the facts of the dataset."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from dlrun.base.machine import free_cpus, usable_cpus
from dlrun.errors import ConfigError, Problem
from dlrun.experiment.datasets.dataset import DatasetFacts, Task
from dlrun.experiment.evaluation.metrics import LOSS, metrics_for
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.optimizers.schedules import Cosine
from dlrun.experiment.training import rules
from dlrun.experiment.training.losses import BinaryCrossentropy, CategoricalCrossentropy, Loss, MeanSquaredError
from dlrun.experiment.training.training import Training

Device = Literal["cpu", "gpu"]

LOG_MARGIN = 0.05
"""Share of the range of logarithms by which predictions may leave it, unless the config says otherwise.

Measured with ridge regression on 15 tables: without a bound R2 fell to -0.03 and far below on six of them, where 0.05
kept it above 0.38; a bound at the very range costs where the truth goes further.
"""

_LOSSES: dict[Task, Loss] = {
    "binary": BinaryCrossentropy(),
    "multiclass": CategoricalCrossentropy(),
    "multilabel": BinaryCrossentropy(),
    "regression": MeanSquaredError(),
}
"""Loss of each task unless another one is asked for."""


def resolve(experiment: Experiment, facts: DatasetFacts, device: Device = "cpu") -> Experiment:
    """Return the experiment with every `auto` replaced by what it stands for.

    Args:
        experiment: What the user wrote.
        facts: What is known of the dataset.
        device: Where the training will take place if the config leaves it open.

    Raises:
        ConfigError: A metric, monitor or loss does not suit the task.
        DataError: The rows cannot be divided as asked.
    """
    experiment.validation.check(facts)
    transform = _target_transform(experiment, facts)
    margin = experiment.dataset.target_margin
    if margin == "auto":
        margin = LOG_MARGIN if transform == "log" and facts.task == "regression" else None
    settled: dict[str, Any] = {
        "dataset": experiment.dataset.model_copy(
            update={"task": facts.task, "target_transform": transform, "target_margin": margin}
        ),
        "preprocessing": experiment.preprocessing.resolve(facts.input_kind),
        "validation": experiment.validation.resolve(facts.task, experiment.seed),
        "evaluation": experiment.evaluation.resolve(facts.task, facts.num_outputs),
    }
    settled["model"] = experiment.model.resolved(facts.task, positive_for=_positive_for(experiment.training))
    if experiment.model.has_epochs:
        monitor = _monitor(experiment, settled["evaluation"].metrics)
        settled["training"] = _resolve_training(experiment, facts, device, monitor)
    else:
        settled["training"] = _with_threads(experiment, facts)
    resolved = experiment.model_copy(update=settled)
    _check_monitor(experiment, resolved, facts)
    _check_snapshots(resolved)
    return resolved


def _positive_for(training: Training) -> str | None:
    """Return the name of the loss if it is undefined for outputs below 0."""
    loss = training.loss
    return loss.kind if loss != "auto" and loss.needs_positive_outputs else None


def _resolve_training(experiment: Experiment, facts: DatasetFacts, device: Device, monitor: str) -> Training:
    training, workload = experiment.training, experiment.model.workload(facts)
    where: Device = device if training.device == "auto" else training.device
    num_rows = facts.num_rows - facts.num_own_test_rows
    steps = math.ceil(num_rows / training.batch_size) * training.epochs
    convolutional, random = workload.convolves, workload.draws
    batch_work = workload.amount * training.batch_size
    chosen = {
        "loss": _LOSSES[facts.task] if training.loss == "auto" else _suited(training.loss, facts),
        "monitor": monitor,
        "engine": rules.engine(_num_bytes(facts)),
        "precision": rules.precision(device=where, convolutional=convolutional),
        "device": where,
        "threads": rules.threads(batch_work, convolutional=convolutional, cores=usable_cpus()),
        "jit": rules.jit(batch_work, device=where, convolutional=convolutional, random=random, num_steps=steps),
        "slice_steps": rules.slice_steps(batch_work),
    }
    left_open = {name: value for name, value in chosen.items() if name == "loss" or getattr(training, name) == "auto"}
    early = training.early_stopping
    if early is not None and early.monitor == "auto":
        watched = str(left_open.get("monitor", training.monitor))
        left_open["early_stopping"] = early.model_copy(update={"monitor": watched})
    return training.model_copy(update=left_open)


def _with_threads(experiment: Experiment, facts: DatasetFacts) -> Training:
    """Return what is known of the training of a model without epochs: the threads."""
    training, workload = experiment.training, experiment.model.workload(facts)
    if training.threads != "auto":
        return training
    threads = rules.estimator_threads(
        workload.amount, same_bits=workload.same_bits, cores=usable_cpus(), free=free_cpus
    )
    return training.model_copy(update={"threads": threads})


def _target_transform(experiment: Experiment, facts: DatasetFacts) -> str:
    """Choose how regression targets are prepared; some losses only know targets as they are."""
    written, loss = experiment.dataset.target_transform, experiment.training.loss
    positive = loss != "auto" and loss.needs_positive and experiment.model.has_epochs
    if written == "auto":
        return "none" if facts.task != "regression" or positive else "standardize"
    if written != "none" and loss != "auto" and positive:
        message = f"{written!r} yields negative targets, which the loss {loss.kind!r} does not take"
        raise ConfigError([Problem("", "dataset.target_transform", message, "Set it to none, or choose another loss.")])
    return written


def _monitor(experiment: Experiment, metrics: Sequence[str]) -> str:
    """Choose what tells the best epoch: a search must score its trials where they are best by its own objective.

    Args:
        experiment: As it was written.
        metrics: Scores beside the loss.
    """
    early, tuner = experiment.training.early_stopping, experiment.tuner
    if early is not None and early.monitor != "auto":
        return early.monitor
    objectives = () if tuner is None or tuner.objectives == "auto" else tuner.objectives
    scores = [name.removeprefix("val_") for name in objectives]
    return next((f"val_{name}" for name in scores if name == LOSS or name in metrics), f"val_{LOSS}")


def _num_bytes(facts: DatasetFacts) -> int:
    width = 1 if facts.input_kind in {"images", "indicators"} else 4
    return facts.num_rows * math.prod(facts.input_shape) * width


def _suited(loss: Any, facts: DatasetFacts) -> Any:
    if facts.task in loss.keras_names:
        return loss
    expected = _LOSSES[facts.task]
    message = f"the loss {loss.kind!r} does not suit the task {facts.task!r}"
    raise ConfigError([Problem("", "training.loss", message, f"Leave it out for {expected.kind!r}.")])


def _check_snapshots(experiment: Experiment) -> None:
    """Refuse snapshots of what has no cycles, or whose cycles would not come to their ends."""
    training, schedule = experiment.training, experiment.optimizer.schedule
    if not training.snapshots:
        return
    message, hint = "", "Set optimizer.schedule={kind: cosine, cycles: 4}, or leave snapshots out."
    if not experiment.model.has_epochs:
        message, hint = f"the model {experiment.model.kind!r} has no epochs to take snapshots of", "Leave it out."
    elif not isinstance(schedule, Cosine) or schedule.cycles < 2:
        message = "snapshots are taken at the ends of cycles, and the learning rate has only one course"
    elif not float(schedule.warmup_epochs).is_integer():
        message = f"the warm-up of {schedule.warmup_epochs:g} epochs does not end with an epoch, nor do cycles after it"
        hint = "Set optimizer.schedule.warmup_epochs to a whole number."
    elif not schedule.cycle_ends(training.epochs):
        message = f"{schedule.cycles} cycles in {training.epochs} epochs do not end with an epoch each"
        epochs = math.ceil(training.epochs / schedule.cycles) * schedule.cycles + math.ceil(schedule.warmup_epochs)
        hint = f"Set training.epochs to a multiple of the cycles (the warm-up comes on top), such as {epochs}."
    elif training.early_stopping is not None:
        message, hint = "early stopping would end the cycles before their time", "Set training.early_stopping=false."
    elif training.refit:
        message, hint = "a refit takes as many epochs as were best, not whole cycles", "Set training.refit=false."
    if message:
        raise ConfigError([Problem("", "training.snapshots", message, hint)])


def _check_monitor(written: Experiment, experiment: Experiment, facts: DatasetFacts) -> None:
    """Refuse a monitor that no epoch will measure, before anything is trained.

    Args:
        written: The experiment as it was written.
        experiment: The same, resolved.
        facts: What is known of the dataset.
    """
    training = experiment.training
    if training.monitor == "auto":
        return
    names = ["val_loss", *(f"val_{name}" for name in experiment.evaluation.metrics)]
    early = written.training.early_stopping
    own = early is not None and early.monitor not in ("auto", "val_loss")
    place = "training.early_stopping.monitor" if own else "training.monitor"
    if early is not None and early.monitor not in ("auto", training.monitor):
        both = f"watches {training.monitor!r}, but early_stopping watches {early.monitor!r}"
        raise ConfigError([Problem("", "training.monitor", both, "Name the same value in both, or leave it out.")])
    if training.monitor not in names:
        hint = f"Choose one of {', '.join(names)}."
        metric = training.monitor.removeprefix("val_")
        if metric != training.monitor and metric in metrics_for(facts.task):
            hint = f"Add {metric!r} to evaluation.metrics, or choose one of {', '.join(names)}."
        raise ConfigError([Problem("", place, f"no value {training.monitor!r} will be measured", hint)])
