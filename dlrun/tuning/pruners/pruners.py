"""Pruners: the union of all rules that stop trials early."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.settings import ByKind
from dlrun.tuning.pruners.asha import ASHA
from dlrun.tuning.pruners.hyperband import Hyperband
from dlrun.tuning.pruners.median import Median
from dlrun.tuning.pruners.none import NoPruner
from dlrun.tuning.pruners.racing import Racing
from dlrun.tuning.pruners.wilcoxon import Wilcoxon

Pruner = Annotated[ASHA | Hyperband | Median | NoPruner | Racing | Wilcoxon, Field(discriminator="kind"), ByKind()]
"""Which trials are stopped early."""
