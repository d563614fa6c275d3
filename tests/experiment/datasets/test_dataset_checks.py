"""Checks of values and of parts, and the record of both."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from dlrun.errors import DataError
from dlrun.experiment.datasets.checks import check_values, require_finite
from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.validation.describe import describe
from dlrun.experiment.validation.parts_report import check_parts
from dlrun.experiment.validation.plan import Fold, SplitPlan


def rows(*numbers: int) -> Any:
    return np.array(numbers, dtype=np.int64)


def plan(training: Any, validation: Any, test: Any = ()) -> SplitPlan:
    return SplitPlan((Fold(0, rows(*training), rows(*validation)),), rows(*test))


def classes(x: Any, y: Any, names: tuple[str, ...] = ("a", "b")) -> Dataset:
    task = "binary" if len(names) == 2 else "multiclass"
    kind = "features" if isinstance(x, np.ndarray) else "table"
    return Dataset("made", kind, x, np.array(y, dtype=np.int64), task, class_names=names)


def labels(y: list[list[float]]) -> Dataset:
    names = tuple("abc"[: len(y[0])])
    return Dataset("labels", "features", np.ones((len(y), 1)), np.array(y, np.float32), "multilabel", names)


def numbers(y: Any) -> Dataset:
    y = np.array(y, dtype=np.float64)
    return Dataset(
        "made", "features", np.zeros((len(y), 1)), y, "regression", target_names=("one", "two")[: y.shape[1]]
    )


def test_nan_and_infinity_are_counted_with_their_first_place() -> None:
    x = np.ones((500, 3, 2), np.float32)
    x[411, 2, 1] = np.nan
    x[499] = np.inf
    with pytest.raises(DataError, match=r"NaN or infinite at 7 places, the first is nan in row 411, position \(2, 1\)"):
        require_finite(x, "the inputs")


def test_place_is_right_beyond_the_first_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlrun.experiment.datasets.checks._CHUNK", 10)
    x = np.ones((50, 4))
    x[37, 3] = -np.inf
    x[40, 0] = np.nan
    with pytest.raises(DataError, match=r"at 2 places, the first is -inf in row 37, column 3 \(from 0\)"):
        require_finite(x, "the inputs")


@pytest.mark.parametrize(
    "x", [np.full((4, 2), 3e38, np.float32), np.full((4, 2), 3e38), np.zeros((0, 3)), np.array([[1, 2]], np.uint8)]
)
def test_large_numbers_whole_numbers_and_nothing_are_fine(x: Any) -> None:
    require_finite(x, "the inputs")


@pytest.mark.parametrize("x", [np.full((4, 2), 1e308), np.array([[1.0], [-1e39]])])
def test_numbers_beyond_32_bit_floats_are_refused(x: Any) -> None:
    with pytest.raises(DataError, match=r"the inputs reach 1e\+\d+, more than a 32-bit float can hold \(3\.4e\+38\)"):
        require_finite(x, "the inputs")


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (classes(np.array([[1.0], [np.nan]]), [0, 1]), "the inputs are NaN or infinite at 1 place, .* row 1, column 0"),
        (classes(np.ones((2, 1)), [1, 1]), "the dataset holds one class only: 'b'"),
        (classes(np.ones((2, 1)), [0, 2]), "the targets hold the code 2, there are 2 classes"),
        (classes(np.ones((0, 1)), []), "no rows"),
        (numbers([[1.0], [1.0]]), "the target 'one' is 1 in every row of the dataset"),
        (numbers([[1.0, 3.0], [2.0, 3.0]]), "the target 'two' is 3 in every row of the dataset"),
        (numbers([[1.0], [np.inf]]), "the targets are NaN or infinite at 1 place"),
    ],
)
def test_values_that_nothing_can_be_learned_from(dataset: Dataset, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_values(dataset)


def test_usable_values_pass() -> None:
    check_values(classes(np.ones((3, 1)), [0, 1, 1]))
    check_values(numbers([[1.0], [2.0]]))
    check_values(labels([[1, 0], [0, 1]]))


def test_labels_that_never_differ_are_named() -> None:
    with pytest.raises(DataError, match="labels have the same value in every row of the dataset: 'b', 'c'"):
        check_values(labels([[1, 0, 1], [0, 0, 1]]))


def test_training_part_needs_variety() -> None:
    with pytest.raises(DataError, match="the training part holds one class only: 'a'"):
        check_parts(classes(np.ones((4, 1)), [0, 0, 1, 1]), plan([0, 1], [2], [3]))
    with pytest.raises(DataError, match="the target 'one' is 1 in every row of the training part"):
        check_parts(numbers([[1], [1], [2]]), plan([0, 1], [2]))
    folds = SplitPlan((Fold(0, rows(0, 2), rows(1, 3)), Fold(1, rows(0, 1), rows(2, 3))), rows())
    with pytest.raises(DataError, match="the training part of fold 1"):
        check_parts(classes(np.ones((4, 1)), [0, 0, 1, 1]), folds)


@pytest.mark.parametrize("as_table", [False, True])
def test_duplicates_across_parts_are_counted(as_table: bool) -> None:
    values = np.array([[1, 2], [3, 4], [1, 2], [5, 6], [3, 4], [3, 4], [2, 1]], np.float64)
    x: Any = pl.DataFrame({"a": values[:, 0], "b": values[:, 1]}) if as_table else values
    report = check_parts(classes(x, [0, 1, 0, 1, 1, 0, 0]), plan([0, 1], [2, 3], [4, 5, 6]))
    assert report.facts["duplicates"] == {"rows": 3, "validation_in_training": [1], "test_in_development": 2}
    assert report.notes == (
        "validation rows with the inputs of a training row: 1 of 2",
        "test rows with the inputs of a row learned from: 2 of 3",
    )


def test_signs_and_order_make_rows_different() -> None:
    values = np.array([[1.0, -2.0], [-1.0, 2.0], [-2.0, 1.0], [1.0, 2.0]])
    report = check_parts(classes(values, [0, 1, 0, 1]), plan([0, 1], [2], [3]))
    assert report.facts["duplicates"] == {"rows": 0, "validation_in_training": [0], "test_in_development": 0}


def test_duplicates_are_counted_for_each_fold() -> None:
    folds = SplitPlan((Fold(0, rows(0, 1), rows(2)), Fold(1, rows(1, 2), rows(0))), rows())
    report = check_parts(classes(np.array([[1.0], [2.0], [1.0]]), [0, 1, 0]), folds)
    assert report.facts["duplicates"]["validation_in_training"] == [1, 1]


def test_classes_that_training_never_sees() -> None:
    dataset = classes(np.arange(6.0)[:, None], [0, 1, 2, 0, 3, 3], ("a", "b", "c", "d"))
    report = check_parts(dataset, plan([0, 1], [2, 3], [4, 5]))
    assert report.facts["classes_not_in_training"] == {"validation": ["c"], "test": ["d"]}
    assert report.notes == (
        "validation holds classes that training never sees: 'c'",
        "test holds classes that training never sees: 'd'",
    )


def test_record_of_classes() -> None:
    dataset = classes(np.arange(6, dtype=np.uint8)[:, None], [0, 1, 1, 0, 1, 1])
    record = describe(dataset, plan([0, 1, 2], [3], [4, 5]))
    assert json.loads(json.dumps(record)) == record
    assert record["fingerprint"] == dataset.fingerprint
    assert record["inputs"] == {"dtype": "uint8", "shape": [6, 1], "bytes": 6, "names": []}
    assert record["parts"] == {
        "development": {"rows": 4, "classes": {"a": 2, "b": 2}},
        "test": {"rows": 2, "classes": {"a": 0, "b": 2}},
    }
    assert record["folds"][0]["training"] == {"rows": 3, "classes": {"a": 1, "b": 2}}
    assert record["checks"]["duplicates"]["rows"] == 0


def test_record_of_a_table_with_numbers_to_predict() -> None:
    frame = pl.DataFrame({"n": [1, None, 3, 3], "c": ["x", "y", "x", None]})
    dataset = Dataset("t", "table", frame, np.array([[1.0], [2.0], [4.0], [3.0]]), "regression", target_names=("y",))
    record = describe(dataset, plan([0, 1, 2], [3]))
    assert record["inputs"]["columns"] == {
        "n": {"dtype": "Int64", "missing": 1, "distinct": 3},
        "c": {"dtype": "String", "missing": 1, "distinct": 3},
    }
    assert record["parts"]["test"] == {"rows": 0, "targets": {}}
    assert record["folds"][0]["validation"] == {"rows": 1, "targets": {"y": {"mean": 3, "std": 0, "min": 3, "max": 3}}}


def test_record_of_labels() -> None:
    y = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    dataset = Dataset("m", "features", np.arange(3.0)[:, None], y, "multilabel", class_names=("p", "q"))
    assert describe(dataset, plan([0, 1], [2]))["folds"][0]["training"] == {"rows": 2, "labels": {"p": 2, "q": 1}}
