"""Validation: the union of all schemes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.base.settings import ByKind
from dlrun.experiment.validation.holdout import Holdout
from dlrun.experiment.validation.kfold import KFold
from dlrun.experiment.validation.repeated_kfold import RepeatedKFold

Validation = Annotated[
    Holdout
    | KFold
    # A new scheme: one line above this one.
    | RepeatedKFold,
    Field(discriminator="kind"),
    ByKind(),
]
"""How rows are divided into training, validation and test."""
