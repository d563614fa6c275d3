"""Pruners: the union of all rules that stop trials early."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.base.settings import ByKind
from dlrun.experiment.tuner.pruners.asha import ASHA
from dlrun.experiment.tuner.pruners.hyperband import Hyperband
from dlrun.experiment.tuner.pruners.median import Median
from dlrun.experiment.tuner.pruners.none import NoPruner
from dlrun.experiment.tuner.pruners.racing import Racing
from dlrun.experiment.tuner.pruners.wilcoxon import Wilcoxon

Pruner = Annotated[
    ASHA
    | Hyperband
    | Median
    | NoPruner
    | Racing
    # A new pruner: one line above this one.
    | Wilcoxon,
    Field(discriminator="kind"),
    ByKind(),
]
"""Which trials are stopped early."""
