"""Tables in Parquet files."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from dlrun.errors import DataError
from dlrun.experiment.datasets.sources.parquet import Parquet

FRAME = pl.DataFrame(
    {
        "count": [1, 2, None, 4],
        "price": [Decimal("1.5"), None, Decimal("2.25"), Decimal("3")],
        "kind": pl.Series(["a", "b", None, "a"], dtype=pl.Categorical),
        "open": [True, None, False, True],
        "share": [0.5, float("nan"), 0.25, 0.75],
        "y": [True, False, True, False],
    }
)


def save(folder: Path, frame: pl.DataFrame, name: str = "data.parquet") -> str:
    frame.write_parquet(folder / name)
    return str(folder / name)


def test_types_of_the_file_count(tmp_path: Path) -> None:
    dataset = Parquet(path=save(tmp_path, FRAME), target="y").load()
    assert isinstance(dataset.x, pl.DataFrame)
    assert dataset.x.schema == {
        "count": pl.Int64,
        "price": pl.Float64,
        "kind": pl.String,
        "open": pl.Boolean,
        "share": pl.Float64,
    }
    assert dataset.x["price"].to_list() == [1.5, None, 2.25, 3.0]
    assert dataset.x["share"].to_list() == [0.5, None, 0.25, 0.75]
    assert (dataset.task, dataset.y.tolist(), dataset.class_names) == ("binary", [1, 0, 1, 0], ("false", "true"))


def test_numbers_as_categories_have_no_point(tmp_path: Path) -> None:
    path = save(tmp_path, FRAME.with_columns(grade=pl.Series([1.0, 2.0, 2.5, None])))
    dataset = Parquet(path=path, target="y", types={"grade": "categorical"}).load()
    assert isinstance(dataset.x, pl.DataFrame)
    assert dataset.x["grade"].to_list() == ["1", "2", "2.5", None]


def test_own_test_part_limit_and_facts(tmp_path: Path) -> None:
    path = save(tmp_path, FRAME)
    test = save(tmp_path, FRAME.with_columns(pl.col("count").cast(pl.Int8)), "test.parquet")
    source = Parquet(path=path, target="y", test_path=test, limit=3)
    dataset = source.load()
    assert dataset.test_rows is not None
    assert (dataset.num_rows, dataset.test_rows.tolist()) == (6, [3, 4, 5])
    assert source.facts() == dataset.facts


def test_categorical_target(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": [1, 2, 3], "y": pl.Series(["b", "a", "b"], dtype=pl.Enum(["b", "a"]))})
    dataset = Parquet(path=save(tmp_path, frame), target="y").load()
    assert (dataset.class_names, dataset.y.tolist()) == (("a", "b"), [1, 0, 1])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pl.Series("t", [datetime(2020, 1, 1)] * 4), "dates and times cannot be learned from yet: 't'"),
        (pl.Series("t", [[1], [2], [3], [4]]), "lists, structures and bytes cannot be learned from: 't'"),
        (pl.Series("t", [{"a": 1}] * 4), "lists, structures and bytes cannot be learned from: 't'"),
        (pl.Series("t", [b"1"] * 4), "lists, structures and bytes cannot be learned from: 't'"),
    ],
)
def test_types_that_cannot_be_used(tmp_path: Path, column: pl.Series, message: str) -> None:
    path = save(tmp_path, FRAME.with_columns(column))
    with pytest.raises(DataError, match=message):
        Parquet(path=path, target="y").load()
    assert Parquet(path=path, target="y", drop=["t"]).load().num_rows == 4


def test_date_as_target_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, FRAME.with_columns(t=pl.Series([datetime(2020, 1, 1)] * 4)))
    with pytest.raises(DataError, match="the target 't' is of type Datetime"):
        Parquet(path=path, target="t").load()


def test_test_file_of_other_types(tmp_path: Path) -> None:
    path = save(tmp_path, FRAME)
    test = save(tmp_path, FRAME.with_columns(open=pl.Series([1.5, 2.5, 3.5, 4.5])), "test.parquet")
    with pytest.raises(DataError, match=r"column 'open' is of type Float64, in dataset\.path it is of type Boolean"):
        Parquet(path=path, target="y", test_path=test).load()


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "no.parquet").write_bytes(b"no parquet file")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        Parquet(path=str(tmp_path / "no.parquet"), target="y").load()
