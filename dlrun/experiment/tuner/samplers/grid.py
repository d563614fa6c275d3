"""Grid: every combination, each once."""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.experiment.tuner.samplers.history import History
from dlrun.experiment.tuner.samplers.sampler import SpaceSampler
from dlrun.experiment.tuner.search import Search
from dlrun.experiment.tuner.space.dimensions import Point
from dlrun.experiment.tuner.space.distributions import Choice, Searchable, inner
from dlrun.experiment.tuner.space.space import Space


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

    def draws(self, space: Space, seed: int) -> "GridSampler":
        return GridSampler(space, seed)


class GridSampler(SpaceSampler):
    """Takes the points in their order, the last setting varying fastest, but not the config as written again."""

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self._first: list[Point] = []
        self._rest: Iterator[Point] | None = None

    def suggest(self, trial: int, history: History) -> Point | None:
        if self._rest is None:
            written = dict(history[0].point) if len(history) else self.written()
            self._rest = self._others(written)
        while len(self._first) < trial:
            point = next(self._rest, None)
            if point is None:
                return None
            self._first.append(point)
        return dict(self._first[trial - 1])

    def _others(self, written: Point) -> Iterator[Point]:
        taken = {str(self._space.coordinates(written))}  # a choice may list a value twice
        for number in range(self._space.num_points or 0):
            point = self._space.nth(number)
            place = str(self._space.coordinates(point))
            if place not in taken and self._space.allows(point):
                taken.add(place)
                yield point


def _is_countable(distribution: Searchable) -> bool:
    if isinstance(distribution, Choice):
        return all(_is_countable(found) for option in distribution.options for found in inner(option))
    return distribution.is_countable
