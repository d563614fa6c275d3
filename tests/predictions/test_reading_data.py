"""Files to predict: every form, in chunks, and what is refused."""

from __future__ import annotations

import gzip
import io

import numpy as np
import polars as pl
import pytest

from dlrun.errors import DataError, UsageError
from dlrun.predictions.files.data import open_data
from dlrun.predictions.files.write import CsvWriter, predict_file
from dlrun.predictions.load import load


@pytest.fixture
def linear(trained):
    """A run on a table."""
    return load(trained("table-linear").path)


def predictions(predictor, path, num_rows=16_384, **options):
    data = open_data(str(path), predictor, **options)
    return np.concatenate([predictor.predict_chunk(chunk.x)[0] for chunk in data.chunks(num_rows)])


def test_all_forms_of_a_table_give_the_same(linear, people_frame, tmp_path) -> None:
    frame = people_frame(60, seed=3)
    expected = linear.predict(frame)
    frame.write_csv(tmp_path / "a.csv")
    frame.write_parquet(tmp_path / "a.parquet", row_group_size=17)
    frame.write_csv(tmp_path / "a.tsv", separator="\t")
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "marked.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n\r\n").encode())
    (tmp_path / "shouting.csv").write_text(text.replace("true", "True").replace("false", "FALSE"))
    for name in ("a.csv", "a.parquet", "a.tsv", "a.csv.gz", "marked.csv", "shouting.csv"):
        for num_rows in (7, 1000):
            assert np.array_equal(predictions(linear, tmp_path / name, num_rows), expected), (name, num_rows)


def test_chunks_count_their_rows(linear, files) -> None:
    data = open_data(str(files / "people.csv"), linear, keep=("id", "age"), targets=True)
    chunks = list(data.chunks(64))
    assert [(chunk.first, len(chunk)) for chunk in chunks] == [(0, 64), (64, 64), (128, 22)]
    assert chunks[1].kept["id"].to_list()[:2] == ["p64", "p65"]
    assert chunks[1].targets.columns == ["kind"]
    assert data.notes == ()


def test_further_columns_are_told_and_targets_may_be_absent(linear, people_frame, tmp_path) -> None:
    frame = people_frame(20).drop("kind").with_columns(note=pl.lit("x"))
    frame.write_csv(tmp_path / "new.csv")
    data = open_data(str(tmp_path / "new.csv"), linear)
    assert data.notes == ("columns that the run does not know are not used: 'note'",)
    with pytest.raises(DataError, match="no column 'kind'"):
        open_data(str(tmp_path / "new.csv"), linear, targets=True)


