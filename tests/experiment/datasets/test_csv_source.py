"""Tables in CSV files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dlrun.errors import DataError
from dlrun.experiment.datasets.sources.csv import Csv

TEXT = """id,color,size,label
1,red,1.5,no
2,blue,,yes
3,,2.5,no
4,red,NA,yes
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.csv").write_text(TEXT)
    return tmp_path


def write(folder: Path, text: str, name: str = "other.csv") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def csv(folder: Path, **options: Any) -> Csv:
    return Csv(path=str(folder / "small.csv"), **{"target": "label", **options})


def test_types_names_and_missing_values(folder: Path) -> None:
    dataset = csv(folder, drop=["id"]).load()
    assert isinstance(dataset.x, pl.DataFrame)
    assert dataset.x.schema == {"color": pl.String, "size": pl.Float64}
    assert dataset.x["color"].to_list() == ["red", "blue", None, "red"]
    assert dataset.x["size"].to_list() == [1.5, None, 2.5, None]
    assert (dataset.task, dataset.y.tolist(), dataset.class_names) == ("binary", [0, 1, 0, 1], ("no", "yes"))
    assert (dataset.name, dataset.input_kind, dataset.feature_names) == ("small", "table", ("color", "size"))
    assert dataset.test_rows is None


def test_counter_column_is_noted_and_kept(folder: Path) -> None:
    dataset = csv(folder).load()
    assert dataset.feature_names == ("id", "color", "size")
    assert [note for note in dataset.notes if "'id'" in note] == [
        "column 'id' counts the rows, as an identifier does; dataset.drop=[id] leaves it out, dataset.id=id takes it "
        "along"
    ]


def test_target_may_be_a_list_of_one(folder: Path) -> None:
    as_list, as_name = csv(folder, target=["label"]), csv(folder, target="label")
    assert as_list == as_name


def test_several_targets(tmp_path: Path) -> None:
    path = write(tmp_path, "x,a,b\n1,0.5,2\n2,1.5,3\n3,2.5,5\n")
    dataset = Csv(path=path, target=["b", "a"]).load()
    assert (dataset.task, dataset.target_names, dataset.y.tolist()) == (
        "regression",
        ("b", "a"),
        [[2, 0.5], [3, 1.5], [5, 2.5]],
    )


def test_types_override_what_columns_look_like(folder: Path) -> None:
    path = write(folder, "zip,count,label\n007,?,1\n070,3,0\n007,4,1\n")
    dataset = Csv(path=path, target="label", types={"zip": "categorical", "count": "numeric"}, missing=["?"]).load()
    assert isinstance(dataset.x, pl.DataFrame)
    assert dataset.x["zip"].to_list() == ["007", "070", "007"]
    assert dataset.x["count"].to_list() == [None, 3.0, 4.0]


def test_numeric_override_counts_what_is_no_number(folder: Path) -> None:
    path = write(folder, "count,label\n3,1\n?,0\n?,1\n")
    with pytest.raises(DataError, match=r"column 'count' holds no number in 2 rows, the first is '\?' in row 1"):
        Csv(path=path, target="label", types={"count": "numeric"}).load()


def test_number_of_late_rows_counts(tmp_path: Path) -> None:
    rows = "".join(f"{row},{row % 2}\n" for row in range(5000))
    dataset = Csv(path=write(tmp_path, f"a,y\n{rows}0.5,1\n"), target="y").load()
    assert isinstance(dataset.x, pl.DataFrame)
    assert dataset.x["a"][-1] == 0.5


def test_separator_encoding_quotes_and_compression(tmp_path: Path) -> None:
    text = 'name;größe;y\r\n"a;b";1;0\r\n"c ""d""";2;1\r\n'
    (tmp_path / "latin.csv.gz").write_bytes(gzip.compress(text.encode("latin-1")))
    dataset = Csv(path=str(tmp_path / "latin.csv.gz"), target="y", separator=";", encoding="latin-1").load()
    assert isinstance(dataset.x, pl.DataFrame)
    assert dataset.x.rows() == [("a;b", 1), ('c "d"', 2)]
    assert dataset.x.columns == ["name", "größe"]


