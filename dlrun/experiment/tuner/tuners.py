"""Tuner: the union of all kinds of search."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.base.settings import ByKind
from dlrun.experiment.tuner.samplers.anneal import Anneal
from dlrun.experiment.tuner.samplers.grid import Grid
from dlrun.experiment.tuner.samplers.manual import Manual
from dlrun.experiment.tuner.samplers.quasi_random import QuasiRandom
from dlrun.experiment.tuner.samplers.random_search import RandomSearch
from dlrun.experiment.tuner.samplers.tpe import TPE

Tuner = Annotated[
    TPE
    | RandomSearch
    | Anneal
    | Grid
    | QuasiRandom
    # A new kind of search: one line above this one.
    | Manual,
    Field(discriminator="kind"),
    ByKind(),
]
"""How trials are chosen."""
