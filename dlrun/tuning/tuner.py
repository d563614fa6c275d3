"""Tuner: the union of all kinds of search."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.settings import ByKind
from dlrun.tuning.samplers.anneal import Anneal
from dlrun.tuning.samplers.grid import Grid
from dlrun.tuning.samplers.manual import Manual
from dlrun.tuning.samplers.quasi_random import QuasiRandom
from dlrun.tuning.samplers.random_search import RandomSearch
from dlrun.tuning.samplers.tpe import TPE
from dlrun.tuning.search import Search

__all__ = ["Anneal", "Grid", "Manual", "QuasiRandom", "RandomSearch", "Search", "TPE", "Tuner"]

Tuner = Annotated[TPE | RandomSearch | Anneal | Grid | QuasiRandom | Manual, Field(discriminator="kind"), ByKind()]
"""How trials are chosen."""
