"""Reading YAML: what plain words mean, where things were written, and what is refused at once."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrun.config.marks import in_file, in_order
from dlrun.config.read import MOST_VALUES, Reading, read, read_mapping


def reading_of(text: str) -> Reading:
    return read_mapping(text, lambda line, column: in_file("f", line, column))


def value_of(text: str) -> Any:
    reading = reading_of(f"x: {text}\n")
    assert reading.faults == []
    return reading.value["x"]


def faults_of(text: str) -> list[str]:
    return [f"{problem.place} {problem.message}" for problem in in_order(reading_of(text).faults)]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5e+3", -1500.0),
        ("+7", 7),
        ("-0", 0),
        ("0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_decimal_numbers_are_numbers(word: str, value: float) -> None:
    found = value_of(word)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "word",
    [
        "no",
        "yes",
        "on",
        "off",
        "y",
        "N",
        "010",
        "0x10",
        "0o7",
        "1_000",
        "1:30",
        "2020-01-01",
        "nan",
        "inf",
        "1e",
        "=",
        "+",
    ],
)
def test_what_yaml_readers_disagree_about_is_text(word: str) -> None:
    assert value_of(word) == word


@pytest.mark.parametrize(("word", "value"), [("true", True), ("False", False), ("null", None), ("~", None), ("", None)])
def test_constants(word: str, value: object) -> None:
    assert value_of(word) is value


@pytest.mark.parametrize("quoted", ["'1'", '"1"', "'true'", "'~'", "''"])
def test_what_is_quoted_is_text(quoted: str) -> None:
    assert value_of(quoted) == quoted[1:-1]


@pytest.mark.parametrize("word", [".inf", "-.inf", ".NaN", "1e999", "9223372036854775808", "-" + "9" * 300])
def test_numbers_that_no_setting_can_use_are_faults(word: str) -> None:
    (fault,) = faults_of(f"a: {word}")
    assert fault.startswith("f:1:4 expected a")


def test_keys_are_text_as_written() -> None:
    assert value_of("{0: 1.0, 01: 2, true: 3, 1e3: 4, ~: 5, '': 6}") == {
        "0": 1.0,
        "01": 2,
        "true": 3,
        "1e3": 4,
        "~": 5,
        "": 6,
    }


def test_marks_name_the_place_of_every_key_and_value() -> None:
    marks = reading_of("a:\n  b: [1, x]\n  c:\n").marks
    places = {path: (marks.keys[path].order, marks.values[path].order) for path in marks.values}
    assert places == {
        (): ((1, 1), (1, 1)),
        ("a",): ((1, 1), (2, 3)),
        ("a", "b"): ((2, 3), (2, 6)),
        ("a", "b", 0): ((2, 7), (2, 7)),
        ("a", "b", 1): ((2, 10), (2, 10)),
        ("a", "c"): ((3, 3), (3, 3)),
    }


def test_columns_count_characters_and_carriage_returns_end_lines() -> None:
    marks = reading_of("é: {ü: 1}\r\nb: 2\r\n").marks
    assert marks.values[("é", "ü")].order == (1, 8)
    assert marks.keys[("b",)].order == (2, 1)


def test_the_first_of_two_keys_counts_and_keeps_its_mark() -> None:
    reading = reading_of("a: {b: 1}\na: {b: 2, b: 3}\n")
    assert reading.value == {"a": {"b": 1}}
    assert reading.marks.values[("a", "b")].order == (1, 8)
    assert faults_of("a: {b: 1}\na: {b: 2, b: 3}\n") == [
        "f:2:1 key 'a' is already set on line 1",
        "f:2:11 key 'b' is already set on line 2",
    ]


def test_faults_are_collected_but_not_without_end() -> None:
    assert len(faults_of("[" + "*a, " * 1000 + "1]")) == 51


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 500_000,
        "a: " + "{b: " * 200_000,
        "- " * 400_000,
        "[" * 10_000_000,
        "a: &a [x, x]\n" + "".join(f"k{i}: &k{i} [*k{i - 1}, *k{i - 1}]\n" for i in range(1, 5000)),
        "[" + "*a, " * 200_000 + "]",
        "? " * 400_000,
        "!" * 900_000,
    ],
    ids=["lists", "mappings", "items", "10 MB", "alias bomb", "aliases", "keys", "tags"],
)
def test_texts_that_could_take_for_ever_are_refused_within_a_second(text: str) -> None:
    start = time.process_time()
    faults = faults_of(text)
    assert time.process_time() - start < 1
    assert faults


def test_limits_say_what_they_are() -> None:
    assert faults_of("x" * 1_000_001) == ["f:1:1 a config is at most 1 MB long"]
    assert faults_of("a: " + "[" * 50 + "]" * 50) == []
    assert faults_of("a: " + "[" * 51 + "]" * 51) == ["f:1:54 values are nested deeper than 50 levels"]
    many = ", ".join("1" * (MOST_VALUES + 1))
    assert f"at most {MOST_VALUES:,} keys and values" in faults_of(f"a: [{many}]")[0]


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc.-0 ", max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(plain_values)
@settings(max_examples=50, deadline=None)
def test_reads_what_pyyaml_writes_with_everything_quoted(value: Any) -> None:
    class Quoting(yaml.SafeDumper):
        pass

    Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
    text = yaml.dump(value, Dumper=Quoting, allow_unicode=True)
    assert read(text, lambda line, column: in_file("f", line, column)).value == value


@given(st.text(max_size=40))
@settings(max_examples=50, deadline=None)
def test_any_text_is_read_or_refused_but_never_breaks_the_reader(text: str) -> None:
    reading = reading_of(text)
    assert reading.complete or reading.faults
    assert all(str(problem).isprintable() for problem in in_order(reading.faults))
