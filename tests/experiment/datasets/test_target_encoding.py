"""What targets become, and which task is inferred."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrun.base.settings import Auto
from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.datasets.targets import MAX_INFERRED_CLASSES, encode

NAMES = ("y",)


@pytest.mark.parametrize(
    ("values", "task", "y", "class_names"),
    [
        (["no", "yes", "no"], "binary", [0, 1, 0], ("no", "yes")),
        (["c", "a", "b"], "multiclass", [2, 0, 1], ("a", "b", "c")),
        ([b"x", b"y"], "binary", [0, 1], ("x", "y")),
        ([True, False], "binary", [1, 0], ("false", "true")),
        ([0, 1, 1], "binary", [0, 1, 1], ("0", "1")),
        ([0.0, 1.0], "binary", [0, 1], ("0", "1")),
        ([7, 3, 5, 3], "multiclass", [2, 0, 1, 0], ("3", "5", "7")),
        ([-1, 1], "binary", [0, 1], ("-1", "1")),
    ],
)
def test_classes_are_inferred(values: list[Any], task: Task, y: list[int], class_names: tuple[str, ...]) -> None:
    found = encode(np.array(values), "auto", NAMES)
    assert (found.task, found.y.tolist(), found.class_names) == (task, y, class_names)
    assert found.y.dtype == np.int64


@pytest.mark.parametrize("values", [[0.5, 1.0], [3.0, 4.0, 5.0], list(range(MAX_INFERRED_CLASSES + 1))])
def test_numbers_are_inferred(values: list[float]) -> None:
    found = encode(np.array(values), "auto", NAMES)
    assert (found.task, found.y.shape, found.y.dtype) == ("regression", (len(values), 1), np.float64)
    assert found.y[:, 0].tolist() == values


def test_rule_for_whole_numbers_turns_at_its_limit() -> None:
    assert encode(np.arange(MAX_INFERRED_CLASSES), "auto", NAMES).task == "multiclass"
    assert encode(np.arange(MAX_INFERRED_CLASSES + 1), "auto", NAMES).task == "regression"


def test_what_could_be_meant_otherwise_is_noted() -> None:
    assert "dataset.task=regression" in encode(np.array([3, 5, 7]), "auto", NAMES).notes[0]
    assert "dataset.task=multiclass" in encode(np.array([3.0, 5.0, 7.0]), "auto", NAMES).notes[0]
    assert encode(np.array([0, 1, 2]), "auto", NAMES).notes == ()
    assert encode(np.array([3, 5, 7]), "regression", NAMES).notes == ()


def test_columns_of_zeros_and_ones_are_labels() -> None:
    found = encode(np.array([[1, 0], [1, 1], [0, 0]]), "auto", ("a", "b"))
    assert (found.task, found.class_names, found.y.dtype) == ("multilabel", ("a", "b"), np.float32)
    assert found.y.tolist() == [[1, 0], [1, 1], [0, 0]]


def test_one_hot_columns_are_classes_with_a_note() -> None:
    found = encode(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]), "auto", ("a", "b", "c"))
    assert (found.task, found.y.tolist(), found.class_names) == ("multiclass", [1, 0, 2], ("a", "b", "c"))
    assert "dataset.task=multilabel" in found.notes[0]


def test_columns_of_numbers_are_several_targets() -> None:
    found = encode(np.array([[1.5, 2], [3, 4]]), "auto", ("a", "b"))
    assert (found.task, found.target_names, found.y.shape) == ("regression", ("a", "b"), (2, 2))


def test_single_column_of_labels() -> None:
    found = encode(np.array([1, 0, 1]), "multilabel", NAMES)
    assert (found.y.tolist(), found.class_names) == ([[1], [0], [1]], ("y",))


@pytest.mark.parametrize(
    ("values", "asked", "message"),
    [
        (["a", "b"], "regression", "holds names .*, a regression needs numbers"),
        ([0, 1, 2], "binary", "the binary task needs 2 classes, the target 'y' holds 3"),
        ([0.5, 1.5], "multiclass", "holds fractions such as 0.5"),
        ([[1, 2], [3, 4]], "multilabel", "needs columns of 0 and 1, found '2', '3', '4'"),
        (["a", "b"], "multilabel", "needs columns of 0 and 1, found 'a', 'b'"),
        ([[1, 1], [0, 1]], "multiclass", "not one-hot"),
        (["a", "a"], "auto", "every row has the same label 'a'"),
        ([1, 1], "auto", "every row has the same label '1'"),
        ([1.0, np.nan, np.inf], "auto", "NaN or infinite in 2 rows, the first is row 1"),
        ([], "auto", "no rows"),
        ([1j], "auto", "is of type complex128"),
        ([[["a"]]], "auto", "and shape"),
        ([["a", "b"]], "auto", "are text"),
    ],
)
def test_unsuitable_values_are_refused(values: list[Any], asked: Task | Auto, message: str) -> None:
    array = np.array(values)
    names = NAMES if array.ndim < 2 else ("y", "z")
    with pytest.raises(DataError, match=message):
        encode(array, asked, names)


@given(st.lists(st.text(min_size=1, max_size=4).filter(lambda text: "\0" not in text), min_size=2, max_size=30))
@settings(max_examples=50, deadline=None)
def test_codes_lead_back_to_the_labels(labels: list[str]) -> None:
    if len(set(labels)) < 2:
        labels = [*labels, labels[0] + "x"]
    found = encode(np.array(labels), "auto", NAMES)
    assert [found.class_names[code] for code in found.y] == labels
    assert list(found.class_names) == sorted(set(labels))