def test_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbfa,y\n1,0\n2,1\n")
    assert Csv(path=str(tmp_path / "bom.csv"), target="y").load().feature_names == ("a",)


def test_empty_lines_are_no_rows(tmp_path: Path) -> None:
    dataset = Csv(path=write(tmp_path, ",a,y\n0,5,1\n\n1,6,0\n\n"), target="y").load()
    assert isinstance(dataset.x, pl.DataFrame)
    assert dataset.x.rows() == [(0, 5), (1, 6)]
    assert dataset.y.tolist() == [1, 0]


def test_limit(folder: Path) -> None:
    assert csv(folder, limit=2).load().y.tolist() == [0, 1]


def test_own_test_part(folder: Path) -> None:
    test = write(folder, "label,size,color,id,more\nyes,3,7,8,x\nno,4,red,9,x\n", "test.csv")
    source = csv(folder, test_path=test)
    dataset = source.load()
    assert isinstance(dataset.x, pl.DataFrame)
    assert dataset.test_rows is not None
    assert dataset.test_rows.tolist() == [4, 5]
    assert dataset.x.rows()[4:] == [(8, "7", 3.0), (9, "red", 4.0)]
    assert dataset.y.tolist() == [0, 1, 0, 1, 1, 0]
    assert source.facts() == dataset.facts


def test_limit_applies_to_the_own_test_part_too(folder: Path) -> None:
    dataset = csv(folder, test_path=str(folder / "small.csv"), limit=2).load()
    assert dataset.test_rows is not None
    assert (dataset.num_rows, dataset.test_rows.tolist()) == (4, [2, 3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,color,size\n5,red,1\n", "has no column 'label'"),
        ("id,color,size,label\n5,red,big,no\n", "column 'size' holds no number in 1 row, the first is 'big'"),
        ("id,color,size,label\n5,red,1,\n", "no label in 'label' for 1 of 5 rows, the first is row 4"),
    ],
)
def test_own_test_part_must_look_alike(folder: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        csv(folder, test_path=write(folder, text)).load()


def test_rows_without_a_label(tmp_path: Path) -> None:
    path = write(tmp_path, "a,y\n1,no\n2,\n3,yes\n4,NA\n5,no\n")
    with pytest.raises(DataError, match=r"no label in 'y' for 2 of 5 rows, the first is row 1 ") as caught:
        Csv(path=path, target="y").load()
    assert "dataset.drop_unlabeled_rows=true" in str(caught.value.remedy)
    dataset = Csv(path=path, target="y", drop_unlabeled_rows=True, test_path=path).load()
    assert isinstance(dataset.x, pl.DataFrame)
    assert dataset.x["a"].to_list() == [1, 3, 5, 1, 3, 5]
    assert dataset.test_rows is not None
    assert dataset.test_rows.tolist() == [3, 4, 5]
    assert [note for note in dataset.notes if note.startswith("left out")] == [
        "left out 4 rows without a label; 'NA' there means a missing value, dataset.not_missing=[NA] makes it a class"
    ]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "is empty"),
        ("a,y\n", {}, "no rows"),
        ("\n", {}, "is empty"),
        ("  \n", {}, "has no column 'y'|cannot be read as CSV"),
        ("a§y\n1§0\n", {"separator": "§"}, "should be a single byte"),
        ("y\n1\n0\n", {}, "has no columns left to learn from"),
        ("a,a,y\n1,2,3\n", {}, "more than one column is called 'a'"),
        ("a,y\n1,0\n2,1,7\n", {}, "line 3 holds 3 values, the header holds 2"),
        ('a,y\n"1,\n2",0,4\n', {}, "line 3 holds 3 values, the header holds 2"),
        ("a,y,b\n1,0,2\n\n2,1\n3,0,1\n", {}, "line 4 holds 2 values, the header holds 3"),
        ("a,y,b\n1,0,2\n2,1,\n3\n", {}, "line 4 holds 1 value, the header holds 3"),
        ("a,y,b\n1,0,2\n2,1,3\n3\n", {"drop": ("b",)}, "line 4 holds 1 value, the header holds 3"),
        ("a,b,y\n1,2,0\n2,3,1\n", {"target": "Y"}, r"has no column 'Y' \(did you mean 'y'\?\)"),
        ("a,b,y\n1,2,0\n2,3,1\n", {"drop": ["bb"]}, "has no column 'bb'"),
        ("a,b,y\n1,2,0\n2,3,1\n", {"types": {"ä": "numeric"}}, "there are 'a', 'b', 'y'"),
        ("a,b,y\n1,2,0\n2,3,1\n", {"target": ["a", "y"], "task": "binary"}, "not one-hot"),
        ("a,b,y\n1,2,q\n2,3,p\n", {"target": ["a", "y"]}, "the targets 'y' are text"),
        ("a;y\n1;0\n", {}, "has one column only, 'a;y'"),
        ("a,y\n1,inf\n2,1.5\n", {}, "NaN or infinite in 1 row,"),
        ("a,y\n1,0\ninf,1\n-inf,1\n", {}, "column 'a' is infinite in 2 rows, the first is row 1"),
        ("a,y\n1,0\n-1e39,1\n", {}, r"column 'a' holds -1e\+39 in row 1 \(from 0\), more than a 32-bit float can"),
        ("a,y\n1,0\n2,0\n", {}, "every row has the same label '0'"),
        ("a,y\n\xff,0\n", {"encoding": "ascii"}, "cannot be read as CSV"),
        ("a,y\n1,0\n", {"encoding": "klingon"}, "unknown encoding: klingon"),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, text: str, options: dict[str, Any], message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=message):
        Csv(path=path, **{"target": "y", **options}).load()


