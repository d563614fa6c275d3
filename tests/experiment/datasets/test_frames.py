"""Data frames and columns of other libraries as polars and numpy have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.frames import as_array, as_frame
from dlrun.experiment.datasets.sources.memory import Memory
from dlrun.experiment.datasets.sources.python import Python

COLUMNS = {
    "size": [1.5, None, 3.5, 4.5],
    "rooms": [1, 2, 3, 4],
    "town": ["oslo", "rome", None, "oslo"],
    "sold": [True, False, True, False],
    "kind": ["b", "a", "b", "a"],
}


def test_pandas_frames_are_those_of_polars() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(COLUMNS, index=[7, 8, 9, 10])
    expected = pl.DataFrame(COLUMNS)
    assert as_frame(frame).equals(expected)
    assert as_frame(frame.astype({"town": "category", "rooms": "Int64", "sold": object})).equals(expected)
    dates = as_frame(pandas.DataFrame({"day": pandas.to_datetime(["2020-01-01", "2020-01-02"]), 3: [1, 2]}))
    assert dates.columns == ["day", "3"]
    assert dates["day"].dtype.is_temporal()
    with pytest.raises(DataError, match="column 'a' mixes values of the types int, str"):
        as_frame(pandas.DataFrame({"a": [1, "x"]}))


def test_polars_frames_stay_and_others_are_none() -> None:
    frame = pl.DataFrame(COLUMNS).with_columns(pl.col("town").cast(pl.Categorical))
    assert as_frame(frame).equals(pl.DataFrame(COLUMNS))
    assert as_frame(frame.lazy()).equals(pl.DataFrame(COLUMNS))
    for other in (np.eye(2), [[1]], {"a": [1]}, None, "a", pl.Series([1])):
        assert as_frame(other) is None


def test_objects_become_what_they_hold() -> None:
    for items, kind in ((["a", "bc"], "U"), ([True, False], "b"), ([1, 2], "i"), ([1, 2.5], "f")):
        array = as_array(np.array(items, dtype=object), "y")
        assert array.dtype.kind == kind
        assert array.tolist() == items
    with pytest.raises(DataError, match="y holds values of the types NoneType, str"):
        as_array(np.array(["a", None], dtype=object), "y")


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_a_frame_that_holds_the_target(library: str) -> None:
    made = pytest.importorskip(library)
    dataset = Memory(target="kind", drop="rooms").dataset_of(made.DataFrame(COLUMNS))
    assert dataset.x.to_dict(as_series=False) == {name: COLUMNS[name] for name in ("size", "town", "sold")}
    assert (dataset.task, dataset.class_names, dataset.y.tolist()) == ("binary", ("a", "b"), [1, 0, 1, 0])
    assert (dataset.target_names, dataset.feature_names) == (("kind",), ("size", "town", "sold"))
    assert dataset.notes[-1].startswith("the data were given from memory: this run predicts, but cannot be resumed")


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_inputs_and_targets_apart(library: str) -> None:
    made = pytest.importorskip(library)
    x = made.DataFrame({name: COLUMNS[name] for name in ("size", "town")})
    target = made.Series(COLUMNS["kind"], name="kind") if library == "pandas" else made.Series("kind", COLUMNS["kind"])
    for y in (target, COLUMNS["kind"], np.array(COLUMNS["kind"]), np.array(COLUMNS["kind"], dtype=object)):
        dataset = Memory().dataset_of((x, y))
        assert (dataset.input_kind, dataset.class_names, dataset.y.tolist()) == ("table", ("a", "b"), [1, 0, 1, 0])
    assert Memory().dataset_of({"x": x, "y": target}).target_names == ("kind",)
    parts = Memory(limit=3).dataset_of((x, target, x, target))
    assert (parts.num_rows, parts.test_rows.tolist()) == (6, [3, 4, 5])
    arrays = Memory().dataset_of((np.eye(4), target))
    assert (arrays.input_kind, arrays.class_names, arrays.target_names) == ("features", ("a", "b"), ("kind",))


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        ({}, pl.DataFrame(COLUMNS), "data is one data frame, and dataset.target names no column of it"),
        ({"target": "kinds"}, pl.DataFrame(COLUMNS), r"data has no column 'kinds' \(did you mean 'kind'\?\)"),
        ({"target": "kind"}, (np.eye(2), [0, 1]), "the targets are given as 'y', and dataset.target names 'kind'"),
        ({"target": "town"}, pl.DataFrame(COLUMNS), "data: no label in 'town' for 1 row, the first is row 2"),
        ({"target": "kind", "drop": "room"}, pl.DataFrame(COLUMNS), r"has no column 'room' \(did you mean 'rooms'\?\)"),
        ({}, (pl.DataFrame(COLUMNS), [1]), "'x' has 4 rows and 'y' has 1"),
        ({}, (pl.DataFrame(COLUMNS), [1] * 4, np.eye(2), [1, 2]), "'x_test' is none with the same columns"),
        ({}, 3, "data is a value of the type int"),
    ],
)
def test_what_cannot_be_used_is_refused(settings, given, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Memory(**settings).dataset_of(given)


def test_memory_holds_no_rows_by_itself() -> None:
    assert Memory().facts() is None
    with pytest.raises(DataError, match=r"the rows of dataset\.kind=memory lie in no file") as caught:
        Memory().load()
    assert "dlrun.train(config, data=...)" in str(caught.value.remedy)


def test_a_function_may_return_frames_and_text(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        f"import polars as pl, numpy as np\ncolumns = {COLUMNS!r}\n"
        "def whole():\n    return pl.DataFrame(columns)\n"
        "def apart():\n    frame = whole()\n    return frame.drop('kind'), frame['kind']\n"
        "def text():\n    return np.eye(4), np.array(columns['kind'], dtype=object)\n"
    )
    whole = Python(path=str(path), function="whole", target="kind").load()
    apart = Python(path=str(path), function="apart").load()
    assert whole.fingerprint == apart.fingerprint
    assert (whole.input_kind, whole.name, whole.class_names) == ("table", "own", ("a", "b"))
    assert Python(path=str(path), function="text").load().class_names == ("a", "b")
