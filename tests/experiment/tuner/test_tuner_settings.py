"""The tuner's section: distributions, their bounds, and the kinds of search."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from dlrun.base.settings import members
from dlrun.experiment.tuner.space.distributions import Choice, Distribution, inner, variants
from dlrun.experiment.tuner.tuners import Tuner

DISTRIBUTIONS: TypeAdapter[Any] = TypeAdapter(Distribution)
TUNERS: TypeAdapter[Any] = TypeAdapter(Tuner)


def message_of(adapter: TypeAdapter[Any], written: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        adapter.validate_python(written)
    return raised.value.errors()[0]["msg"]


def test_names_are_those_of_hyperopt() -> None:
    names = ["uniform", "loguniform", "quniform", "qloguniform", "normal", "lognormal", "int", "logint", "choice"]
    assert set(members(Distribution)) == set(names)


@pytest.mark.parametrize(
    ("written", "extremes"),
    [
        ({"uniform": [0, 0.6]}, (0.0, 0.6)),
        ({"uniform": {"bounds": [-1, 1]}}, (-1.0, 1.0)),
        ({"loguniform": [1e-4, 1e-1]}, (1e-4, 1e-1)),
        ({"int": [-2, 4]}, (-2, 4)),
        ({"logint": [16, 512]}, (16, 512)),
        ({"quniform": [16, 128, 16]}, (16, 128)),
        ({"quniform": [16, 130, 16]}, (16, 128)),
        ({"quniform": [0.25, 1, 0.5]}, (0.25, 0.75)),
        ({"qloguniform": [10, 100, 7]}, (10, 94)),
        ({"normal": [5, 2]}, (5.0,)),
        ({"lognormal": [1e-3, 1]}, (1e-3,)),
        ({"choice": [32, "relu", None]}, (32, "relu", None)),
    ],
)
def test_extremes_are_the_ends_in_natural_units(written: Any, extremes: tuple[Any, ...]) -> None:
    found = DISTRIBUTIONS.validate_python(written).extremes()
    assert found == extremes
    assert [type(value) for value in found] == [type(value) for value in extremes]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"uniform": [1, 0]}, "expected the lower bound below the upper one, found 1.0 and 0.0"),
        ({"uniform": [1, 1]}, "expected the lower bound below the upper one, found 1.0 and 1.0"),
        ({"loguniform": [0, 1]}, "expected a lower bound > 0, as the logarithm is searched, found 0.0"),
        ({"logint": [0, 4]}, "expected a lower bound > 0, as the logarithm is searched, found 0"),
        ({"qloguniform": [0, 4, 1]}, "expected a lower bound > 0, as the logarithm is searched, found 0.0"),
        ({"quniform": [1, 4, 0]}, "expected a step > 0, found 0.0"),
        ({"quniform": [0.1, 1, 1e-320]}, "expected a step that is not so much smaller than the range, found 1e-320"),
        ({"quniform": [0, 1e300, 1e-300]}, "expected a step that is not so much smaller than the range, found 1e-300"),
        ({"normal": [1, 0]}, "expected a standard deviation > 0, found 0.0"),
        ({"lognormal": [0, 1]}, "expected a median > 0, found 0.0"),
        ({"choice": []}, "Tuple should have at least 1 item after validation, not 0"),
        ({"int": [1.5, 3]}, "Input should be a valid integer"),
        ({"choice": [{"dense": {"units": {"int": [3, 1]}}}]}, "option 0: int: expected the lower bound below"),
    ],
)
def test_impossible_distributions_are_refused(written: Any, message: str) -> None:
    assert message_of(DISTRIBUTIONS, written).startswith(message)


def test_options_may_search_inside() -> None:
    choice = DISTRIBUTIONS.validate_python(
        {"choice": ["flatten", {"dense": {"units": {"int": [8, 64]}, "dropout": {"choice": [0, 0.3, 0.5]}}}]}
    )
    assert isinstance(choice, Choice)
    assert [found.kind for found in inner(choice.options[1])] == ["int", "choice"]
    assert choice.extremes() == (
        "flatten",
        {"dense": {"units": 8, "dropout": 0}},
        {"dense": {"units": 64, "dropout": 0.3}},
        {"dense": {"units": 8, "dropout": 0.5}},
    )


def test_variants_of_plain_values_are_the_values() -> None:
    assert variants({"a": [1, {"b": None}]}) == [{"a": [1, {"b": None}]}]


@pytest.mark.parametrize("kind", ["tpe", "random", "anneal", "quasi_random"])
def test_searches_without_end_take_a_number_of_trials(kind: str) -> None:
    tuner = TUNERS.validate_python({"kind": kind, "space": {"seed": {"int": [1, 3]}}})
    assert (tuner.kind, tuner.trials, tuner.seed) == (kind, 50, "auto")
    assert TUNERS.validate_python({"kind": kind, "trials": 7, "seed": 3, "space": {"a": {"int": [1, 3]}}}).trials == 7
    assert (
        message_of(TUNERS, {"kind": kind, "space": {}})
        == "Dictionary should have at least 1 item after validation, not 0"
    )


def test_a_grid_is_countable() -> None:
    space = {"a": {"int": [1, 3]}, "b": {"quniform": [0, 1, 0.25]}, "c": {"choice": [{"x": {"int": [1, 2]}}]}}
    assert TUNERS.validate_python({"kind": "grid", "space": space}).trials is None
    inside = {"c": {"choice": [{"x": {"uniform": [1, 2]}}]}}
    assert message_of(TUNERS, {"kind": "grid", "space": inside}) == "'c' has no countable values for a grid"


def test_what_is_searched_as_a_whole_is_not_searched_inside() -> None:
    space = {"a.b.c": {"int": [1, 3]}, "a.b": {"choice": [1]}}
    assert (
        message_of(TUNERS, {"kind": "tpe", "space": space}) == "'a.b.c' lies inside 'a.b', which is searched as a whole"
    )
    neighbours = {"a.b": {"int": [1, 3]}, "a.bc": {"int": [1, 3]}}
    assert TUNERS.validate_python({"kind": "tpe", "space": neighbours}).space.keys() == neighbours.keys()


def test_manual_trials_are_listed() -> None:
    tuner = TUNERS.validate_python({"kind": "manual", "points": [{"optimizer.learning_rate": 0.1}]})
    assert tuner.points == ({"optimizer.learning_rate": 0.1},)
    assert "at least 1 item" in message_of(TUNERS, {"kind": "manual", "points": []})
