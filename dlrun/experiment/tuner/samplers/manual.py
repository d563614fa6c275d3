"""Manual: points that are listed one by one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from dlrun.base.settings import Items
from dlrun.experiment.tuner.samplers.history import History
from dlrun.experiment.tuner.samplers.sampler import Sampler
from dlrun.experiment.tuner.search import Tuning
from dlrun.experiment.tuner.space.dimensions import MISSING, Point, is_scalar, lookup


class Manual(Tuning):
    """Trials that are listed one by one."""

    kind: Literal["manual"] = "manual"

    points: Items[dict[str, Any]] = Field(min_length=1)
    """The settings of each trial, by path: `- {optimizer.learning_rate: 1e-3, model.layers.0.dense.units: 32}`."""

    def sampler(self, seed: int, written: Mapping[str, Any]) -> "ManualSampler":
        del seed
        return ManualSampler(self.points, written)

    @property
    def searched(self) -> frozenset[str]:
        return frozenset(path for point in self.points for path in point)

    def extremes(self) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
        for number, point in enumerate(self.points):
            yield ("tuner", "points", number), point

    def options(self, path: str) -> tuple[Any, ...]:
        return tuple(point[path] for point in self.points if path in point)


class ManualSampler(Sampler):
    """Takes the points in the order of the list.

    Args:
        points: Values by config path.
        written: The complete config as nested plain values.
    """

    def __init__(self, points: Sequence[Mapping[str, Any]], written: Mapping[str, Any]) -> None:
        self._points = points
        self._written = written

    def suggest(self, trial: int, history: History) -> Point | None:
        del history
        return dict(self._points[trial - 1]) if trial <= len(self._points) else None

    def overrides(self, point: Mapping[str, Any]) -> dict[str, Any]:
        if dict(point) not in self._points:
            raise KeyError("no point of the list")
        return dict(point)

    def written(self) -> Point:
        paths = dict.fromkeys(path for point in self._points for path in point)
        found = {path: lookup(self._written, path) for path in paths}
        return {path: value for path, value in found.items() if value is not MISSING and is_scalar(value)}
