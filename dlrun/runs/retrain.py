"""Retraining: the models of runs that keep none, trained again from their records and held against their predictions.

A study removes the weights of all but its best trials; what such a trial predicts is on record, and the same config and
seed give the same model again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlrun.base.text import printable
from dlrun.config.write import to_yaml
from dlrun.errors import ConfigError, DataError, RunFailed, StorageError, UsageError
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.load import load_text
from dlrun.records.arrays import decode_arrays
from dlrun.records.environment import environment, environment_changes
from dlrun.records.folder import RunFolder
from dlrun.runs.trust import require_trust

if TYPE_CHECKING:
    from dlrun.experiment.datasets.dataset import Dataset

_PARTS = ("validation", "test")

_WITHIN = 1e-3
"""Largest difference between a model and its record that other versions or threads excuse: of probabilities, or in
standard deviations of a target."""

_LEAVE_OUT = "missing_models=leave_out combines only what keeps its model."


@dataclass(frozen=True)
class Retraining:
    """Runs that are to be trained again, with everything that can be refused before.

    Args:
        runs: Their folders, each with the experiment on record.
        datasets: What the datasets of the experiments load, by their settings as YAML.
    """

    runs: tuple[tuple[RunFolder, Experiment], ...]
    datasets: Mapping[str, Dataset]

    @classmethod
    def of(cls, runs: Sequence[RunFolder], *, trust: bool) -> Retraining:
        """Read the configs of finished runs, and load their data.

        Args:
            runs: Their folders.
            trust: Whether the configs may name code to run.

        Raises:
            UsageError: A run cannot be trained again, or is not to be trusted.
            DataError: Its data cannot be loaded.
            StorageError: A record cannot be read.
        """
        found, datasets = [], {}
        for run in runs:
            experiment = _experiment(run)
            require_trust(experiment, f"the member {run.id}, which is to be trained again,", trusted=trust)
            source = to_yaml(experiment.dataset)
            if source not in datasets:
                datasets[source] = experiment.dataset.load()
            _check_data(run, datasets[source])
            found.append((run, experiment))
        return cls(tuple(found), datasets)

    def carry_out(self, folder: Path, tell: Callable[[str], None]) -> dict[str, Path]:
        """Train all runs again.

        Their test rows are predicted and not scored, as in a study.

        Args:
            folder: Where the new runs go.
            tell: Hears of the progress.

        Returns:
            The new folder of each run, by the id of the old one.

        Raises:
            RunFailed: A run predicts otherwise than it did.
            DlrunError: As `run_experiment`.
        """
        from dlrun.runs.run import AsTrial, run_experiment

        made = {}
        for number, (run, experiment) in enumerate(self.runs, 1):
            dataset = self.datasets[to_yaml(experiment.dataset)]
            new = run_experiment(experiment, runs_dir=folder, dataset=dataset, trial=AsTrial())
            difference = _compare(run, RunFolder(new.path), experiment)
            exactly = "the same predictions" if difference == 0 else f"predictions within {difference:.1g}"
            tell(f"trained again {number} of {len(self.runs)}: {run.id}, {exactly}")
            made[run.id] = new.path
        return made


def _experiment(run: RunFolder) -> Experiment:
    refused = f"the member {run.id} keeps no model, and cannot be trained again: "
    if run.file("snapshot.json").is_file():
        raise UsageError(f"{refused}it is a snapshot, which training again does not end with", remedy=_LEAVE_OUT)
    try:
        return load_text(run.read_text("config.yaml"), str(run.file("config.yaml"))).experiment
    except ConfigError as error:
        raise UsageError(f"{refused}{error.problems[0]}", remedy=_LEAVE_OUT) from error


def _check_data(run: RunFolder, dataset: Dataset) -> None:
    facts = run.read_json("dataset.json")
    recorded = facts.get("fingerprint") if isinstance(facts, dict) else None
    if dataset.fingerprint != recorded:
        raise UsageError(
            f"the member {run.id} keeps no model, and cannot be trained again: its data have changed since "
            f"(fingerprint {printable(str(recorded))[:12]} then, {dataset.fingerprint[:12]} now)",
            remedy=f"Put the data back as they were; or {_LEAVE_OUT}",
        )


def _compare(run: RunFolder, new: RunFolder, experiment: Experiment) -> float:
    """Return the largest difference between the predictions of two runs.

    Raises:
        RunFailed: It is more than other versions would make it.
    """
    largest = max(_difference(run, new, part, experiment) for part in _PARTS)
    if largest <= _WITHIN:
        return largest
    changes = environment_changes(run.read_json("environment.json"), environment(argv=()))
    because = f"; since then {'; '.join(changes[:4])}" if changes else ""
    raise RunFailed(
        f"the member {run.id}, trained again, predicts otherwise than its record: by up to {largest:.2g}{because}",
        remedy=f"{_LEAVE_OUT} `dlrun reproduce {run.path}` tells what differs.",
    )


def _difference(run: RunFolder, new: RunFolder, part: str, experiment: Experiment) -> float:
    """Return the largest difference between predictions for the same rows; infinite if these are not the same."""
    import numpy as np

    name = f"predictions/{part}.npz"
    contents = [folder.file(name).read_bytes() if folder.file(name).is_file() else b"" for folder in (run, new)]
    if contents[0] == contents[1]:
        return 0.0
    if not all(contents):
        return float("inf")
    before, now = (_arrays(content, name) for content in contents)
    if not np.array_equal(before["row"], now["row"]) or before["y_pred"].shape != now["y_pred"].shape:
        return float("inf")
    if not np.array_equal(before["y_true"], now["y_true"]):
        return float("inf")
    spreads = before["y_true"].std(axis=0) if experiment.dataset.task == "regression" else np.ones(1)
    differences = np.abs(before["y_pred"] - now["y_pred"]) / np.where(spreads > 0, spreads, 1.0)
    return float(differences.max(initial=0))


def _arrays(content: bytes, name: str) -> dict[str, Any]:
    try:
        return decode_arrays(content, name, ("row", "y_true", "y_pred"))
    except DataError as error:
        raise StorageError(f"{name} is damaged") from error
