"""Checking: what is wrong with a search as a whole, found before anything is begun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlrun.studies.objective import objective_of

if TYPE_CHECKING:
    from dlrun.experiment.datasets.dataset import Dataset
    from dlrun.experiment.experiment import Experiment
    from dlrun.experiment.validation.plan import SplitPlan


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
    from dlrun.config.write import plain

    objective_of(experiment)
    seed = experiment.seed if tuner.seed == "auto" else tuner.seed
    tuner.sampler(seed, plain(experiment.model_copy(update={"tuner": None})))


def check_objectives(experiment: Experiment, dataset: Dataset, plan: SplitPlan, objectives: Sequence[str]) -> None:
    """Refuse objectives that no trial could have: all trials share the parts, and these lack rows of some kind.

    Args:
        experiment: As it was written.
        dataset: All rows.
        plan: Their parts.
        objectives: Names of the scores and costs that the search looks at.

    Raises:
        DataError: An objective is undefined in a fold, whatever is predicted.
    """
    from dlrun.errors import DataError
    from dlrun.experiment.evaluation.undefined import find_undefined

    parts = {name: dataset.y[rows] for name, rows in plan.validated.items()}
    positive = experiment.evaluation.positive_code(dataset.class_names)
    found = find_undefined(dataset.task, parts, dataset.class_names, objectives, positive)
    certain = [undefined for undefined in found if undefined.lack.is_certain]
    if certain:
        raise DataError(
            f"no trial could be scored: {certain[0]}",
            remedy=f"{experiment.validation.advice_on_poor_parts(dataset.task)} Or choose other tuner.objectives.",
        )


def idle_pruner(experiment: Experiment) -> str | None:
    """Say why the tuner's pruner can stop no trial; None if it could stop some.

    Args:
        experiment: As it was written.
    """
    tuner = experiment.tuner
    if tuner is None or tuner.pruner.never:
        return None
    pruner, searched, validation = tuner.pruner, tuner.searched, experiment.validation
    if pruner.per == "fold" and validation.num_folds == 1:
        return f"the pruner {pruner.kind} stops nothing: it looks at folds, and validation is {validation.kind}"
    if pruner.per == "fold" or searched & {"model", "model.kind", "training", "training.epochs"}:
        return None
    if not experiment.model.has_epochs:
        return f"the pruner {pruner.kind} stops nothing: a {experiment.model.kind} model has no epochs"
    first = pruner.first_step
    if first >= experiment.training.epochs:
        return f"the pruner {pruner.kind} stops nothing: it waits for epoch {first} of {experiment.training.epochs}"
    return None
