"""Checking: what is wrong with a search as a whole, found before anything is begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlrun.tuning.objective import objective_of

if TYPE_CHECKING:
    from dlrun.experiment import Experiment


def check_search(experiment: Experiment) -> None:
    """Refuse objectives that will not be measured and constraints that leave no point.

    Args:
        experiment: As it was written; nothing is checked without a tuner.

    Raises:
        ConfigError: The search could not be carried out.
    """
    tuner = experiment.tuner
    if tuner is None:
        return
    from dlrun.config.writing import plain

    objective_of(experiment)
    seed = experiment.seed if tuner.seed == "auto" else tuner.seed
    tuner.sampler(seed, plain(experiment.model_copy(update={"tuner": None})))


def idle_pruner(experiment: Experiment) -> str | None:
    """Say why the tuner's pruner can stop no trial; None if it could stop some.

    Args:
        experiment: As it was written.
    """
    tuner = experiment.tuner
    if tuner is None or tuner.pruner.kind == "none":
        return None
    pruner, searched = tuner.pruner, tuner.searched
    if pruner.per == "fold" and "fold" not in experiment.validation.kind:
        return (
            f"the pruner {pruner.kind} stops nothing: it looks at folds, and validation is {experiment.validation.kind}"
        )
    if pruner.per == "fold" or searched & {"model", "model.kind", "training", "training.epochs"}:
        return None
    if experiment.model.kind != "network":
        return f"the pruner {pruner.kind} stops nothing: a {experiment.model.kind} model has no epochs"
    first = getattr(pruner, "min_epochs", getattr(pruner, "epochs", 0))
    if first >= experiment.training.epochs:
        return f"the pruner {pruner.kind} stops nothing: it waits for epoch {first} of {experiment.training.epochs}"
    return None