def test_missing_and_unseen_values_are_treated_as_in_training(linear, people_frame, tmp_path) -> None:
    frame = people_frame(4, seed=9).with_columns(city=pl.Series(["paris", None, "NA", "oslo"]), age=pl.lit(None))
    frame.write_csv(tmp_path / "new.csv")
    known = linear.preprocessing.transform(frame.with_columns(city=pl.Series(["paris", None, None, "oslo"]))).joined()
    columns = [name for name in linear.preprocessing.feature_names if name.startswith("city=")]
    first = linear.preprocessing.feature_names.index(columns[0])
    assert known[0, first : first + len(columns)].tolist() == [0.0] * len(columns)
    (chunk,) = open_data(str(tmp_path / "new.csv"), linear).chunks(10)
    assert np.array_equal(linear.preprocessing.transform(chunk.x).joined(), known)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age,city,membr,visits\n1,oslo,true,1\n", "no column 'member' .*did you mean 'membr'"),
        ("", "is empty"),
        ("x,y\n1,2\n", r"no column 'age', 'city', 'member', 'visits' \(there are 'x', 'y'\)\n"),
        ("age,city,member,visits,age\n1,oslo,true,1,2\n", "more than one column is called 'age'"),
        ("age,city,member,visits\n1,oslo,true,1\n2,oslo,true\n", "line 3 holds 3 values, the header holds 4"),
        (
            "age,city,member,visits\n1,oslo,true,many\n",
            "'visits' holds no number in 1 row, the first is 'many' in row 0",
        ),
        ('age,city,member,visits\n1,"oslo",true,"1\n', "cannot be read as CSV: line 2: unexpected end of data"),
        ("age;city;member;visits\n1;oslo;true;1\n", "has one column only, 'age;city;member;visits', with dataset.sep"),
        (
            "age,city,member,visits\n1,oslo,true,1\n2,oslo,1,1\n",
            "'member' holds neither true nor false in 1 row, the first is '1' in row 1 .*; in the run's data it holds",
        ),
        ("age,city,member,visits\n1,oslo,true,1\n2,oslo,,inf\n", "'visits' is infinite in 1 row, the first is row 1"),
    ],
)
def test_tables_that_do_not_fit_are_refused(linear, tmp_path, text, message) -> None:
    (tmp_path / "new.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        predictions(linear, tmp_path / "new.csv")


def test_a_column_to_keep_that_is_not_there_is_no_fault_of_the_data(linear, files) -> None:
    with pytest.raises(DataError, match="no column 'nothing'") as raised:
        open_data(str(files / "people.csv"), linear, keep=("nothing",))
    assert raised.value.remedy == "Keep a column that the file has."


def test_faults_in_later_chunks_are_placed(linear, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("dlrun.predictions.predictor._MOST_ROWS", 10)
    rows = ["1,oslo,true,1"] * 30
    rows[25] = "1,oslo,true,many"
    (tmp_path / "new.csv").write_text("\n".join(["age,city,member,visits", *rows]))
    data = open_data(str(tmp_path / "new.csv"), linear)
    with pytest.raises(DataError, match=r"new\.csv', rows 20 to 29: .* 'many' in row 25 \(from 0\)"):
        predict_file(linear, data, CsvWriter(io.BytesIO(), linear), confidence=0.9, keep=())


def test_dates_are_no_numbers(linear, people_frame, tmp_path) -> None:
    from datetime import date

    people_frame(5).with_columns(age=pl.lit(date(2026, 1, 1))).write_parquet(tmp_path / "new.parquet")
    with pytest.raises(DataError, match="column 'age' is of type Date"):
        list(open_data(str(tmp_path / "new.parquet"), linear).chunks(10))


def test_text_in_another_encoding_and_a_file_that_is_no_parquet(linear, tmp_path) -> None:
    (tmp_path / "latin.csv").write_bytes("age,city,member,visits\n1,Zürich,true,1\n".encode("latin-1"))
    (tmp_path / "no.parquet").write_text("age,city")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        list(open_data(str(tmp_path / "latin.csv"), linear).chunks(10))
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        open_data(str(tmp_path / "no.parquet"), linear)


def test_arrays_are_read_a_piece_at_a_time(trained, files, tmp_path) -> None:
    forest = load(trained("images-forest").path)
    with np.load(files / "images.npz") as arrays:
        x, y = arrays["x"], arrays["y"]
    expected = forest.predict(x)
    assert np.array_equal(predictions(forest, files / "images.npz", 13), expected)
    np.savez_compressed(tmp_path / "one.npz", pictures=np.asfortranarray(x))
    assert np.array_equal(predictions(forest, tmp_path / "one.npz", 13), expected)
    np.savez(tmp_path / "two.npz", first=x, second=x[::-1], x_test=x, y_test=y)
    assert np.array_equal(predictions(forest, tmp_path / "two.npz", array="second"), expected[::-1])
    with pytest.raises(DataError, match="no array x; there are 'first', 'second', 'x_test', 'y_test'"):
        open_data(str(tmp_path / "two.npz"), forest)
    data = open_data(str(tmp_path / "two.npz"), forest, array="x_test", targets=True)
    assert np.array_equal(np.concatenate([chunk.targets for chunk in data.chunks(50)]), y)
    assert data.notes == ("arrays that are not used: 'first', 'second'",)


def test_arrays_that_do_not_fit_are_refused(trained, linear, files, tmp_path) -> None:
    forest = load(trained("images-forest").path)
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 6, 7), np.uint8))
    np.savez(tmp_path / "b.npz", x=np.zeros((4, 6, 6), np.uint8), y=np.zeros(5))
    np.savez(tmp_path / "c.npz", x=np.zeros((4, 6, 6)))
    with pytest.raises(
        DataError, match=r"uint8 of shape \(4, 6, 7\), the run .* needs numbers of shape \(rows, 6, 6\)"
    ):
        open_data(str(tmp_path / "a.npz"), forest)
    with pytest.raises(DataError, match="'x' has 4 rows, 'y' has the shape"):
        open_data(str(tmp_path / "b.npz"), forest, targets=True)
    with pytest.raises(DataError, match="pixels are float64, expected uint8"):
        predictions(forest, tmp_path / "c.npz")
    with pytest.raises(DataError, match="was trained on a table"):
        open_data(str(files / "images.npz"), linear)
    with pytest.raises(DataError, match=r"was trained on an array of shape \(rows, 6, 6\)"):
        open_data(str(files / "people.csv"), forest)


def test_options_that_do_not_suit_are_refused(trained, linear, files, tmp_path) -> None:
    (tmp_path / "data.xlsx").write_text("")
    with pytest.raises(UsageError, match="does not tell what it holds"):
        open_data(str(tmp_path / "data.xlsx"), linear)
    with pytest.raises(UsageError, match="is a table and has no arrays"):
        open_data(str(files / "people.csv"), linear, array="x")
    with pytest.raises(UsageError, match="no columns to keep"):
        open_data(str(files / "images.npz"), load(trained("images-forest").path), keep=("id",))
    with pytest.raises(DataError, match="there is no file"):
        open_data(str(tmp_path / "absent.csv"), linear)
