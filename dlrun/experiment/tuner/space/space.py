"""Space: points to try, built from the distributions of the settings.

A point maps labels to plain values. The label of a setting is its path; one that is searched inside an option of a
choice is labelled `path[option].inner.path`, and is in the point only if that option is chosen. A point says all: its
overrides, its coordinates for a sampler and back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlrun.experiment.tuner.space.constraints import Relation
from dlrun.experiment.tuner.space.dimensions import (
    MISSING,
    Dimension,
    Point,
    dimension_of,
    flat,
    is_scalar,
    lookup,
    match,
    product,
    settled,
)
from dlrun.experiment.tuner.space.distributions import Searchable

Coordinates = dict[str, float]


class Space:
    """All points that a search may try.

    Args:
        distributions: What each setting may be, by its path.
        constraints: What the values of a point must keep.
        written: The complete config as nested plain values; constraints read there what is not searched.
    """

    def __init__(
        self,
        distributions: Mapping[str, Searchable],
        constraints: Sequence[Relation] = (),
        written: Mapping[str, Any] | None = None,
    ) -> None:
        self.dimensions = tuple(dimension_of(path, found) for path, found in distributions.items())
        self.all_dimensions = tuple(flat(self.dimensions))
        self.num_points = product(self.dimensions)
        """Number of points before constraints; None for infinitely many."""
        self._constraints = tuple(constraints)
        self._written = written or {}

    @property
    def labels(self) -> list[str]:
        """Labels of all that is searched, those inside options after the choice itself."""
        return [dimension.label for dimension in self.all_dimensions]

    @property
    def logarithmic(self) -> list[str]:
        """Labels of the settings whose logarithm is distributed."""
        return [dimension.label for dimension in self.all_dimensions if dimension.scale.is_log]

    def point(self, coordinates: Mapping[str, float]) -> Point:
        """Return the point at coordinates; those of options that are not chosen have no effect and may be absent."""
        point: Point = {}

        def visit(dimensions: Sequence[Dimension]) -> None:
            for dimension in dimensions:
                value = dimension.scale.value(coordinates[dimension.label])
                point[dimension.label] = dimension.options[value].shown if dimension.options else value
                if dimension.options:
                    visit(dimension.options[value].dimensions)

        visit(self.dimensions)
        return point

    def coordinates(self, point: Mapping[str, Any]) -> Coordinates | None:
        """Return where a point lies; None if a value of it is missing or is none of the space's."""
        found: Coordinates = {}

        def visit(dimensions: Sequence[Dimension]) -> bool:
            for dimension in dimensions:
                if dimension.label not in point:
                    return False
                value = point[dimension.label]
                position = dimension.position(value) if dimension.options else None
                coordinate = position if dimension.options else dimension.scale.coordinate(value)
                if coordinate is None:
                    return False
                found[dimension.label] = coordinate
                if position is not None and not visit(dimension.options[position].dimensions):
                    return False
            return True

        return found if visit(self.dimensions) else None

    def overrides(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """Return the plain values of a point by config path; raises KeyError if it is none of the space's."""
        return {dimension.label: settled(dimension, point) for dimension in self.dimensions}

    def from_units(self, units: Sequence[float]) -> Point:
        """Return the point at a place of the unit cube, which has a side for every label.

        Args:
            units: One number in [0, 1) for every label, in the order of `labels`.
        """
        pairs = zip(self.all_dimensions, units, strict=True)
        return self.point({dimension.label: dimension.scale.prior.from_unit(unit) for dimension, unit in pairs})

    def nth(self, number: int) -> Point:
        """Return a point of a countable space by its position; the last setting varies fastest."""
        point: Point = {}
        rest = _visit_nth(self.dimensions, number, point)
        if rest:
            raise IndexError(number)
        return point

    def allows(self, point: Mapping[str, Any]) -> bool:
        """Tell whether a point keeps every constraint."""
        if not self._constraints:
            return True
        overrides = self.overrides(point)
        for constraint in self._constraints:
            values = tuple(self._side(side, overrides) for side in constraint.sides)
            known = tuple(value for value in values if value is not None)
            if len(known) == len(values) and not constraint.holds(known):
                return False
        return True

    def unknown_sides(self, points: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return what constraints name and what is no number, neither in any of the points nor in the config.

        Args:
            points: Points of the space.
        """
        named = dict.fromkeys(side for constraint in self._constraints for side in constraint.sides)
        overrides = [self.overrides(point) for point in points]
        paths = [side for side in named if isinstance(side, str)]
        return [path for path in paths if all(self._side(path, values) is None for values in overrides)]

    def _side(self, side: str | float, overrides: Mapping[str, Any]) -> float | None:
        if not isinstance(side, str):
            return side
        value = lookup(overrides, side)
        value = lookup(self._written, side) if value is MISSING and not _is_replaced(side, overrides) else value
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if is_number else None

    def locate(self) -> Point:
        """Return the searched values of the config as written, as far as they can be told."""
        point: Point = {}
        for dimension in self.dimensions:
            value = lookup(self._written, dimension.label)
            if value is not MISSING:
                found = match(dimension, value)
                point |= found if found is not None else {dimension.label: value} if is_scalar(value) else {}
        return point


def _is_replaced(path: str, overrides: Mapping[str, Any]) -> bool:
    return any(path.startswith(f"{other}.") for other in overrides)


def _visit_nth(dimensions: Sequence[Dimension], number: int, point: Point) -> int:
    """Put the values of the `number`-th combination into a point; return what is left of the number."""
    numbers: list[int] = []
    for dimension in reversed(dimensions):
        count = dimension.num_points
        if count is None:
            raise TypeError(f"the values of '{dimension.label}' cannot be counted")
        number, own = divmod(number, count)
        numbers.insert(0, own)
    for dimension, own in zip(dimensions, numbers, strict=True):
        _put_nth(dimension, own, point)
    return number


def _put_nth(dimension: Dimension, number: int, point: Point) -> None:
    if not dimension.options:
        point[dimension.label] = dimension.scale.nth(number)
        return
    for option in dimension.options:
        count = product(option.dimensions) or 0
        if number < count:
            point[dimension.label] = option.shown
            _visit_nth(option.dimensions, number, point)
            return
        number -= count
