"""Headers of tables that nobody writes by hand: refused in one short message, before the rest is read."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from dlrun.errors import DataError
from dlrun.experiment.datasets.readers import csv_lines, headers
from dlrun.experiment.datasets.readers.csv_file import CsvFile
from dlrun.experiment.datasets.readers.csv_lines import Layout
from dlrun.experiment.datasets.sources.csv import Csv
from dlrun.experiment.datasets.sources.parquet import Parquet

_LONGEST_MESSAGE = 2_000


def refused(path: Path) -> str:
    """Return what is said of a file for training; the same is said of it where it is to be predicted."""
    with pytest.raises(DataError) as training:
        Csv(path=str(path), target="y").load()
    with pytest.raises(DataError) as predicting:
        _ = CsvFile(path, Layout()).header
    assert predicting.value.message == training.value.message
    assert len(training.value.message) + len(str(training.value.remedy)) < _LONGEST_MESSAGE
    return training.value.message


def test_three_megabytes_of_empty_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl, "read_csv", None)  # nothing but the header is read
    path = tmp_path / "wide.csv"
    path.write_text("a" + "," * 3_000_000 + "\n1\n")
    assert refused(path) == f"'{path}' has 3,000,001 columns, a table may have 1,000,000"


def test_three_hundred_kilobytes_of_empty_names_over_a_short_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pl, "read_csv", None)
    path = tmp_path / "wide.csv"
    path.write_text("a" + "," * 300_000 + "\n1\n")
    with pytest.raises(DataError, match="line 2 holds 1 value, the header holds 300001"):
        Csv(path=str(path), target="y").load()


def test_the_bound_itself_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "MOST_COLUMNS", 3)
    (tmp_path / "three.csv").write_text("a,b,y\n1,2,0\n2,1,1\n")
    assert Csv(path=str(tmp_path / "three.csv"), target="y").load().x.width == 2
    (tmp_path / "four.csv").write_text("a,b,c,y\n1,2,3,0\n2,1,3,1\n")
    assert refused(tmp_path / "four.csv").endswith("four.csv' has 4 columns, a table may have 3")


def test_parquet_has_the_same_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "MOST_COLUMNS", 2)
    path = tmp_path / "wide.parquet"
    pl.DataFrame({"a": [1, 2], "b": [1, 3], "y": [0, 1]}).write_parquet(path)
    with pytest.raises(DataError, match="has 3 columns, a table may have 2"):
        Parquet(path=str(path), target="y").load()
    with pytest.raises(DataError, match="has 3 columns, a table may have 2"):
        _ = Parquet(path=str(path), target="y").file(path).header


def test_a_name_as_long_as_a_book(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("x," + "n" * 1_000_000 + ",y\n1,2,0\n2,3,1\n")
    assert refused(path) == f"'{path}': the name of column 2 has 1,000,000 characters, a name may have 10,000"


def test_names_of_a_survey_are_read_and_told_in_short(tmp_path: Path) -> None:
    path, question = tmp_path / "survey.csv", "How much do you agree? " * 100
    path.write_text(f"{question},label\n1,0\n2,1\n")
    assert Csv(path=str(path), target="label").load().feature_names == (question,)
    with pytest.raises(DataError) as caught:
        Csv(path=str(path), target="zzz").load()
    assert "(of 2,300 characters), 'label'" in caught.value.message
    assert len(caught.value.message) < _LONGEST_MESSAGE


@pytest.mark.parametrize("skip_rows", [0, 1])
def test_a_line_without_an_end_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skip_rows: int
) -> None:
    monkeypatch.setattr(csv_lines, "LONGEST_LINE", 1_000)
    path = tmp_path / "packed.csv.gz"
    path.write_bytes(gzip.compress(b"a," * 5_000_000))
    with pytest.raises(DataError, match="line 1 has more than 1,000 characters"):
        Csv(path=str(path), target="y", skip_rows=skip_rows).load()
    with pytest.raises(DataError, match="line 1 has more than 1,000 characters"):
        _ = CsvFile(path, Layout(skip_rows=skip_rows)).header


def test_empty_columns_are_looked_at_down_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "trailing.csv"
    path.write_text('x,y,,\n1,0,,\n2,1,"",\n3,0,,5\n')
    assert Csv(path=str(path), target="y", limit=2).load().feature_names == ("x",)
    with pytest.raises(DataError, match="more than one column is called ''"):
        Csv(path=str(path), target="y").load()
