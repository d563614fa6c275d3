"""Sampler: what every way to choose points has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from dlrun.errors import ConfigError, Problem
from dlrun.experiment.tuner.samplers.history import History
from dlrun.experiment.tuner.space.dimensions import Point
from dlrun.experiment.tuner.space.space import Coordinates, Space

MOST_COUNTED = 20_000
"""Spaces of more points are not searched one by one for what is left of them."""


class Sampler(ABC):
    """Chooses points. A suggestion follows from seed, trial number and history alone, so that it can be repeated."""

    @abstractmethod
    def suggest(self, trial: int, history: History) -> Point | None:
        """Return what a trial is to try; None if nothing is left.

        Args:
            trial: Its number, from 1; trial 0 is the config as written.
            history: What is known of all trials so far, trial 0 included.
        """

    def prepare(self) -> None:  # noqa: B027 - most have nothing to prepare
        """Load what the first suggestion needs; called while the workers load what they need."""

    @abstractmethod
    def overrides(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """Return the plain values of a point by config path; raises KeyError if it is none of the search."""

    @abstractmethod
    def written(self) -> Point:
        """Return the point of the config as written, as far as it can be told."""

    def coordinates(self, point: Mapping[str, Any]) -> Coordinates | None:
        """Return where a point lies; None if it is outside the space, or if there is none."""
        del point
        return None


class SpaceSampler(Sampler, ABC):
    """Base of the samplers over a space: none leaves the bounds, breaks a constraint or repeats a point.

    Args:
        space: Where to choose from.
        seed: Seed of the study; a trial's own randomness comes from `SeedSequence([seed, trial])`.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed

    def overrides(self, point: Mapping[str, Any]) -> dict[str, Any]:
        return self._space.overrides(point)

    def written(self) -> Point:
        return self._space.locate()

    def coordinates(self, point: Mapping[str, Any]) -> Coordinates | None:
        return self._space.coordinates(point)


class DrawingSampler(SpaceSampler, ABC):
    """Base of the samplers that could draw for ever; they end where every point was tried."""

    num_attempts: ClassVar[int] = 5
    """How often a point is drawn anew because it is not allowed or known, before a random one is taken."""

    @abstractmethod
    def draw(self, trial: int, attempt: int, history: History) -> Point | None:
        """Return a point of the space, allowed or not; None if this way has no further one.

        Args:
            trial: Number of the trial.
            attempt: How many points of this trial were refused.
            history: What is known of all trials so far.
        """

    def suggest(self, trial: int, history: History) -> Point | None:
        for attempt in range(self.num_attempts):
            point = self.draw(trial, attempt, history)
            if point is not None and self._is_new(point, history):
                return point
        return self._any(trial, history)

    def generator(self, trial: int, attempt: int) -> np.random.Generator:
        """Return the randomness of one attempt of a trial."""
        return np.random.default_rng(self.entropy(trial, attempt))

    def entropy(self, trial: int, attempt: int) -> np.random.SeedSequence:
        """Return where the randomness of one attempt of a trial comes from."""
        return np.random.SeedSequence([self._seed, trial, *([attempt] if attempt else [])])

    def _is_new(self, point: Point, history: History) -> bool:
        return not history.knows(point) and self._space.allows(point)

    def _any(self, trial: int, history: History) -> Point | None:
        """Return some point that is allowed and new; None if there is none."""
        generator = self.generator(trial, self.num_attempts)
        for point in draws(self._space, generator, 1000):
            if self._is_new(point, history):
                return point
        if self._space.num_points is None or self._space.num_points > MOST_COUNTED:
            return None
        points = (self._space.nth(number) for number in range(self._space.num_points))
        left = [point for point in points if self._is_new(point, history)]
        return left[int(generator.integers(len(left)))] if left else None


def draws(space: Space, generator: np.random.Generator, number: int) -> list[Point]:
    """Return independent points of a space."""
    return [space.from_units(units) for units in generator.random((number, len(space.labels))).tolist()]


def require_points(space: Space) -> None:
    """Check that constraints leave something of a space, by a thousand draws and, if it is small, by counting.

    Raises:
        ConfigError: No point is left, or a constraint names what is no number.
    """
    points = draws(space, np.random.default_rng(0), 1000)
    unknown = space.unknown_sides(points)
    if unknown:
        message = "is no number, neither in the config nor in the space"
        hint = "Constraints take the paths of numbers, as the YAML is written."
        raise ConfigError([Problem("", "tuner.constraints", f"'{path}' {message}", hint) for path in unknown])
    if any(space.allows(point) for point in points):
        return
    if space.num_points is not None and space.num_points <= MOST_COUNTED:
        if any(space.allows(space.nth(number)) for number in range(space.num_points)):
            return
        found = f"none of the {space.num_points:,} points of the space"
    else:
        found = "none of 1,000 points drawn from the space"
    raise ConfigError([Problem("", "tuner.constraints", f"{found} keeps all constraints", "Relax one of them.")])
