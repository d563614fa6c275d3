"""Which columns of a table can be used, and as what."""

from __future__ import annotations

from datetime import date, time

import polars as pl
import pytest

from dlrun.errors import DataError
from dlrun.experiment.datasets.tables.columns import as_numbers, as_text, prepare
from dlrun.experiment.datasets.tables.text_columns import MAX_TEXT_VALUES

ROWS = 2 * MAX_TEXT_VALUES + 10


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("when", [date(2020, 1, 1), None]),
        pl.Series("when", [time(1, 2), None]),
        pl.Series("when", ["2020-01-31", None]),
        pl.Series("when", ["31.1.2020", "1.2.2020"]),
        pl.Series("when", ["1/31/20", "2/1/20"]),
        pl.Series("when", ["2020-01-31T10:15:00Z", "2020-01-31 10:15"]),
        pl.Series("when", ["10:15", "23:59:01.5"]),
        pl.Series("when", ["03/06/2020 05:00 PM", "1/2/2021 5:00 am"]),
        pl.Series("when", ["2020-01-27T15:00Z", "2020-01-27T15:00:00.5+02:00"]),
        pl.Series("when", ["27-Jan-2020", "1 Feb 2020", "1st March 2021"]),
        pl.Series("when", ["February 27, 2020", "Mar 1, 2021", "May 2021"]),
        pl.Series("when", ["Mon, 27 Jan 2020 10:00:00 GMT", "Tuesday, 28 January 2020"]),
        pl.Series("when", [*["2020-01-31"] * 19, "soon"]),
    ],
)
def test_dates_and_times_are_refused_by_name(column: pl.Series) -> None:
    frame = pl.DataFrame([column, pl.Series("ok", range(len(column)))])
    with pytest.raises(DataError, match="dates and times cannot be learned from yet: 'when'") as caught:
        prepare(frame, {})
    assert "dataset.drop=[when]" in str(caught.value.remedy)


def test_dates_may_be_categories() -> None:
    frame, _ = prepare(pl.DataFrame({"day": [date(2020, 1, 1), date(2020, 1, 2)]}), {"day": "categorical"})
    assert frame["day"].to_list() == ["2020-01-01", "2020-01-02"]


@pytest.mark.parametrize(
    "values",
    [
        ["1-2", "3-4"],
        ["2020", "2021"],
        ["1.5.2", "a"],
        ["2020-01-01", "soon"],
        ["May", "June"],
        ["march 5", "may 20"],
        ["Mark 2020", "decent 2020"],
    ],
)
def test_what_only_resembles_dates_is_kept(values: list[str]) -> None:
    assert prepare(pl.DataFrame({"a": values}), {})[0]["a"].to_list() == values


def test_free_text_needs_many_values_that_mostly_differ() -> None:
    different = [f"name {row}" for row in range(ROWS)]
    with pytest.raises(DataError, match=rf"'name' has {ROWS} different values"):
        prepare(pl.DataFrame({"name": different}), {})
    repeated = [f"name {row // 2}" for row in range(ROWS)]
    assert prepare(pl.DataFrame({"name": repeated}), {})[0].height == ROWS
    few = [f"name {row}" for row in range(MAX_TEXT_VALUES)]
    assert prepare(pl.DataFrame({"name": few}), {})[0].height == MAX_TEXT_VALUES
    assert prepare(pl.DataFrame({"name": different}), {"name": "categorical"})[0].height == ROWS


def test_every_text_column_is_named_at_once() -> None:
    texts = [f"text {row}" for row in range(ROWS)]
    with pytest.raises(DataError, match="as names and free text do: 'a' has 210 different values; 'b'") as caught:
        prepare(pl.DataFrame({"a": texts, "b": texts, "c": [1] * ROWS}), {})
    assert "dataset.drop=[a, b]" in str(caught.value.remedy)


def test_numbers_spoiled_by_a_mark_are_pointed_out() -> None:
    values = [str(row) for row in range(ROWS)]
    values[3] = "?"
    with pytest.raises(
        DataError, match=r"'a' holds text in 1 row and numbers in all others; the first is '\?' in row 3"
    ):
        prepare(pl.DataFrame({"a": values}), {})
    different = [f"name {row}" for row in range(ROWS)]
    with pytest.raises(DataError, match=r"'a' holds text in 1 row .*; text that differs .*: 'b' has") as caught:
        prepare(pl.DataFrame({"a": values, "b": different}), {})
    assert str(caught.value.remedy).startswith("Correct '?', or add them to dataset.missing. Leave them out with ")
    names = [f"{row}{'' if row % 3 else 'A'}" for row in range(ROWS)]
    with pytest.raises(DataError, match="as names and free text do: 'a'"):
        prepare(pl.DataFrame({"a": names}), {})
    _, notes = prepare(pl.DataFrame({"a": ["1", "2", "?", "3"]}), {})
    assert notes[0].startswith("column 'a' is taken for categories; 3 of the 4 values of 'a' are numbers: list in")


