"""Experiment: the sections of a config put together."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import Later
from dlrun.experiment.datasets.sources.sources import DatasetSource
from dlrun.experiment.evaluation.evaluation import Evaluation
from dlrun.experiment.models.models import Model
from dlrun.experiment.optimizers.adaptive import RMSprop
from dlrun.experiment.optimizers.optimizers import Optimizer
from dlrun.experiment.preprocessing.preprocessing import Preprocessing
from dlrun.experiment.training.training import Training
from dlrun.experiment.tuner.check import Searched
from dlrun.experiment.validation.holdout import Holdout
from dlrun.experiment.validation.schemes import Validation

if TYPE_CHECKING:
    from dlrun.experiment.tuner.tuners import Tuner
else:
    Tuner = Annotated[Any, Later("dlrun.experiment.tuner.tuners", "Tuner")]

NAME_PATTERN = r"^[A-Za-z0-9](?:\.?[A-Za-z0-9_-])*$"
"""What a run may be called; it becomes part of a folder's name."""


class Experiment(Searched):
    """One validated config: what is learned from which data, how, and how it is scored."""

    name: str = Field("experiment", pattern=NAME_PATTERN, max_length=64)
    """Name of the run; letters, digits, `_`, `-` and single dots, at most 64."""

    seed: int = Field(42, ge=0, lt=2**32)
    """Where all randomness comes from: initial weights, row order, dropout, bootstrap, and the split unless
    `validation.seed` is given."""

    dataset: DatasetSource
    """The rows to learn from."""

    preprocessing: Preprocessing = Preprocessing()
    """How inputs are made ready; fitted on training rows only."""

    model: Model
    """What is fitted."""

    optimizer: Optimizer = RMSprop()
    """How a network's weights are moved; other models have no use for it."""

    training: Training = Training()
    """How the model is fitted."""

    validation: Validation = Field(Holdout(), validate_default=True)
    """Which rows validate and which test."""

    evaluation: Evaluation = Evaluation()
    """How predictions are scored."""

    tuner: Tuner | None = None
    """The search space of `dlrun tune`; `dlrun train` takes from it only which score tells the best epoch."""

    @field_validator("validation", mode="after")
    @classmethod
    def _keeps_groups_and_time(cls, scheme: Any, info: ValidationInfo) -> Any:
        """Refuse a scheme that would tear apart what the dataset says belongs together, before any data are read."""
        dataset = info.data.get("dataset")
        torn = scheme.torn_by(dataset.role_names) if dataset is not None else None
        if torn:
            raise PydanticCustomError("torn", "{what}", {"what": torn[0], "hint": torn[1]})
        return scheme
