"""Re-scoring: a finalist fitted again on other divisions of the development rows, from other seeds.

The best of many validation scores is partly luck: it was picked because it is high. A score of the same settings on
rows divided anew was not picked, so that it shows how much of the winner's lead was luck (Cawley and Talbot, 2010,
"On Over-fitting in Model Selection"). Luck lies in the initial weights and in the order of the rows as well
(Bouthillier et al., 2021, "Accounting for Variance in Machine Learning Benchmarks"), so that the seed changes too. The
test rows stay what they are and are never looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlrun.experiment.datasets.dataset import Dataset
    from dlrun.experiment.experiment import Experiment


def rescore(experiment: Experiment, dataset: Dataset | None, shuffle: int) -> dict[str, Any]:
    """Fit an experiment on another division of its development rows and from another seed, leaving no record.

    Args:
        experiment: What to do.
        dataset: What `experiment.dataset` loads, if that has been done already.
        shuffle: Number of the division, from 1.

    Returns:
        `validation`: the scores, means over the folds.

    Raises:
        ConfigError, DataError, ModelError, UsageError: It cannot be carried out.
        RunFailed: Training could not end well.
    """
    import numpy as np

    from dlrun.experiment.evaluation.evaluation import mean_scores
    from dlrun.learners.listener import Listener
    from dlrun.learners.make import make_learner, settle
    from dlrun.runs.fit import Context, fit_fold, prepare
    from dlrun.runs.score import scores_of

    dataset = experiment.dataset.load() if dataset is None else dataset
    plan = experiment.validation.split(dataset, experiment.seed, shuffle=shuffle)
    seed = int(np.random.SeedSequence([experiment.seed, shuffle]).generate_state(1)[0])
    experiment = settle(experiment.model_copy(update={"seed": seed}), dataset.facts)
    learner = make_learner(experiment, dataset.facts)
    context = Context(experiment, dataset, plan, learner, Listener(), _discard, _discard, _nothing_stored)
    scores = []
    for fold in plan.folds:
        part = fit_fold(context, fold, prepare(experiment, dataset, learner, fold.training)).validation
        scores.append(scores_of(experiment, dataset, part))
    return {"validation": mean_scores(scores)}


def _nothing_stored(_fold: int) -> tuple[None, None]:
    """Return that no earlier process has begun a fit."""
    return None, None


def _discard(*_: object) -> None:
    """Keep nothing."""
