"""CSV files as people, spreadsheets and instruments write them: each is read by a setting, refused or told."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dlrun.errors import DataError
from dlrun.experiment.datasets.sources.csv import Csv


@pytest.fixture
def source(tmp_path: Path):
    def make(text: str | bytes, name: str = "data.csv", **options: Any) -> Csv:
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return Csv(path=str(tmp_path / name), **{"target": "y", **options})

    return make


def rows(count: int, line: str) -> str:
    return "".join(line.format(row=row, odd=row % 2, many=row % 30) for row in range(count))


def test_decimal_commas_and_thousands_are_read_by_their_settings(source) -> None:
    dataset = source('a;b;y\n"1.234,5";x;2,5\n7;y;3,0\n', separator=";", decimal=",", thousands=".").load()
    assert dataset.x.to_dict(as_series=False) == {"a": [1234.5, 7.0], "b": ["x", "y"]}
    assert (dataset.task, dataset.y[:, 0].tolist()) == ("regression", [2.5, 3.0])
    grouped = source('a,y\n"1,340.65","2,000"\n700,"1,500"\n', thousands=",", task="regression").load()
    assert (grouped.x["a"].to_list(), grouped.y[:, 0].tolist()) == ([1340.65, 700.0], [2000.0, 1500.0])
    blanks = source("a;y\n1 234,5;0\n2\u00a0000;1\n", separator=";", decimal=",", thousands=" ").load()
    assert blanks.x["a"].to_list() == [1234.5, 2000.0]


def test_a_point_is_no_decimal_mark_where_the_config_says_comma(source) -> None:
    text = "a;y\n" + rows(30, "{row},5;{odd}\n")
    assert source(text, separator=";", decimal=",").load().x["a"].to_list() == [row + 0.5 for row in range(30)]
    with pytest.raises(DataError, match=r"column 'a' holds no number in 1 row, the first is '7\.5' in row 7"):
        source(text.replace("7,5;1", "7.5;1", 1), separator=";", decimal=",", types={"a": "numeric"}).load()
    many = "a;y\n" + rows(150, "{row},5;{odd}\n").replace("7,5;1", "7.5;1", 1)
    with pytest.raises(DataError, match=r"column 'a' holds text in 1 row and numbers in all .*; the first is '7\.5'"):
        source(many, separator=";", decimal=",").load()


def test_a_forced_number_is_read_in_the_notation_of_the_file(source) -> None:
    options = {"separator": ";", "decimal": ",", "types": {"a": "numeric"}}
    assert source("a;y\n1,5;0\n2;1\n", **options).load().x["a"].to_list() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("line", "words", "remedy"),
    [
        ('{odd},"{row},5"\n', "with a decimal comma, such as '0,5'", "Set dataset.decimal=','."),
        ('{odd},"1,{row:03}"\n', "with commas between thousands, such as '1,000'", "Set dataset.thousands=','."),
        ("{odd},1'{row:03}\n", "with apostrophes between thousands", 'Set dataset.thousands="\'".'),
        ("{odd}, {row}\n", "with blanks around them, such as ' 0'", "Set dataset.strip=true."),
        ("{odd},<{row}.5\n", "with marks, such as '<0.5'", "Write bare numbers, or leave the cells empty."),
        ("{odd},{row}%\n", "with marks, such as '0%'", "Write bare numbers"),
        ("{odd},${row}\n", "with marks", "Write bare numbers"),
    ],
)
def test_a_target_of_numbers_in_another_notation_is_refused(source, line: str, words: str, remedy: str) -> None:
    text = "a,y\n" + rows(60, line)
    for task in ("auto", "regression"):
        with pytest.raises(DataError, match=f"the target 'y' looks like numbers {words}".replace("$", r"\$")) as caught:
            source(text, task=task).load()
        assert str(caught.value.remedy).startswith(remedy)
        assert str(caught.value.remedy).endswith("dataset.types.y=categorical takes all values for names of classes.")
    assert source(text, types={"y": "categorical"}).load().task == "multiclass"


def test_few_such_values_are_classes_and_told(source) -> None:
    dataset = source("a,y\n" + rows(40, '{row}.5,"{odd},5"\n')).load()
    assert dataset.class_names == ("0,5", "1,5")
    assert "looks like numbers with a decimal comma, such as '0,5': taken for names of classes" in dataset.notes[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [("{odd},{row}-Jan-2020\n", "holds dates or times"), ("{odd},name {row}\n", "is text that differs in most rows")],
)
def test_targets_of_dates_and_of_names_of_rows_are_refused(source, line: str, message: str) -> None:
    text = "a,y\n" + rows(120, line.replace("{row}-", "{many}-"))
    with pytest.raises(DataError, match=f"the target 'y' {message}"):
        source(text).load()
    assert source(text, types={"y": "categorical"}).load().task == "multiclass"


@pytest.mark.parametrize(
    ("labels", "class_names", "codes"),
    [
        (["True", "False", "True"], ("False", "True"), [1, 0, 1]),
        (["true", "false", "true"], ("false", "true"), [1, 0, 1]),
        (["01", "03", "02"], ("01", "02", "03"), [0, 2, 1]),
        (["10", "9", "10"], ("9", "10"), [1, 0, 1]),
        (["1.0", "0.0", "1.0"], ("0.0", "1.0"), [1, 0, 1]),
        (["+1", "-1", "+1"], ("+1", "-1"), [0, 1, 0]),
    ],
)
def test_classes_keep_the_names_that_the_file_gives_them(source, labels, class_names, codes) -> None:
    dataset = source("a,y\n" + "".join(f"{row}.5,{label}\n" for row, label in enumerate(labels))).load()
    assert (dataset.class_names, dataset.y.tolist(), dataset.notes[1:]) == (class_names, codes, ())


def test_a_class_written_in_two_ways_is_told(source) -> None:
    dataset = source("a,y\n1.5,True\n2.5,TRUE\n3.5,False\n").load()
    assert dataset.class_names == ("false", "true")
    assert dataset.notes == ("the target 'y' writes the class 'true' as 'TRUE', 'True'",)


def test_a_target_may_be_forced(source) -> None:
    text = "a,y\n" + rows(60, "{row}.5,0{many:02}\n")
    plain = source(text).load()
    assert plain.task == "regression"
    assert "written with zeros in front, such as '000', as codes are" in plain.notes[-1]
    forced = source(text, types={"y": "categorical"}).load()
    assert (forced.task, forced.class_names[:2]) == ("multiclass", ("000", "001"))
    numbers = source("a,y\n1.5,1\n2.5,2\n3.5,1\n", types={"y": "numeric"}).load()
    assert (numbers.task, numbers.y[:, 0].tolist()) == ("regression", [1.0, 2.0, 1.0])
    with pytest.raises(DataError, match="column 'y' holds no number in 1 row, the first is 'x' in row 1"):
        source("a,y\n1.5,1\n2.5,x\n", types={"y": "numeric"}).load()


def test_labels_that_differ_in_blanks_are_refused_and_stripped_by_a_setting(source) -> None:
    text = "a,b,y\n1.5,5 ,yes\n2.5, 6,yes \n3.5,7,no\n4.5,8, NA \n"
    with pytest.raises(DataError, match="classes of the target 'y' differ in blanks only: 'yes', 'yes '") as caught:
        source(text).load()
    assert str(caught.value.remedy).startswith("Set dataset.strip=true,")
    dataset = source(text, strip=True, drop_unlabeled_rows=True).load()
    assert (dataset.class_names, dataset.x["b"].to_list()) == (("no", "yes"), [5, 6, 7])


def test_labels_that_differ_in_case_are_told(source) -> None:
    dataset = source("a,y\n1.5,Yes\n2.5,yes\n3.5,no\n").load()
    assert dataset.class_names == ("Yes", "no", "yes")
    assert dataset.notes == (
        "classes of the target 'y' differ in upper and lower case only: 'Yes', 'yes'; they are different classes "
        "unless the file is corrected",
    )


def test_na_can_be_a_class(source) -> None:
    text = "a,y\n1.5,NA\n2.5,EU\n,AS\n4.5,\n"
    with pytest.raises(DataError, match=r"no label in 'y' for 2 of 4 rows.*; 'NA' there means a missing value, "):
        source(text).load()
    dataset = source(text, not_missing="NA", drop_unlabeled_rows=True).load()
    assert (dataset.class_names, dataset.y.tolist()) == (("AS", "EU", "NA"), [2, 1, 0])
    assert dataset.x["a"].to_list() == [1.5, 2.5, None]


def test_quotes_in_names_and_in_values(source) -> None:
    dataset = source('"size 12""","a ""b""",y\n1.5,x,0\n2.5,z,1\n').load()
    assert dataset.feature_names == ('size 12"', 'a "b"')
    assert dataset.x.rows() == [(1.5, "x"), (2.5, "z")]
    target = source('a,"y"""\n1,0\n2,1\n', target='y"').load()
    assert target.target_names == ('y"',)
    inside = source('a,b,y\n5" pipe,1.5,0\n6" pipe,2.5,1\n"7"" rod",3.5,1\n').load()
    assert inside.x.rows() == [('5" pipe', 1.5), ('6" pipe', 2.5), ('7" rod', 3.5)]
    with pytest.raises(DataError, match="cannot be read as CSV: line 2: ',' expected after '\"'") as caught:
        source('a,y\n"5" pipe,0\n"x",1\n').load()
    assert caught.value.remedy == "Double the quotes inside of a value that is in quotes."