def test_wrong_separator_is_guessed_at_in_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Csv(path=write(tmp_path, "a;y\n1;0\n"), target="y").load()
    assert str(caught.value.remedy).startswith("Set dataset.separator=';' if")


def test_numbers_of_more_than_64_bits_become_floats(tmp_path: Path) -> None:
    rows = "".join(f"{10**25 + row * 10**24},{10**26 * (row + 1)}.5,{row % 2}\n" for row in range(9))
    source = Csv(path=write(tmp_path, f"a,b,y\n{rows}"), target=["a", "b"])
    assert source.load().y[1].tolist() == [1.1e25, 2e26]
    inputs = Csv(path=source.path, target="y").load().x
    assert inputs["a"].to_numpy()[8] == 1.8e25


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"a,y\n\xff\xfe\x00,1\n2,0\n")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        Csv(path=str(tmp_path / "binary.csv"), target="y").load()


@pytest.mark.parametrize(
    "options",
    [
        {"drop": ["y"]},
        {"target": []},
        {"separator": ";;"},
        {"decimal": ",", "thousands": ","},
        {"not_missing": ["none"]},
        {"skip_rows": -1},
        {"comment": ""},
    ],
)
def test_settings_that_contradict_each_other(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Csv(path="a.csv", **{"target": "y", **options})


@given(st.binary(max_size=200), st.booleans())
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, with_header: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"a,y\n" + content if with_header else content)
    try:
        dataset = Csv(path=str(path), target="y").load()
    except DataError:
        return
    assert dataset.num_rows == len(dataset.x) > 1


