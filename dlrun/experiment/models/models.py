"""Model: the union of all models; a new one is one class in its own file and one name here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.base.settings import ByKind, members
from dlrun.experiment.models.gradient_boosting import GradientBoosting
from dlrun.experiment.models.linear import Linear
from dlrun.experiment.models.model_settings import ModelSettings
from dlrun.experiment.models.network.network import Network
from dlrun.experiment.models.random_forest import RandomForest

Model = Annotated[
    Network
    | Linear
    | RandomForest
    # A new model: one line above this one.
    | GradientBoosting,
    Field(discriminator="kind"),
    ByKind(),
]


def model_kinds() -> dict[str, type[ModelSettings]]:
    """Map the name of every kind of model to its class."""
    return {kind: known for kind, known in members(Model).items() if issubclass(known, ModelSettings)}