def test_notes_on_columns_without_information() -> None:
    frame = pl.DataFrame({"none": [None, None, None], "same": [1, 1, 1], "row": [5, 6, 7], "ok": [3, 1, 2]})
    prepared, notes = prepare(frame, {})
    assert prepared.columns == frame.columns
    assert notes == (
        "column 'none' has no values at all",
        "column 'same' has the same value in every row",
        "column 'row' counts the rows, as an identifier does; dataset.drop=[row] leaves it out, dataset.id=row takes "
        "it along",
    )


def test_text_that_mostly_differs_is_noted_in_small_tables() -> None:
    _, notes = prepare(pl.DataFrame({"name": [f"name {row}" for row in range(30)]}), {})
    assert notes == ("column 'name' is text that differs in most rows; dataset.drop=[name] leaves it out",)


def test_nan_is_missing_and_infinity_is_refused() -> None:
    assert prepare(pl.DataFrame({"a": [1.0, float("nan")]}), {})[0]["a"].to_list() == [1.0, None]
    with pytest.raises(DataError, match="column 'a' is infinite in 1 row, the first is row 1"):
        prepare(pl.DataFrame({"a": [1.0, float("inf")]}), {})


def test_numbers_from_text() -> None:
    assert as_numbers(pl.Series("a", ["1", None, "2.5"])).to_list() == [1.0, None, 2.5]
    assert as_numbers(pl.Series("a", ["3"], dtype=pl.Categorical)).to_list() == [3.0]
    assert as_numbers(pl.Series("a", [None, None], dtype=pl.String)).to_list() == [None, None]


def test_text_from_numbers() -> None:
    assert as_text(pl.Series([1.0, 2.5, None, float("nan"), 1e300])).to_list() == ["1", "2.5", None, None, "1e+300"]
    assert as_text(pl.Series([True, False, None])).to_list() == ["true", "false", None]
    assert as_text(pl.Series([7, None])).to_list() == ["7", None]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("PassengerId", [7, 900, 13, 28, 5] * 1),
        ("customer_id", [3.0, 1.0, 2.0]),
        ("row", [9, 2, 4]),
        ("anything", [*range(30, 10, -1)]),
        ("anything", [17 * row % 101 for row in range(101)]),
        ("anything", [row * row for row in range(25)]),
        ("", [4, 9, 2]),
    ],
)
def test_columns_that_name_the_rows_are_told(name: str, values: list[int]) -> None:
    _, notes = prepare(pl.DataFrame({name: values, "ok": [0.5] + [1.5] * (len(values) - 1)}), {}, ["gone"])
    assert [note for note in notes if f"dataset.drop=[gone, {name}] leaves it out" in note] == list(notes)
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("price", [float(row) + 0.25 for row in range(50)]),
        ("price", [float(row * row % 997) for row in range(50)]),
        ("income", [37 * row * row % 9973 for row in range(50)]),
        ("paid", [3, 1, 2]),
        ("grid", [3, 1, 2]),
        ("store_id", [1, 2, 1, 2, 1, 2]),
        ("id", [None, 1, 2, 3]),
    ],
)
def test_measured_numbers_are_no_identifiers(name: str, values: list[float]) -> None:
    assert prepare(pl.DataFrame({name: values}), {})[1] == ()


def test_numbers_in_another_notation_are_no_categories() -> None:
    prices = [f"1,{row:03}.50" for row in range(21)]
    with pytest.raises(DataError, match="column 'a' looks like numbers with commas between thousands") as caught:
        prepare(pl.DataFrame({"a": prices, "b": ["x"] * 21}), {})
    assert str(caught.value.remedy).startswith("Set dataset.thousands=','; dataset.types.a=categorical takes")
    assert prepare(pl.DataFrame({"a": prices}), {"a": "categorical"})[0]["a"].to_list() == prices
    _, notes = prepare(pl.DataFrame({"a": ["1,5", "2,5", "1,5"]}), {})
    assert notes == (
        "column 'a' looks like numbers with a decimal comma, such as '1,5': taken for categories; dataset.decimal=',' "
        "reads them",
    )


def test_categories_that_are_probably_the_same_are_told() -> None:
    _, notes = prepare(pl.DataFrame({"a": ["yes", "yes ", "Oslo", "oslo", "Rome"] * 2}), {})
    assert notes == (
        "categories of column 'a' differ in blanks only: 'yes', 'yes '; dataset.strip=true takes those around values "
        "away",
        "categories of column 'a' differ in upper and lower case only: 'Oslo', 'oslo'; correct them if they mean the "
        "same",
    )
    _, notes = prepare(pl.DataFrame({"a": ["1.0", "1", "02", "3", "x"] * 2}), {"a": "categorical"})
    assert notes == (
        "categories of column 'a' are the same number in several spellings: '1', '1.0'; correct them if they mean the "
        "same",
    )
