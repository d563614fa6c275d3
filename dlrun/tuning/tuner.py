"""Tuner: what is searched, and how trials are chosen."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.settings import Auto, ByKind, Items
from dlrun.tuning.distributions import Choice, Distribution, Searchable, inner
from dlrun.tuning.selection import Concludes


class Search(Concludes):
    """Base of the searches over a space; the config as written is always the first trial."""

    kind: str

    space: dict[str, Distribution] = Field(min_length=1)
    """What each setting may be, by its path as the YAML is written, such as `model.layers.0.dense.units`."""

    seed: int | Auto = "auto"
    """Where the randomness of the search comes from; `auto` is the experiment's own seed."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        """Refuse a path that leads into what another one replaces."""
        for path in self.space:
            for other in self.space:
                if path.startswith(f"{other}."):
                    message = "'{path}' lies inside '{other}', which is searched as a whole"
                    hint = "Write the inner search into the options of the choice."
                    raise PydanticCustomError(
                        "overlap", message, {"path": path, "other": other, "hint": hint, "setting": "space"}
                    )
        return self


class Draws(Search):
    """Base of the searches that could go on for ever."""

    trials: int = Field(50, ge=1)
    """Number of trials, the config as written included."""


class TPE(Draws):
    """Tree-structured Parzen estimators (Bergstra et al., 2011, "Algorithms for Hyper-Parameter Optimization")."""

    kind: Literal["tpe"] = "tpe"


class RandomSearch(Draws):
    """Independent draws (Bergstra and Bengio, 2012, "Random Search for Hyper-Parameter Optimization")."""

    kind: Literal["random"] = "random"


class Anneal(Draws):
    """Draws ever closer to the best trials so far, as Hyperopt's `anneal`."""

    kind: Literal["anneal"] = "anneal"


class QuasiRandom(Draws):
    """Draws that fill the space more evenly than independent ones."""

    kind: Literal["quasi_random"] = "quasi_random"


class Grid(Search):
    """Every combination of the values; all distributions must be countable."""

    kind: Literal["grid"] = "grid"

    trials: int | None = Field(None, ge=1)
    """Most trials; without it every combination is tried."""

    @model_validator(mode="after")
    def _countable(self) -> Self:
        for path, distribution in self.space.items():
            if not _is_countable(distribution):
                message = "'{path}' has no countable values for a grid"
                hint = "Use int, quniform, qloguniform or choice."
                raise PydanticCustomError("not_countable", message, {"path": path, "hint": hint, "setting": "space"})
        return self


class Manual(Concludes):
    """Trials that are listed one by one."""

    kind: Literal["manual"] = "manual"

    points: Items[dict[str, Any]] = Field(min_length=1)
    """The settings of each trial, by path: `- {optimizer.learning_rate: 1e-3, model.layers.0.dense.units: 32}`."""


def _is_countable(distribution: Searchable) -> bool:
    if isinstance(distribution, Choice):
        return all(_is_countable(found) for option in distribution.options for found in inner(option))
    return distribution.is_countable


Tuner = Annotated[TPE | RandomSearch | Anneal | Grid | QuasiRandom | Manual, Field(discriminator="kind"), ByKind()]
"""How trials are chosen."""
