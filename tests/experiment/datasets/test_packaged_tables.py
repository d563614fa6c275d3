"""The tables that come with scikit-learn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.errors import DataError
from dlrun.experiment.datasets.sources.packaged import BreastCancer, Diabetes, Digits, Iris, Packaged, Wine

CLASSIFICATION = {"digits": Digits(), "iris": Iris(), "wine": Wine(), "breast_cancer": BreastCancer()}


def reference(name: str, **options: Any) -> Any:
    import sklearn.datasets

    return getattr(sklearn.datasets, f"load_{name}")(**options)


@pytest.mark.parametrize("name", sorted(CLASSIFICATION))
def test_values_are_those_of_scikit_learn(name: str) -> None:
    expected, dataset = reference(name), CLASSIFICATION[name].load()
    assert np.array_equal(dataset.x, expected.data)
    assert np.array_equal(dataset.y, expected.target)
    assert list(dataset.class_names) == [str(label) for label in expected.target_names]
    assert list(dataset.feature_names) == list(expected.feature_names)
    assert dataset.y.dtype == np.int64


def test_diabetes_is_not_scaled_with_test_rows() -> None:
    expected, dataset = reference("diabetes", scaled=False), Diabetes().load()
    assert np.array_equal(dataset.x, expected.data)
    assert np.array_equal(dataset.y[:, 0], expected.target)
    assert dataset.feature_names == tuple(expected.feature_names)
    assert (dataset.task, dataset.y.shape, dataset.y.dtype) == ("regression", (442, 1), np.float64)


def test_digits_as_images() -> None:
    dataset = Digits(as_images=True).load()
    assert np.array_equal(dataset.x[..., 0], reference("digits").images)
    assert (dataset.input_kind, dataset.input_shape, dataset.feature_names) == ("images", (8, 8, 1), ())


@pytest.mark.parametrize("source", [*CLASSIFICATION.values(), Diabetes(), Digits(as_images=True), Wine(limit=60)])
def test_facts_agree_with_what_is_loaded(source: Packaged) -> None:
    assert source.facts() == source.load().facts


def test_facts_are_unknown_for_another_task() -> None:
    assert Diabetes(task="multiclass").facts() is None


def test_limit_keeps_first_rows_and_all_classes() -> None:
    dataset = Iris(limit=60).load()
    assert dataset.num_rows == 60
    assert dataset.class_names == ("setosa", "versicolor", "virginica")
    assert np.bincount(dataset.y).tolist() == [50, 10]


def test_other_tasks_are_refused_where_they_make_no_sense() -> None:
    with pytest.raises(DataError, match="a regression needs numbers"):
        Iris(task="regression").load()
    with pytest.raises(DataError, match="the binary task needs 2 classes, the target 'target' holds 3"):
        Wine(task="binary").load()


def test_two_classes_may_be_asked_as_multiclass() -> None:
    assert BreastCancer(task="multiclass").load().num_outputs == 2


def test_loading_imports_neither_scikit_learn_nor_keras(repository: Path) -> None:
    code = (
        "import sys\nfrom dlrun.experiment.datasets.sources.sources import Digits, Diabetes\n"
        "Digits().load(); Diabetes().load()\n"
        "print([name for name in ('sklearn', 'scipy', 'keras', 'tensorflow', 'polars') if name in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"


def test_missing_file_of_scikit_learn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlrun.experiment.datasets.sources.packaged.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"datasets/data/iris\.csv is not there") as caught:
        Iris().load()
    assert "pip install" in str(caught.value.remedy)
