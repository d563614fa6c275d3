"""Description: what a stored run predicts, from what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing


@dataclass(frozen=True)
class Description:
    """What a run predicts, from what.

    Args:
        id: Id of the run.
        facts: Facts of the dataset that it learned from.
        class_names: Names of the classes or labels, in the order of the codes.
        target_names: Names of the targets.
        columns: Type of each column of a table as polars names it, by name; empty for arrays.
        experiment: The run's experiment; an ensemble has that of its first member.
    """

    id: str
    facts: DatasetFacts
    class_names: tuple[str, ...]
    target_names: tuple[str, ...]
    columns: dict[str, str]
    experiment: Experiment


class Described(Protocol):
    """What is asked of a run whose data are opened: of its `Predictor`."""

    @property
    def id(self) -> str: ...

    @property
    def description(self) -> Description: ...

    @property
    def preprocessing(self) -> FittedPreprocessing: ...

    @property
    def columns(self) -> dict[str, str]: ...

    def require_one_input(self) -> None: ...
