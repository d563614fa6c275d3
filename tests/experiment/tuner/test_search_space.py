"""The space of a search: values within bounds, points and back, options that search inside, constraints."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dlrun.base.settings import members
from dlrun.errors import ConfigError
from dlrun.experiment.tuner.samplers.sampler import require_points
from dlrun.experiment.tuner.space.constraints import Constraint
from dlrun.experiment.tuner.space.dimensions import MISSING, lookup
from dlrun.experiment.tuner.space.distributions import Distribution
from dlrun.experiment.tuner.space.scales import scale_of
from dlrun.experiment.tuner.space.space import Space
from dlrun.experiment.tuner.tuners import Tuner

examples = settings(max_examples=50, deadline=None)

DISTRIBUTION: TypeAdapter[Any] = TypeAdapter(Distribution)
CONSTRAINT: TypeAdapter[Any] = TypeAdapter(Constraint)
TUNER: TypeAdapter[Any] = TypeAdapter(Tuner)

numbers = st.floats(-1e6, 1e6)
positive = st.floats(1e-9, 1e6)
integers = st.integers(-1000, 1000)


def between(name: str, values: Any) -> Any:
    pairs = st.tuples(values, values).map(sorted).filter(lambda pair: pair[0] < pair[1])
    return pairs.map(lambda pair: {name: list(pair)})


def stepped(name: str, values: Any) -> Any:
    return st.tuples(values, st.floats(0.01, 50), st.integers(1, 60)).map(
        lambda parts: {name: [parts[0], parts[0] + parts[1] * parts[2], parts[1]]}
    )


bounded = st.one_of(
    between("uniform", numbers),
    between("loguniform", positive),
    between("int", integers),
    between("logint", st.integers(1, 5000)),
    stepped("quniform", st.floats(-100, 100)),
    stepped("qloguniform", st.floats(0.1, 100)),
)
unbounded = st.one_of(
    st.tuples(numbers, positive).map(lambda pair: {"normal": list(pair)}),
    st.tuples(st.floats(1e-3, 1e3), st.floats(0.01, 3)).map(lambda pair: {"lognormal": list(pair)}),
)
plain = st.one_of(st.none(), st.booleans(), integers, st.sampled_from(["relu", "tanh", "a.b"]), st.lists(integers))


def choices(inside: Any) -> Any:
    tree = st.dictionaries(st.sampled_from(["units", "rate", "x"]), st.one_of(plain, inside), min_size=2, max_size=3)
    return st.lists(st.one_of(plain, inside, tree), min_size=1, max_size=4).map(lambda options: {"choice": options})


any_distribution = st.recursive(st.one_of(bounded, unbounded), choices, max_leaves=6)
any_space = st.dictionaries(st.sampled_from(["a.b", "c", "d.0.e"]), any_distribution, min_size=1)
units = st.floats(0, 1, exclude_max=True)


def space_of(written: dict[str, Any], constraints: list[Any] | None = None, base: Any = None) -> Space:
    found = {path: DISTRIBUTION.validate_python(distribution) for path, distribution in written.items()}
    return Space(found, [CONSTRAINT.validate_python(constraint) for constraint in constraints or []], base)


def test_every_distribution_is_tried_here() -> None:
    tried = {"uniform", "loguniform", "int", "logint", "quniform", "qloguniform", "normal", "lognormal", "choice"}
    assert tried == set(members(Distribution))


@examples
@given(bounded, st.one_of(units, st.floats(allow_nan=False)))
def test_no_coordinate_leads_beyond_the_bounds(written: Any, coordinate: float) -> None:
    ((name, (low, high, *step)),) = written.items()
    scale = scale_of(DISTRIBUTION.validate_python(written))
    for place in (coordinate, scale.prior.from_unit(coordinate if 0 <= coordinate < 1 else 0.5)):
        value = scale.value(place)
        assert low <= value <= high
        if name in ("int", "logint"):
            assert type(value) is int
        if step:
            steps = (value - low) / step[0]
            assert steps == pytest.approx(round(steps), abs=1e-6)


@examples
@given(st.one_of(bounded, unbounded), units)
def test_values_have_coordinates_that_lead_back(written: Any, unit: float) -> None:
    scale = scale_of(DISTRIBUTION.validate_python(written))
    value = scale.value(scale.prior.from_unit(unit))
    coordinate = scale.coordinate(value)
    assert coordinate is not None
    assert scale.value(coordinate) == pytest.approx(value, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ({"uniform": [0, 1]}, 1.5),
        ({"uniform": [0, 1]}, True),
        ({"uniform": [0, 1]}, "auto"),
        ({"int": [1, 3]}, 2.5),
        ({"int": [1, 3]}, 4),
        ({"quniform": [16, 64, 16]}, 40),
        ({"loguniform": [1e-3, 1]}, 0),
        ({"lognormal": [1, 1]}, -1),
        ({"normal": [0, 1]}, None),
    ],
)
def test_other_values_have_none(written: Any, value: Any) -> None:
    assert scale_of(DISTRIBUTION.validate_python(written)).coordinate(value) is None


@pytest.mark.parametrize(
    ("written", "shares"),
    [
        ({"int": [1, 4]}, {1: 1 / 4, 2: 1 / 4, 3: 1 / 4, 4: 1 / 4}),
        ({"quniform": [0, 0.3, 0.1]}, {0.0: 1 / 4, 0.1: 1 / 4, 0.2: 1 / 4, 0.3: 1 / 4}),
        ({"logint": [1, 3]}, {n: math.log((n + 0.5) / (n - 0.5)) / math.log(7) for n in (1, 2, 3)}),
    ],
)
def test_values_have_their_shares(written: Any, shares: dict[Any, float]) -> None:
    scale = scale_of(DISTRIBUTION.validate_python(written))
    drawn = [scale.value(scale.prior.from_unit(number / 10_000)) for number in range(10_000)]
    assert {value: drawn.count(value) / 10_000 for value in set(drawn)} == pytest.approx(shares, abs=2e-3)


@examples
@given(any_space, st.lists(units, min_size=40, max_size=40))
def test_points_say_all(written: Any, drawn: list[float]) -> None:
    space = space_of(written)
    point = space.from_units(drawn[: len(space.labels)])
    coordinates = space.coordinates(point)
    assert coordinates is not None
    assert set(coordinates) == set(point)
    assert set(point) <= set(space.labels)
    assert len(set(space.labels)) == len(space.labels)
    back = space.point(coordinates)
    assert back.keys() == point.keys()
    for label, value in point.items():
        is_float = isinstance(value, float)
        assert back[label] == (pytest.approx(value, rel=1e-9, abs=1e-12) if is_float else value)
    assert space.overrides(point).keys() == written.keys()


@examples
@given(st.dictionaries(st.sampled_from(["a", "b"]), choices(between("int", st.integers(0, 5))), min_size=1))
def test_countable_points_are_counted_once_each(written: Any) -> None:
    space = space_of(written)
    assert space.num_points is not None
    seen = [str(sorted(space.nth(number).items())) for number in range(space.num_points)]
    duplicates = sum(len(choice["choice"]) for choice in written.values())  # a choice may list a value twice
    assert len(set(seen)) >= len(seen) / 2**duplicates
    with pytest.raises(IndexError):
        space.nth(space.num_points)


LAYERS = {
    "layers.0": {
        "choice": [
            "flatten",
            {"dense": {"units": {"int": [8, 9]}}},
            {"dense": {"units": {"choice": [1, {"int": [2, 3]}]}}},
        ]
    },
    "rate": {"choice": [1, 1.0, True, [1]]},
}


def test_options_that_search_inside_have_labels_of_their_own() -> None:
    space = space_of(LAYERS)
    assert space.labels == [
        "layers.0",
        "layers.0[dense].dense.units",
        "layers.0[dense#2].dense.units",
        "layers.0[dense#2].dense.units[int]",
        "rate",
    ]
    assert space.num_points == (1 + 2 + 3) * 4
    assert space.nth(0) == {"layers.0": "flatten", "rate": 1}
    last = space.nth(23)
    assert last == {
        "layers.0": "dense#2",
        "layers.0[dense#2].dense.units": "int",
        "layers.0[dense#2].dense.units[int]": 3,
        "rate": "[1]",
    }
    assert space.overrides(last) == {"layers.0": {"dense": {"units": 3}}, "rate": [1]}
    assert [type(space.overrides(space.nth(number))["rate"]) for number in range(4)] == [int, float, bool, list]


@pytest.mark.parametrize(
    ("written", "point"),
    [
        ({"layers": [{"flatten": {}}], "rate": True}, {"layers.0": "flatten", "rate": True}),
        (
            {"layers": [{"dense": {"units": 9, "activation": "relu"}}], "rate": 1},
            {"layers.0": "dense", "layers.0[dense].dense.units": 9, "rate": 1},
        ),
        (
            {"layers": [{"dense": {"units": 1}}], "rate": [1]},
            {"layers.0": "dense#2", "layers.0[dense#2].dense.units": 1, "rate": "[1]"},
        ),
        ({"layers": [{"conv2d": {"filters": 9}}], "rate": 7}, {"rate": 7}),
        ({}, {}),
    ],
)
def test_the_config_as_written_is_found_in_the_space(written: Any, point: Any) -> None:
    assert space_of(LAYERS, base=written).locate() == point


def test_only_a_point_of_the_space_has_coordinates() -> None:
    space = space_of(LAYERS, base={"layers": [{"conv2d": {"filters": 9}}], "rate": 7})
    assert space.coordinates(space.locate()) is None
    assert space.coordinates({"layers.0": "flatten", "rate": 1}) == {"layers.0": 0, "rate": 0}


def test_looks_up_keys_that_hold_dots() -> None:
    values = {"weights": {"a.b": {"c": 1}, "a": {"d": (2, 3)}}}
    assert lookup(values, "weights.a.b.c") == 1
    assert lookup(values, "weights.a.d.1") == 3
    assert lookup(values, "weights.a.d.2") is MISSING
    assert lookup(values, "weights.a.x") is MISSING


@pytest.mark.parametrize(
    ("constraint", "point", "is_kept"),
    [
        ({"less": ["a", "b"]}, {"a": 1, "b": 2}, True),
        ({"less": ["a", "b"]}, {"a": 2, "b": 2}, False),
        ({"at_most": ["a", "b"]}, {"a": 2, "b": 2}, True),
        ({"at_most": ["a", 1.5]}, {"a": 2, "b": 1}, False),
        ({"at_most": ["a", "training.epochs"]}, {"a": 3, "b": 1}, False),
        ({"at_most": ["a", "training.name"]}, {"a": 3, "b": 1}, True),
        ({"at_most": ["a", "nothing"]}, {"a": 3, "b": 1}, True),
        ({"sum_at_most": {"of": ["a", "b"], "limit": 4}}, {"a": 2, "b": 2}, True),
        ({"sum_at_most": {"of": ["a", "b"], "limit": 3}}, {"a": 2, "b": 2}, False),
    ],
)
def test_constraints_hold_or_do_not(constraint: Any, point: Any, is_kept: bool) -> None:
    base = {"training": {"epochs": 2, "name": "x"}, "a": 9, "b": 9}
    space = space_of({"a": {"int": [1, 3]}, "b": {"int": [1, 3]}}, [constraint], base)
    assert space.allows(point) is is_kept


def test_constraints_see_into_options() -> None:
    space = space_of({"layers.0": LAYERS["layers.0"]}, [{"less": ["layers.0.dense.units", 9]}])
    kept = [space.allows(space.nth(number)) for number in range(6)]
    assert kept == [True, True, False, True, True, True]


def test_constraints_without_a_point_are_refused() -> None:
    space = space_of({"a": {"int": [1, 3]}}, [{"less": ["a", 1]}])
    with pytest.raises(ConfigError, match=r"tuner\.constraints: none of the 3 points of the space keeps all"):
        require_points(space)
    require_points(space_of({"a": {"int": [1, 15_000]}}, [{"less": ["a", 2]}]))
    with pytest.raises(ConfigError, match="none of 1,000 points drawn"):
        require_points(space_of({"a": {"uniform": [0, 1]}}, [{"less": ["a", 0]}]))


def test_constraints_on_what_is_no_number_are_refused() -> None:
    space = {"a": {"int": [1, 3]}, "layers.0": LAYERS["layers.0"]}
    base = {"training": {"epochs": 5, "precision": "auto"}}
    for path in ("training.epoch", "training.precision", "layers.0.dense.rate"):
        with pytest.raises(ConfigError, match=f"'{path}' is no number, neither in the config nor in the space"):
            require_points(space_of(space, [{"less": ["a", path]}], base))
    for path in ("training.epochs", "layers.0.dense.units"):
        require_points(space_of(space, [{"at_most": ["a", path]}], base))


def test_constraints_that_compare_nothing_searched_are_refused() -> None:
    written = {"kind": "tpe", "space": {"a.b": {"int": [1, 3]}}, "constraints": [{"less": ["a.c", 3]}]}
    with pytest.raises(ValidationError, match=r"constraint 0 compares nothing that is searched: a\.c, 3"):
        TUNER.validate_python(written)
    written["constraints"] = [{"smaller": ["a.b", 3]}]
    with pytest.raises(ValidationError, match="unknown constraint 'smaller'"):
        TUNER.validate_python(written)
