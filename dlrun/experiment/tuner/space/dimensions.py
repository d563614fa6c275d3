"""Dimensions: the searched settings as a tree, in which the options of a choice may search inside."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlrun.experiment.tuner.space.distributions import Choice, Searchable, as_distribution
from dlrun.experiment.tuner.space.scales import Scale, scale_of

Point = dict[str, Any]
"""Plain values by label."""


@dataclass(frozen=True)
class Option:
    """One option of a choice.

    Args:
        shown: What stands for it in a point: the value itself if it is a scalar, else a name.
        tree: The value, with dimensions in place of what is searched inside.
        dimensions: What is searched inside.
    """

    shown: Any
    tree: Any
    dimensions: tuple[Dimension, ...]


@dataclass(frozen=True)
class Dimension:
    """One searched setting.

    Args:
        label: Names it in points.
        scale: Its values as coordinates.
        options: The options if it is a choice; else empty.
    """

    label: str
    scale: Scale
    options: tuple[Option, ...] = ()

    @property
    def num_points(self) -> int | None:
        """Number of different values, with all that is searched inside of them; None for infinitely many."""
        if not self.options:
            return self.scale.num_values
        numbers = [product(option.dimensions) for option in self.options]
        return None if None in numbers else sum(number for number in numbers if number is not None)

    def position(self, shown: Any) -> int | None:
        """Return which option a point's value stands for; None if for none."""
        key = _key(shown)
        return next((number for number, option in enumerate(self.options) if _key(option.shown) == key), None)


class _Missing:
    """Stands for no value."""


MISSING = _Missing()


def lookup(values: Any, path: str) -> Any:
    """Return what stands at a path of nested values, or `MISSING`; keys may hold dots themselves."""
    if not path:
        return values
    parts = path.split(".")
    if isinstance(values, Mapping):
        for length in range(len(parts), 0, -1):
            key = ".".join(parts[:length])
            if key in values:
                found = lookup(values[key], ".".join(parts[length:]))
                if found is not MISSING:
                    return found
    elif isinstance(values, list | tuple) and parts[0].isdigit() and int(parts[0]) < len(values):
        return lookup(values[int(parts[0])], ".".join(parts[1:]))
    return MISSING


def dimension_of(label: str, distribution: Searchable) -> Dimension:
    """Return a searched setting; raises ValidationError where an option holds a wrong distribution."""
    options = distribution.options if isinstance(distribution, Choice) else ()
    made: list[Option] = []
    for value in options:
        taken = {_key(option.shown) for option in made}
        shown = _shown(value) if is_scalar(value) else _unique(_shown(value), taken)
        tree = _tree(value, f"{label}[{shown}]")
        made.append(Option(shown, tree, tuple(_dimensions_in(tree))))
    return Dimension(label, scale_of(distribution), tuple(made))


def _tree(value: Any, label: str) -> Any:
    if distribution := as_distribution(value):
        return dimension_of(label, distribution)
    if isinstance(value, Mapping):
        return {name: _tree(item, f"{label}.{name}") for name, item in value.items()}
    if isinstance(value, list):
        return [_tree(item, f"{label}.{number}") for number, item in enumerate(value)]
    return value


def _dimensions_in(tree: Any) -> Iterator[Dimension]:
    if isinstance(tree, Dimension):
        yield tree
    elif isinstance(tree, Mapping | list):
        for item in tree.values() if isinstance(tree, Mapping) else tree:
            yield from _dimensions_in(item)


def flat(dimensions: Sequence[Dimension]) -> Iterator[Dimension]:
    """Yield settings and all that is searched inside of them, outermost first."""
    for dimension in dimensions:
        yield dimension
        for option in dimension.options:
            yield from flat(option.dimensions)


def product(dimensions: Sequence[Dimension]) -> int | None:
    """Return the number of combinations of several settings; None for infinitely many."""
    numbers = [dimension.num_points for dimension in dimensions]
    return None if None in numbers else math.prod(number for number in numbers if number is not None)


def settled(tree: Any, point: Mapping[str, Any]) -> Any:
    """Return a tree as a plain value, with the values of a point; raises KeyError if one is missing."""
    if isinstance(tree, Dimension):
        value = point[tree.label]
        if not tree.options:
            return value
        position = tree.position(value)
        if position is None:
            raise KeyError(tree.label)
        return settled(tree.options[position].tree, point)
    if isinstance(tree, Mapping):
        return {name: settled(item, point) for name, item in tree.items()}
    return [settled(item, point) for item in tree] if isinstance(tree, list) else tree


def match(tree: Any, value: Any) -> Point | None:
    """Return the point of what is searched in a tree if a written value is of its form; else None."""
    if isinstance(tree, Dimension):
        if not tree.options:
            return {tree.label: value} if tree.scale.coordinate(value) is not None else None
        for option in tree.options:
            inside = match(option.tree, value)
            if inside is not None:
                return {tree.label: option.shown} | inside
        return None
    if isinstance(tree, Mapping):
        return _match_all([(item, lookup(value, str(name))) for name, item in tree.items()])
    if isinstance(tree, list):
        fits = isinstance(value, list | tuple) and len(value) == len(tree)
        return _match_all(list(zip(tree, value, strict=True))) if fits else None
    return {} if _is_same(tree, value) or _is_bare(tree, value) else None


def _match_all(pairs: list[tuple[Any, Any]]) -> Point | None:
    point: Point = {}
    for tree, value in pairs:
        found = None if value is MISSING else match(tree, value)
        if found is None:
            return None
        point |= found
    return point


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two plain values are equal; 1 and 1.0 are, 1 and true are not."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return bool(one == other) if numbers else _key(one) == _key(other)


def _is_bare(name: Any, value: Any) -> bool:
    """Tell whether a bare name, such as `flatten` or `adam`, stands for a section that is written out."""
    return isinstance(name, str) and isinstance(value, Mapping) and (list(value) == [name] or value.get("kind") == name)


def is_scalar(value: Any) -> bool:
    """Tell whether a plain value holds no others."""
    return value is None or isinstance(value, bool | int | float | str)


def _shown(value: Any) -> Any:
    if is_scalar(value):
        return value
    if isinstance(value, Mapping) and (len(value) == 1 or isinstance(value.get("kind"), str)):
        return str(value["kind"]) if "kind" in value else str(next(iter(value)))
    return json.dumps(value)


def _unique(name: str, taken: set[str]) -> str:
    candidates = (name, *(f"{name}#{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if _key(candidate) not in taken)


def _key(value: Any) -> str:
    """Tell plain values apart as YAML does: 1, 1.0, true and '1' are different."""
    return json.dumps(value, sort_keys=True, default=str)
