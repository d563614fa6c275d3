"""Optimizer: the union of all optimizers; a new one is one class and one name here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.base.settings import ByKind
from dlrun.experiment.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam, ScheduleFreeAdamW
from dlrun.experiment.optimizers.adaptive import Adadelta, Adafactor, Adagrad, Ftrl, RMSprop
from dlrun.experiment.optimizers.descent import SGD, Lion, Muon

Optimizer = Annotated[
    SGD
    | RMSprop
    | Adam
    | AdamW
    | Adamax
    | Nadam
    | Adagrad
    | Adadelta
    | Adafactor
    | Ftrl
    | Lamb
    | Lion
    | Muon
    # A new optimizer: one line above this one.
    | ScheduleFreeAdamW,
    Field(discriminator="kind"),
    ByKind(),
]
