"""Model: the union of all models; a new one is one class in its own file and one name here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.models.gradient_boosting import GradientBoosting
from dlrun.models.linear import Linear
from dlrun.models.network.network import Network
from dlrun.models.random_forest import RandomForest
from dlrun.settings import ByKind

Model = Annotated[Network | Linear | RandomForest | GradientBoosting, Field(discriminator="kind"), ByKind()]