def test_a_file_without_a_header(source) -> None:
    text = "0.1,1.3,setosa\n0.2,1.4,virginica\n0.3,1.5,setosa\n"
    dataset = source(text, names=["a", "b", "y"]).load()
    assert (dataset.num_rows, dataset.feature_names, dataset.x["a"].to_list()) == (3, ("a", "b"), [0.1, 0.2, 0.3])
    assert dataset.class_names == ("setosa", "virginica")
    remedy = r"If the file has no header, name its 3 columns: dataset.names=\[x1, x2, y\]."
    for options, message in (
        ({}, "has no column 'y'"),
        ({"target": "setosa"}, "seems to have no header: the target 'setosa' of its first line is also a value below"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            source(text, **options).load()
        assert str(caught.value.remedy) == remedy.replace("\\", "")
    with pytest.raises(DataError, match="more than one column is called '0', '1'") as caught:
        source("1,0,1,0\n0,0,1,1\n").load()
    assert "dataset.names=[x1, x2, x3, y]" in str(caught.value.remedy)
    with pytest.raises(DataError, match=r"dataset\.names holds 2 names, the first row of '.*' holds 3 values"):
        source(text, names=["a", "y"]).load()
    with pytest.raises(DataError, match=r"holds dataset\.names: it is a header"):
        source("a,y\n1,0\n2,1\n", names=["a", "y"]).load()
    with pytest.raises(DataError, match=r"line 3 holds 4 values, dataset\.names holds 3"):
        source(text.replace("0.3,", "0.3,0,"), names=["a", "b", "y"]).load()


def test_a_header_of_numbers_is_told_unless_they_are_names(source) -> None:
    dataset = source("0.25,y\n0.5,1\n0.75,0\n").load()
    assert dataset.notes[0].startswith("the header holds numbers ('0.25'), as a row does: if the file has no header, ")
    assert source("0,1,2020,y\n0.5,1.5,2.5,1\n0.75,2.5,3.5,0\n").load().notes == ()


def test_lines_above_the_header_and_comments(source) -> None:
    table = "a,y\n1.5,0\n2.5,1\n"
    for text, options in (
        ('"Source","World"\n\n"Updated","2024"\n\n' + table, {"skip_rows": 3}),
        ("# made by sensor 7\n" + table.replace("2.5", "# off\n2.5"), {"comment": "#"}),
        ("title\n# c\n\n" + table, {"comment": "#", "skip_rows": 1}),
        ("\ufeff# c\n" + table, {"comment": "#"}),
    ):
        dataset = source(text, **options).load()
        assert (dataset.feature_names, dataset.x["a"].to_list(), dataset.y.tolist()) == (("a",), [1.5, 2.5], [0, 1])
    quoted = source('a,b,y\n1.5,"x\n# no comment",0\n# c\n2.5,z,1\n', comment="#").load()
    assert quoted.x["b"].to_list() == ["x\n# no comment", "z"]


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ('"S","W"\n\n"U","2024"\n\nb,a,y\n1,2,0\n', "line 5 holds 3 values, the header holds 2", "dataset.skip_rows=3"),
        ("Title\nb,a,y\n1,2,0\n", "line 2 holds 3 values, the header holds 1", "If the line above it is no part of"),
        ("# c\nb,a,y\n1,2,0\n", "line 2 holds 3 values", "dataset.comment='#' leaves out lines that begin with it."),
        ("b,a,y\n1,2,0,5\n1,2,0\n", "line 2 holds 4 values, the header holds 3", "Put a text that holds the separator"),
    ],
)
def test_files_that_begin_with_other_lines_say_so(source, text: str, message: str, remedy: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        source(text).load()
    assert remedy in str(caught.value.remedy)


def test_empty_columns_by_separators_at_the_ends_of_lines(source) -> None:
    dataset = source("a,b,y,,\n1.5,3.5,0,,\n2.5,2.5,1,,\n").load()
    assert (dataset.feature_names, dataset.x.rows()) == (("a", "b"), [(1.5, 3.5), (2.5, 2.5)])
    assert dataset.notes == (
        "2 columns without a name or a value are left out; separators at the ends of lines make them",
    )
    with pytest.raises(DataError, match="more than one column is called ''"):
        source("a,y,,\n1.5,0,,\n2.5,1,,7\n").load()


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "a,y\n1,0\n")
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message", "remedy"),
    [
        ("a.zip", zipped("data.csv"), "is a zip archive, which holds 'data.csv', not text", "Unpack it"),
        ("a.csv", zipped("xl/workbook.xml"), "is an Excel workbook, not text", "Save the sheet as CSV"),
        ("a.xlsx", zipped("data.csv"), "is an Excel workbook", "Save the sheet as CSV"),
        ("a.csv", zipped("x.npy"), "is an archive of arrays", "Set dataset.kind=npz."),
        ("a.csv", b"PAR1....", "is a Parquet file", "Set dataset.kind=parquet."),
        ("a.csv", b"BZh91AY", "is packed by bzip2", "Unpack it first"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1", "is an Excel workbook", "Save the sheet as CSV"),
    ],
)
def test_what_is_no_text_is_called_by_its_name(source, name: str, content: bytes, message: str, remedy: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        source(content, name).load()
    assert str(caught.value.remedy).startswith(remedy)


def test_wide_files_are_read_in_seconds(source) -> None:
    header = ",".join(f"c{column}" for column in range(20_000))
    line = ",".join(["1.5"] * 20_000)
    assert source(f"{header},y\n{line},0\n{line},1\n", drop=["c1"]).load().x.width == 19_999
