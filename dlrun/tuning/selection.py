"""Selection: what follows a search, once its trials are done."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dlrun.settings import Settings


class Selection(Settings):
    """How the winner is chosen among the best trials, and how much of its lead is expected to be luck."""

    finalists: int = Field(3, ge=1)
    """How many of the best trials are fitted again on development rows divided anew."""

    reshuffles: int = Field(2, ge=0)
    """How many such divisions there are; 0 leaves this out. Rows in order of time are never divided anew."""

    by: Literal["search", "rescored"] = "search"
    """Whether the winner has the best score of the search, or the best mean score on the other divisions."""


class Concludes(Settings):
    """Base of the searches: what they keep, and how they end."""

    selection: Selection = Selection()
    """How the winner is chosen and re-scored."""

    keep_weights: int = Field(5, ge=0)
    """How many of the best trials keep their weights; all keep their scores, predictions and curves."""