def test_missing_file_names_its_neighbour(folder: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file '.*smal\.csv'; did you mean 'small\.csv'\?"):
        Csv(path=str(folder / "smal.csv"), target="y").load()
    with pytest.raises(DataError, match="is a folder"):
        Csv(path=str(folder), target="y").facts()


def test_relative_and_home_paths(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    assert Csv(path="small.csv", target="label").load().num_rows == 4
    assert Csv(path="~/small.csv", target="label").load().num_rows == 4


def test_titanic(datasets_folder: Path) -> None:
    source = Csv(path=str(datasets_folder / "titanic.csv"), target="survived")
    dataset = source.load()
    assert isinstance(dataset.x, pl.DataFrame)
    assert source.facts() == dataset.facts
    assert (dataset.task, dataset.class_names, dataset.num_rows) == ("binary", ("no", "yes"), 1309)
    assert np.bincount(dataset.y).tolist() == [809, 500]
    assert dataset.x["age"].null_count() == 263
    assert dataset.notes == ()


def test_carseats_is_a_regression(datasets_folder: Path) -> None:
    dataset = Csv(path=str(datasets_folder / "carseats.csv"), target="Sales").load()
    assert (dataset.task, dataset.y.shape, dataset.y[0, 0]) == ("regression", (400, 1), 9.5)


def test_free_text_is_refused(datasets_folder: Path) -> None:
    path = str(datasets_folder / "tweets6k.csv")
    with pytest.raises(DataError, match=r"'text' has 5,\d\d\d different values"):
        Csv(path=path, target="sentiment").load()
    assert Csv(path=path, target="sentiment", types={"text": "categorical"}).load().feature_names == ("text",)


def test_large_files_tell_no_facts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlrun.experiment.datasets.tables.table._SMALL_FILE", 10)
    assert csv(folder).facts() is None


def test_a_few_texts_among_numbers_make_no_classes(tmp_path: Path) -> None:
    rows = [f"{row},{row}.5" for row in range(40)]
    rows[7] = "7,abc"
    path = write(tmp_path, "a,y\n" + "\n".join(rows) + "\n")
    for task in ("auto", "regression"):
        with pytest.raises(DataError, match="numbers in all others; the first is 'abc' in row 7") as caught:
            Csv(path=path, target="y", task=task).load()
    assert "Correct 'abc', or leave the rows out: add them to dataset.missing" in str(caught.value.remedy)
    dataset = Csv(path=path, target="y", missing=("abc",), drop_unlabeled_rows=True).load()
    assert (dataset.task, dataset.num_rows) == ("regression", 39)
    assert len(Csv(path=path, target="y", task="multiclass").load().class_names) == 40
    few = write(tmp_path, "a,y\n" + "\n".join(f"{row},{row % 5 or 'none'}" for row in range(40)) + "\n")
    assert Csv(path=few, target="y").load().class_names == ("1", "2", "3", "4", "none")


def test_rows_of_texts_among_numbers_are_counted_in_the_file(tmp_path: Path) -> None:
    rows = ["0,", "1,", *(f"{row},{row}.5" for row in range(2, 40))]
    rows[9] = "9,abc"
    path = write(tmp_path, "a,y\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError, match="the first is 'abc' in row 9"):
        Csv(path=path, target="y", drop_unlabeled_rows=True).load()


def test_names_that_are_numbers_in_part_are_names(tmp_path: Path) -> None:
    rows = [f"{row},{row}{'' if row % 3 else 'A'}" for row in range(90)]
    path = write(tmp_path, "a,y\n" + "\n".join(rows) + "\n")
    assert len(Csv(path=path, target="y").load().class_names) == 90


def test_short_lines_after_a_long_cell_are_found(tmp_path: Path) -> None:
    path = write(tmp_path, "y,s,b\n0,k,1\n1," + "x" * 140_000 + ",2\n1,k\n")
    with pytest.raises(DataError, match="line 4 holds 2 values"):
        Csv(path=path, target="y", types={"s": "categorical"}).load()


def test_empty_lines_before_the_header_are_skipped(tmp_path: Path) -> None:
    text = "a,y\n1,0\n2,1\n"
    for blank in ("\n", "\n\n", "\r\n"):
        dataset = Csv(path=write(tmp_path, blank + text), target="y").load()
        assert (dataset.feature_names, dataset.num_rows) == (("a",), 2)


def test_a_tab_may_be_spelled_out(tmp_path: Path) -> None:
    path = write(tmp_path, "a\ty\n1\t0\n2\t1\n")
    for separator in ("\t", "\\t"):
        assert Csv(path=path, target="y", separator=separator).separator == "\t"
        assert Csv(path=path, target="y", separator=separator).load().num_rows == 2


def test_all_names_that_the_file_does_not_have_are_told_at_once(folder: Path) -> None:
    path = write(folder, "price,rooms,id\n1,2,0\n2,3,1\n")
    with pytest.raises(DataError) as caught:
        Csv(path=path, target="prize", drop=["idd"], types={"room": "numeric"}).load()
    near = "'prize' (did you mean 'price'?), 'idd' (did you mean 'id'?), 'room' (did you mean 'rooms'?)"
    assert f"has no columns {near}" in caught.value.message
    assert caught.value.remedy == "Correct dataset.target and dataset.drop and dataset.types."
