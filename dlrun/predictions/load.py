"""load(): from a run folder or a bundle to a predictor."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from dlrun.ensembles.methods.combine import load_combination
from dlrun.errors import ConfigError, StorageError
from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.load import load_text
from dlrun.experiment.preprocessing.preprocessing import load_fitted
from dlrun.experiment.preprocessing.target import TargetTransform
from dlrun.learners.make import backend_of, make_learner
from dlrun.predictions.description import Description
from dlrun.predictions.ensemble import EnsemblePredictor
from dlrun.predictions.fitted_model import FittedModel
from dlrun.predictions.predictor import Predictor, RunPredictor
from dlrun.predictions.residuals import Residuals
from dlrun.records.folder import RunFolder
from dlrun.records.kinds import MEMBERS
from dlrun.records.stored import Stored, open_stored

COMBINATION = "model/combination.json"
"""Files of an ensemble: its members, and what combines them."""

RESIDUALS = "residuals.npz"
"""File of a bundle with the residuals of validation rows; a run folder has the predictions themselves."""

DIFFERENCES, RATIOS = "residuals", "log_residuals"
"""Names of its array: residuals in original units, or of logarithms."""


def load(run: str | Path | RunFolder) -> Predictor:
    """Load a run, so that it predicts as it did when it was trained.

    Args:
        run: A run folder or its path, or the path of a bundle.

    Raises:
        UsageError: There is no such run, or it has not finished.
        StorageError: A file of it is missing or damaged.
    """
    return load_stored(open_stored(run))


def load_stored(stored: Stored) -> Predictor:
    """Load the predictor of a run or an ensemble from its files.

    Raises:
        StorageError: A file is missing or damaged.
    """
    if stored.has(MEMBERS):
        return _load_ensemble(stored)
    experiment = read_experiment(stored)
    description = describe(stored, experiment)
    settled = backend_of(experiment).for_predictions()
    fits = [_fit(stored, settled, description.facts, *names) for names in fit_names(stored, experiment)]
    return RunPredictor(description, residuals(stored, description.facts, [experiment]), fits)


def _load_ensemble(stored: Stored) -> EnsemblePredictor:
    members = [_load_member(member) for member in open_members(stored)]
    description = describe(stored, _scored_as_ensemble(stored, members[0].description.experiment))
    for member in members:
        if _outputs(member.description) != _outputs(description):
            raise stored.damaged(MEMBERS, f"{member.id} predicts something else than the ensemble")
    combination = load_combination(stored.text(COMBINATION))
    if len(combination.weights) != len(members):
        raise stored.damaged(COMBINATION, f"it is made for {len(combination.weights)} members, not {len(members)}")
    found = residuals(stored, description.facts, [member.description.experiment for member in members])
    return EnsemblePredictor(description, found, members, combination)


def _outputs(description: Description) -> Hashable:
    """Return what members share; what they read may differ."""
    return description.facts.task, description.facts.num_outputs, description.class_names


def _scored_as_ensemble(stored: Stored, experiment: Experiment) -> Experiment:
    """Return the experiment of a member with the positive class of the ensemble, which older ones do not name."""
    named = stored.json(MEMBERS).get("positive_class")
    if named is None:
        return experiment
    evaluation = experiment.evaluation.model_copy(update={"positive_class": str(named)})
    return experiment.model_copy(update={"evaluation": evaluation})


def _load_member(stored: Stored) -> Predictor:
    if stored.has(MEMBERS):
        raise stored.damaged(MEMBERS, "an ensemble cannot be a member of another")
    return load_stored(stored)


def open_members(stored: Stored) -> list[Stored]:
    """Return the files of all members of an ensemble, in the order that it was made in.

    Raises:
        StorageError: `members.json` is damaged, or a member is missing.
    """
    try:
        entries = [(str(entry["id"]), str(entry["path"])) for entry in stored.json(MEMBERS)["members"]]
    except (LookupError, TypeError) as error:
        raise stored.damaged(MEMBERS, "it does not hold what dlrun writes") from error
    if not entries:
        raise stored.damaged(MEMBERS, "it names no members")
    return [stored.member(position, *entry) for position, entry in enumerate(entries)]


def fit_names(stored: Stored, experiment: Experiment) -> list[tuple[str, str]]:
    """Return the fits of a run that predict: the name of each, and that of its files in `model/`.

    Args:
        stored: The run's files.
        experiment: The run's own.

    Raises:
        StorageError: `dataset.json` is missing or damaged.
    """
    if experiment.training.refit:
        return [("refit", "model")]
    facts = stored.json("dataset.json")
    folds = facts.get("folds") if isinstance(facts, dict) else None
    if not isinstance(folds, list) or not folds:
        raise stored.damaged("dataset.json", "it tells no folds")
    if len(folds) == 1:
        return [("fold-0", "model")]
    return [(f"fold-{number}", f"fold-{number}") for number in range(len(folds))]


def fit_files(experiment: Experiment, fit: str, name: str) -> tuple[str, str]:
    """Return the files of a fit: that of its preprocessing, and that of its model.

    Args:
        experiment: The run's own.
        fit: Name of the fit, such as `fold-0`.
        name: Name of its files in `model/`.
    """
    return f"model/{name}.preprocessing.json", backend_of(experiment).file(fit, name)


def describe(stored: Stored, experiment: Experiment) -> Description:
    """Read what a run predicts, from what.

    Raises:
        StorageError: `dataset.json` is missing or damaged.
    """
    try:
        return _description(stored.id, stored.json("dataset.json"), experiment)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise stored.damaged("dataset.json", "it does not hold what dlrun writes") from error


def _description(id: str, data: Mapping[str, Any], experiment: Experiment) -> Description:  # noqa: A002
    targets, inputs = data["targets"], data["inputs"]
    class_names = tuple(str(name) for name in targets["classes"])
    task = experiment.dataset.task
    if task == "auto" or task != data["task"]:
        raise ValueError("the task is not that of the config")
    outputs = {"binary": 1, "multiclass": len(class_names)}.get(task) or int(targets["shape"][1])
    target_names = tuple(map(str, targets["names"]))
    _check_names(task, outputs, class_names, target_names)
    facts = DatasetFacts(
        task,
        data["input_kind"],
        tuple(int(size) for size in inputs["shape"][1:]),
        int(data["num_rows"]),
        0,
        outputs,
    )
    columns = {str(name): str(column["dtype"]) for name, column in inputs.get("columns", {}).items()}
    return Description(id, facts, class_names, target_names, columns, experiment)


def _check_names(task: str, outputs: int, class_names: Sequence[str], target_names: Sequence[str]) -> None:
    """Raise ValueError unless each class, label or target has a name of its own; labels and targets may have none."""
    names = target_names if task == "regression" else class_names
    if not names and task in ("regression", "multilabel"):
        return
    wanted = 2 if task == "binary" else outputs
    if len(names) != wanted or len(set(names)) != wanted:
        raise ValueError(f"{len(names)} names for {wanted} classes, labels or targets")


def read_experiment(stored: Stored) -> Experiment:
    """Read the config of a run; raises StorageError if it is missing or damaged."""
    try:
        return load_text(stored.text("config.yaml"), "config.yaml").experiment
    except ConfigError as error:
        raise stored.damaged("config.yaml", str(error.problems[0])) from error


def _fit(stored: Stored, experiment: Experiment, facts: DatasetFacts, fit: str, name: str) -> FittedModel:
    preprocessing_file, model_file = fit_files(experiment, fit, name)
    saved = stored.json(preprocessing_file)
    try:
        preprocessing = load_fitted(saved["inputs"])
        target = None if saved["target"] is None else TargetTransform.load(saved["target"])
        if target is not None and len(target.mean) != facts.num_outputs:
            raise ValueError("the target transform is of other targets")
    except (ValidationError, LookupError, TypeError, ValueError) as error:
        raise stored.damaged(preprocessing_file, "it does not hold what dlrun writes") from error
    learner, content = make_learner(experiment, facts), stored.read(model_file)
    try:
        learner.load(preprocessing, content)
    except StorageError as error:
        raise stored.damaged(model_file, error.message) from error
    return FittedModel(preprocessing, target, learner)


def residuals(stored: Stored, facts: DatasetFacts, experiments: Sequence[Experiment]) -> Residuals | None:
    """Read the residuals of validation rows; None if the task is no regression.

    Args:
        stored: The files of the run or ensemble.
        facts: Facts of its dataset.
        experiments: The run's own, or those of the members; if all of them took logarithms of the targets, residuals
            are differences of logarithms.

    Raises:
        StorageError: The file is missing or damaged.
    """
    if facts.task != "regression":
        return None
    name = RESIDUALS if stored.has(RESIDUALS) else "predictions/validation.npz"
    logarithmic = all(experiment.dataset.target_transform == "log" for experiment in experiments)
    try:
        if name == RESIDUALS:
            found = _bundled_residuals(stored)
        else:
            found = Residuals.of(*stored.arrays(name, "y_true", "y_pred"), logarithmic=logarithmic)
    except (ValueError, TypeError) as error:
        raise stored.damaged(name, str(error)) from error
    if found.values.ndim != 2 or found.values.shape[1] != facts.num_outputs or not len(found.values):
        raise stored.damaged("the record of validation predictions", f"its shape is {found.values.shape}")
    return found


def _bundled_residuals(stored: Stored) -> Residuals:
    """Read the residuals of a bundle; those of an older one are in original units."""
    if RATIOS not in stored.array_names(RESIDUALS):
        (values,) = stored.arrays(RESIDUALS, DIFFERENCES)
        return Residuals(np.sort(values, axis=0))
    values, lowest = stored.arrays(RESIDUALS, RATIOS, "lowest")
    return Residuals(np.sort(values, axis=0), True, float(lowest.item()))
