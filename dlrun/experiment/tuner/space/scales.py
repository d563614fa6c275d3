"""Scales: from a distribution's values to coordinates that every sampler understands, and back.

A sampler sees three kinds of coordinates: a number of an interval whose values are equally likely, a normally
distributed number, and the position of a category. Whatever coordinate it comes up with, the value that it stands for
lies within the bounds.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from dlrun.experiment.tuner.space.distributions import (
    Choice,
    Int,
    LogInt,
    LogNormal,
    LogUniform,
    Normal,
    QLogUniform,
    Quantized,
    QUniform,
    Searchable,
    Uniform,
)


@dataclass(frozen=True)
class Interval:
    """Coordinates from `low` to `high`, all equally likely."""

    low: float
    high: float

    def from_unit(self, unit: float) -> float:
        """Return the coordinate below which the share `unit` of all lies."""
        return self.low + unit * (self.high - self.low)


@dataclass(frozen=True)
class Bell:
    """Normally distributed coordinates."""

    mean: float
    deviation: float

    def from_unit(self, unit: float) -> float:
        """Return the coordinate below which the share `unit` of all lies."""
        return NormalDist(self.mean, self.deviation).inv_cdf(min(max(unit, 1e-12), 1 - 1e-12))


@dataclass(frozen=True)
class Categories:
    """Coordinates 0, 1, ... `number` - 1 without an order, all equally likely."""

    number: int

    def from_unit(self, unit: float) -> float:
        """Return the coordinate below which the share `unit` of all lies."""
        return min(int(unit * self.number), self.number - 1)


Prior = Interval | Bell | Categories


class Scale(ABC):
    """Maps coordinates to values and back.

    Args:
        prior: How the coordinates are distributed.
        num_values: Number of different values; None for infinitely many.
        is_log: Whether the logarithm of the values is what is distributed.
    """

    def __init__(self, prior: Prior, num_values: int | None = None, *, is_log: bool = False) -> None:
        self.prior = prior
        self.num_values = num_values
        self.is_log = is_log

    @abstractmethod
    def value(self, coordinate: float) -> Any:
        """Return the value of any coordinate; one beyond the ends stands for the end."""

    @abstractmethod
    def coordinate(self, value: Any) -> float | None:
        """Return the coordinate of a value; None if it is not one of the distribution's."""

    def nth(self, number: int) -> Any:
        """Return a value by its position in their order."""
        raise TypeError(f"{type(self).__name__} has no countable values, so no number {number}")


class _Continuous(Scale):
    """Numbers between two bounds, or their logarithms."""

    def __init__(self, low: float, high: float, *, log: bool) -> None:
        super().__init__(Interval(math.log(low), math.log(high)) if log else Interval(low, high), is_log=log)
        self._low, self._high = low, high

    def value(self, coordinate: float) -> float:
        value = math.exp(min(coordinate, 700.0)) if self.is_log else coordinate
        return float(min(max(value, self._low), self._high))

    def coordinate(self, value: Any) -> float | None:
        if not _is_number(value) or not self._low <= value <= self._high:
            return None
        return math.log(value) if self.is_log else float(value)


class _Around(Scale):
    """Normally distributed numbers, or numbers whose logarithm is."""

    def __init__(self, mean: float, deviation: float, *, log: bool) -> None:
        super().__init__(Bell(math.log(mean) if log else mean, deviation), is_log=log)

    def value(self, coordinate: float) -> float:
        return math.exp(min(max(coordinate, -700.0), 700.0)) if self.is_log else float(coordinate)

    def coordinate(self, value: Any) -> float | None:
        if not _is_number(value) or (self.is_log and value <= 0):
            return None
        return math.log(value) if self.is_log else float(value)


class _Steps(Scale):
    """Numbers at equal steps; every value has its share of an interval, by length or by its logarithm."""

    def __init__(self, distribution: Quantized, *, log: bool) -> None:
        number, step = distribution.num_values, distribution.bounds[2]
        low, high = distribution.value(0), distribution.value(number - 1)
        edges = Interval(math.log(max(low - step / 2, low / 2)), math.log(high + step / 2)) if log else None
        super().__init__(edges or Interval(0, number), number, is_log=log)
        self._distribution = distribution
        self._low, self._step, self._last = float(low), step, number - 1

    def value(self, coordinate: float) -> Any:
        steps = (math.exp(min(coordinate, 700.0)) - self._low) / self._step + 0.5 if self.is_log else coordinate
        return self.nth(math.floor(min(max(steps, 0), self._last)))

    def coordinate(self, value: Any) -> float | None:
        if not _is_number(value) or not math.isfinite(value):
            return None
        steps = round((value - self._low) / self._step)
        if not 0 <= steps <= self._last or not math.isclose(self.nth(steps), value, rel_tol=1e-9, abs_tol=1e-300):
            return None
        return math.log(value) if self.is_log else steps + 0.5

    def nth(self, number: int) -> Any:
        return self._distribution.value(number)


class _Options(Scale):
    """Positions of the options of a choice; the space knows what stands there."""

    def __init__(self, number: int) -> None:
        super().__init__(Categories(number), number)
        self._number = number

    def value(self, coordinate: float) -> int:
        return int(min(max(coordinate, 0), self._number - 1))

    def coordinate(self, value: Any) -> float | None:
        return value if isinstance(value, int) and 0 <= value < self._number else None

    def nth(self, number: int) -> int:
        return number


def scale_of(distribution: Searchable) -> Scale:
    """Return the scale of a distribution."""
    match distribution:
        case Uniform(bounds=(low, high)) | LogUniform(bounds=(low, high)):
            return _Continuous(low, high, log=distribution.is_log)
        case Int(bounds=(low, high)):
            return _Steps(QUniform(bounds=(low, high, 1.0)), log=False)
        case LogInt(bounds=(low, high)):
            return _Steps(QLogUniform(bounds=(low, high, 1.0)), log=True)
        case QUniform() | QLogUniform():
            return _Steps(distribution, log=distribution.is_log)
        case Normal(parameters=(mean, deviation)):
            return _Around(mean, deviation, log=False)
        case LogNormal(parameters=(median, deviation)):
            return _Around(median, deviation, log=True)
        case Choice(options=options):
            return _Options(len(options))
    raise TypeError(f"there is no scale for {type(distribution).__name__}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
