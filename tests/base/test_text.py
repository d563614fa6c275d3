"""JSON that may have been changed by anybody: what it may hold, and what is refused."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlrun.base.text import parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**128), 2**128) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES)
def test_values_come_back_as_they_were_written(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value).encode()) == value


@given(st.integers(301, 6000), st.sampled_from(["", "-"]))
def test_numbers_that_no_float_can_hold_are_refused(digits: int, sign: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        parse_json(f'{{"seconds": {sign}1{"0" * digits}}}')


def test_the_longest_numbers_are_still_good_for_arithmetic() -> None:
    longest = parse_json("-" + "9" * 299)

    assert math.isfinite(longest)
    assert longest * 0.5 < 0


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "", "nul", b"\xff"])
def test_what_is_no_json_is_refused_in_one_way(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(text)
