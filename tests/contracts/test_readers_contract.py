"""What readers of tables promise: prediction reads what training reads, refuses what it refuses, and says the same.

Files are read as a whole, as for training, and in blocks, as for prediction, which are so small here that rows lie
across their bounds.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dlrun.errors import DataError
from dlrun.experiment.datasets.readers import csv_blocks, csv_written, scanned_file
from dlrun.experiment.datasets.readers.new_rows import Asked
from dlrun.experiment.datasets.readers.second_file import alike
from dlrun.experiment.datasets.readers.table_file import TableFile
from dlrun.experiment.datasets.sources.csv import Csv
from dlrun.experiment.datasets.sources.parquet import Parquet
from dlrun.experiment.datasets.tables.columns import as_numbers, as_text
from dlrun.experiment.datasets.tables.notation import PLAIN
from dlrun.experiment.datasets.tables.table import Table


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (csv_blocks, csv_written):
        monkeypatch.setattr(module, "BLOCK_BYTES", 24)
    monkeypatch.setattr(scanned_file, "_BLOCK_ROWS", 3)


def asked(source: Table, read: pl.DataFrame | None, columns: tuple[str, ...] = (), **options: Any) -> Asked:
    """Ask for the inputs that training has read; where it read nothing, for some columns as text."""
    from dlrun.experiment.datasets.dataset import DatasetFacts

    names = columns if read is None else tuple(read.columns)
    facts = DatasetFacts("multiclass", "table", (len(names),), 0, 0, 2)
    dtypes = {} if read is None else {column.name: str(column.dtype) for column in read}
    return Asked("a run", facts, names, dtypes, source.categorical_columns, source.target, **options)


def learned(source: Table) -> pl.DataFrame | DataError:
    """Return the inputs and targets that training reads, or what it says."""
    try:
        dataset = source.load()
    except DataError as error:
        return error
    assert isinstance(dataset.x, pl.DataFrame)
    return dataset.x


def scored(source: Table, path: Path, wanted: Asked) -> pl.DataFrame | DataError:
    """Return the inputs that an evaluation reads, or what it says."""
    try:
        chunks = list(source.open(path, wanted).chunks(2))
    except DataError as error:
        return error
    assert [chunk.first for chunk in chunks] == [2 * number for number in range(len(chunks))]
    assert all(isinstance(chunk.targets, pl.DataFrame) for chunk in chunks)
    return pl.concat([chunk.x for chunk in chunks])


ROWS = "a,b,y\n1,true,0\n2.5,False,1\n"
MAC = ROWS.replace("\n", "\r")

READ: dict[str, tuple[str | bytes, dict[str, Any]]] = {
    "plain": (ROWS, {}),
    "line ends of Windows": (ROWS.replace("\n", "\r\n"), {}),
    "line ends of old Macs": (MAC, {}),
    "line ends of old Macs but the last": (MAC[:-1] + "\n", {}),
    "no end of the last line": (ROWS[:-1], {}),
    "empty lines": (ROWS.replace("\n", "\n\n"), {}),
    "blank first lines": ("\n\r\n" + ROWS, {}),
    "blank first line and no header": ("\n" + ROWS[6:], {"names": ["a", "b", "y"]}),
    "rows of separators alone": (ROWS + ",,\n3,,1\n,,\n", {}),
    "rows of missing values alone": (ROWS + "NA,,null\n", {}),
    "quotes after a backslash": ('a,b,y\n"x \\"y\\" z",1,0\n"u",2,1\n', {}),
    "quotes inside of a value": ('a,b,y\n5" x,1,0\n6" y,2,1\n"7"" z",3,0\n', {}),
    "a quote in the header": ('5" pipe,b,y\n1,2,0\n2,3,1\n', {}),
    "line ends inside of quotes": ('"a\nb",b,y\n"x\ny,",1,0\n"\n\n",2,1\n', {}),
    "a carriage return inside of a value": ("a,b,y\n1\rx,1,0\n2,2,1\n", {}),
    "short lines behind the last column that is read": ("a,y,b\n1,0\n2,1,3\n", {"drop": ["b"]}),
    "an empty name at the end": ("a,y,,\n1,0,,\n2,1,,\n", {}),
    "numbers between quotes": ('a,b,y\n"1","","0"\n"2","2.5",1\n', {}),
    "codes and large numbers": (f"a,b,y\n007,{2**70},0\n1e3,.5,1\n-0,+2.5,1\n", {}),
    "a mark of the byte order": (b"\xef\xbb\xbf" + ROWS.encode(), {}),
    "packed": (gzip.compress(ROWS.encode()), {}),
    "another encoding": ("a,b,y\né,1,0\nü,2,1\n".encode("latin-1"), {"encoding": "latin-1"}),
    "two bytes a letter": ("a,b,y\né,1,0\nü,2,1\n".encode("utf-16"), {"encoding": "utf-16"}),
    "comments with quotes": ('# 5"\n#\na,b,y\n# "\n1,x,0\n2,"z\n# no comment",1\n# y\n3,x,1\n', {"comment": "#"}),
    "a title above": ('"A title\n\na,b,y\n1,x,0\n2,z,1\n', {"skip_rows": 1}),
    "decimal commas": ("a;b;y\n1.234,5; x ;0\n2,5;z;1\n", {"separator": ";", "decimal": ",", "thousands": "."}),
    "blanks": ("a,b,y\n 1, true,0\n2 ,False , 1\nNA , ,1\n", {"strip": True}),
    "a class called NA": ("a,b,y\nNA,1,NA\nx,-,z\n", {"missing": ["-"], "not_missing": ["NA"]}),
    "forced types": ("a,b,y\n1,1,0\n01,?,1\n", {"types": {"a": "categorical", "b": "numeric"}, "missing": ["?"]}),
    "rows without a label": (ROWS + "3,true,\n4,true,1\n", {"drop_unlabeled_rows": True}),
}


@pytest.mark.parametrize("case", sorted(READ))
def test_what_training_reads_is_scored_with_the_same_values(tmp_path: Path, case: str) -> None:
    text, options = READ[case]
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    source = Csv(path=str(path), target="y", **options)
    expected = learned(source)
    assert isinstance(expected, pl.DataFrame)
    found = scored(source, path, asked(source, expected, scored=True))
    assert isinstance(found, pl.DataFrame), found
    numbers = pl.selectors.numeric()
    assert_frame_equal(found.with_columns(numbers.cast(pl.Float64)), expected.with_columns(numbers.cast(pl.Float64)))


REFUSED: dict[str, tuple[str | bytes, dict[str, Any]]] = {
    "empty": ("", {}),
    "line feeds alone": ("\n\n", {}),
    "a short line": (ROWS + "3,true\n", {}),
    "a long line": (ROWS + "3,true,1,\n", {}),
    "a long line far below the last column that is read": ("a,y,b\n" + "1,0,2\n" * 20 + "1,,2,3\n", {"drop": ["b"]}),
    "a long line without a header": (ROWS[6:] + "3,true,1,2\n", {"names": ["a", "b", "y"]}),
    "a short line of an old Mac": (MAC + "3\r", {}),
    "blanks above the header": (" \n" + ROWS, {}),
    "a quote that is not closed": (ROWS + '3,"true,1\n', {}),
    "text behind quotes": (ROWS + '3,"tr"ue,1\n', {}),
    "a name twice": ("a,a,y\n1,2,0\n2,3,1\n", {}),
    "another separator": (ROWS.replace(",", ";"), {}),
    "bytes that are no text": (ROWS.encode() + b"3,\xff,1\n", {}),
    "another encoding": (ROWS.encode() + "3,é,1\n".encode("latin-1"), {"encoding": "ascii"}),
    "a damaged archive": (gzip.compress(ROWS.encode() * 9)[:-12], {}),
    "a workbook": (b"PK\x03\x04 and more", {}),
    "a header where none should be": (ROWS, {"names": ["a", "b", "y"]}),
    "infinity": (ROWS + "inf,true,1\n", {}),
    "no label": (ROWS + "3,true,\n", {}),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_training_refuses_is_not_scored_and_the_fault_is_told_in_the_same_words(tmp_path: Path, case: str) -> None:
    text, options = REFUSED[case]
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    source = Csv(path=str(path), target="y", **options)
    expected = learned(source)
    assert isinstance(expected, DataError)
    like = pl.DataFrame({"a": [1.5], "b": [True]}).drop([name for name in source.drop if name == "b"])
    found = scored(source, path, asked(source, like, scored=True))
    if case == "no label":  # which evaluation looks for behind the reader
        assert isinstance(found, pl.DataFrame)
        return
    assert isinstance(found, DataError), found
    assert found.message.endswith(expected.message.removeprefix(f"'{path}': "))
    assert str(path) in found.message
    assert str(expected.remedy) in str(found.remedy).replace(
        "Take the header out of the file", "Leave dataset.names out"
    )


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("true\nfalse", "1\n0", "'b' holds neither true nor false in 2 rows, the first is '1' in row 0"),
        ("true\nfalse", "true\nyes", "'b' holds neither true nor false in 1 row, the first is 'yes' in row 1"),
        ("1\n2", "3\nx", "'b' holds no number in 1 row, the first is 'x' in row 1"),
        ("1\n2.5", "0x1\n-", "'b' holds no number in 2 rows, the first is '0x1' in row 0"),
        ("1\n2.5", "inf\n3", "'b' is infinite in 1 row, the first is row"),
        ("1\n2.5", "NaN\n3", ""),
        ("x\nz", "1\n2", ""),
        ("true\nfalse", "TRUE\nnull", ""),
        ("1\n2", ".5\n1e3", ""),
    ],
)
def test_a_second_file_is_judged_as_the_file_of_a_test_part(
    tmp_path: Path, first: str, second: str, message: str
) -> None:
    for name, cells in (("first", first), ("second", second)):
        lines = [f"{cell},{number}" for number, cell in enumerate(cells.split("\n"))]
        (tmp_path / f"{name}.csv").write_text("\n".join(["b,y", *lines]) + "\n")
    path = str(tmp_path / "first.csv")
    alone, both = Csv(path=path, target="y"), Csv(path=path, target="y", test_path=str(tmp_path / "second.csv"))
    like = learned(alone)
    assert isinstance(like, pl.DataFrame)
    expected, found = learned(both), scored(alone, tmp_path / "second.csv", asked(alone, like, scored=True))
    if message:
        assert isinstance(expected, DataError)
        assert isinstance(found, DataError)
        assert message in expected.message
        assert message in found.message
    else:
        assert isinstance(expected, pl.DataFrame)
        assert isinstance(found, pl.DataFrame)
        assert as_text(found["b"]).to_list() == as_text(expected["b"].tail(2)).to_list()


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        ([True, False], [1, 0], False),
        ([1, 2], [True, False], False),
        ([1, 2], [1.5, None], True),
        (["x", "z"], [1, 2], False),
        (["x", "z"], [None, None], True),
        ([1.5, 2.5], [[1], [2]], False),
    ],
)
def test_types_of_parquet_are_judged_as_those_of_a_test_part(
    tmp_path: Path, first: list[Any], second: list[Any], fits: bool
) -> None:
    for name, values in (("first", first), ("second", second)):
        pl.DataFrame({"b": values, "y": [0, 1]}).write_parquet(tmp_path / f"{name}.parquet")
    path, new = str(tmp_path / "first.parquet"), tmp_path / "second.parquet"
    alone, both = Parquet(path=path, target="y"), Parquet(path=path, target="y", test_path=str(new))
    like = learned(alone)
    assert isinstance(like, pl.DataFrame)
    expected, found = learned(both), scored(alone, new, asked(alone, like, scored=True))
    assert isinstance(expected, pl.DataFrame) == isinstance(found, pl.DataFrame) == fits
    if isinstance(expected, DataError) and isinstance(found, DataError):
        assert found.message == expected.message.replace("in dataset.path", "in the run's data")


def test_a_row_that_holds_something_in_any_column_is_predicted(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("id,a,y\n1,5,0\n,,\n2,,\n3,7,1\n")
    source = Csv(path=str(path), target="y", drop=["id"])
    like = learned(source)
    assert isinstance(like, pl.DataFrame)
    assert like["a"].to_list() == [5, 7]
    chunks = list(source.open(path, asked(source, like, keep=("id",))).chunks(10))
    assert [(chunk.x["a"].to_list(), chunk.kept["id"].to_list()) for chunk in chunks] == [
        ([5, None, 7], ["1", "2", "3"])
    ]
    assert [chunk.x["a"].to_list() for chunk in source.open(path, asked(source, like)).chunks(10)] == [[5, None, 7]]
    assert [chunk.x["a"].to_list() for chunk in source.open(path, asked(source, like, scored=True)).chunks(9)] == [
        [5, 7]
    ]


def as_a_whole(file: TableFile, columns: list[str]) -> pl.DataFrame | str:
    try:
        return file.frame(columns)
    except DataError as error:
        return error.message


def in_blocks(file: TableFile, columns: list[str]) -> pl.DataFrame | str:
    try:
        return pl.concat([pl.DataFrame(schema=dict.fromkeys(columns, pl.String)), *file.rows(columns, 2)])
    except DataError as error:
        return error.message


def typed(text: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    return text.with_columns([alike(text[name], str(like[name].dtype), PLAIN, "", "") for name in text.columns])


MARKS = [",", ",", "\n", "\n", "\r\n", "\r", '"', '"', '""', "\\", '\\"', "#", " ", ",,\n", "\n\n", '"x,"', '"a\nb"']
CELLS = ["1", "2.5", "x", "true", "False", "NA", "", "é", "-", "+3", "1e3", ".5", "inf", "0", "null"]
HEADERS = ["a,y\n", "a,y,b\n", "", "\n", "a\n", '"a b","y\n2"\n', "a,y\r", '5" a,y\n']
OPTIONS: list[dict[str, Any]] = [{}, {}, {"comment": "#"}, {"names": ["a", "y"]}, {"separator": " "}]


@given(st.lists(st.sampled_from(MARKS + CELLS), max_size=30), st.sampled_from(HEADERS), st.sampled_from(OPTIONS))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_alike(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], header: str, options: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes((header + "".join(parts)).encode())
    source = Csv(path=str(path), target="y", **options)
    try:
        names = source.file(path).header
    except DataError:
        return
    for columns in filter(None, (names, names[:1])):
        whole, blocks = as_a_whole(source.file(path), columns), in_blocks(source.file(path), columns)
        if isinstance(whole, str) or isinstance(blocks, str):
            assert str(whole) == str(blocks)
        else:
            assert_frame_equal(typed(blocks, whole), numbers_as_floats(whole))


def numbers_as_floats(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns([as_numbers(column) for column in frame if column.dtype.is_numeric()])
