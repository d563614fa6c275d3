"""Datasets that other processes map: nothing is lost on the way, and what is made of them is made once."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.datasets.shared import is_table, read_dataset, write_dataset
from dlrun.experiment.datasets.store import Store
from dlrun.experiment.load import load_text
from dlrun.learners.make import make_learner, settle
from dlrun.runs.fit import prepare

FRAME = pl.DataFrame(
    {
        "size": [1.5, None, -2.0, 4.25] * 10,
        "count": [1, 2, 3, 2**40] * 10,
        "town": pl.Series(["Bern", None, "", "Köln"] * 10),
        "grade": pl.Series(["a", "b", "a", None] * 10, dtype=pl.Enum(["b", "a"])),
        "kind": pl.Series(["x", "y", "x", "x"] * 10, dtype=pl.Categorical),
        "open": [True, False, None, True] * 10,
    }
)
TABLE = Dataset(
    "table", "table", FRAME, np.arange(40) % 2, "binary", ("no", "yes"), (), ("open?",), None, ("3 rows dropped",)
)
ARRAYS = Dataset(
    "arrays",
    "features",
    np.random.default_rng(0).normal(size=(30, 3)),
    np.random.default_rng(1).normal(size=(30, 1)),
    "regression",
    (),
    ("a", "b", "c"),
    ("y",),
    np.array([3, 5], np.int64),
)
TEXTS = ("name", "input_kind", "task", "class_names", "feature_names", "target_names", "notes")


@pytest.mark.parametrize("dataset", [TABLE, ARRAYS, replace(ARRAYS, test_rows=np.empty(0, np.int64))])
def test_a_dataset_is_read_as_it_was_written(dataset: Dataset, tmp_path: Path) -> None:
    write_dataset(dataset, tmp_path)
    read = read_dataset(tmp_path)
    assert is_table(tmp_path) == (dataset is TABLE)
    assert [getattr(read, name) for name in TEXTS] == [getattr(dataset, name) for name in TEXTS]
    assert replace(read).fingerprint == dataset.fingerprint  # computed anew, over every value
    assert read.fingerprint == dataset.fingerprint
    assert read.y.dtype == dataset.y.dtype
    if isinstance(dataset.x, pl.DataFrame):
        assert isinstance(read.x, pl.DataFrame)
        assert read.x.equals(dataset.x)
        assert read.x.schema == dataset.x.schema
    else:
        assert not read.x.flags.writeable  # type: ignore[union-attr]
        np.testing.assert_array_equal(read.x, dataset.x)


def _ask(folder: Path, calls: Path) -> None:
    def make() -> tuple[dict[str, Any], Any]:
        with calls.open("a") as file:
            file.write("made\n")
        return {"scale": 0.1}, {"numbers": np.arange(6.0).reshape(2, 3), "codes": np.arange(2)}

    values, arrays = Store(folder).get("key", make)
    assert values == {"scale": 0.1}
    found = {name: array.tolist() for name, array in arrays.items()}
    assert found == {"numbers": [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], "codes": [0, 1]}


def test_many_processes_make_an_array_once(tmp_path: Path) -> None:
    calls = tmp_path / "calls.txt"
    (tmp_path / "store").mkdir()
    fork = multiprocessing.get_context("spawn")
    processes = [fork.Process(target=_ask, args=(tmp_path / "store", calls)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert calls.read_text() == "made\n"


def test_an_error_is_passed_on_and_nothing_is_stored(tmp_path: Path) -> None:
    def fail() -> tuple[dict[str, Any], dict[str, Any]]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Store(tmp_path).get("key", fail)
    assert Store(tmp_path).get("key", lambda: ({"a": 1}, {})) == ({"a": 1}, {})


@pytest.mark.parametrize("dataset", [TABLE, ARRAYS], ids=["table", "features"])
@pytest.mark.parametrize("model", ["linear", "random_forest"])
def test_shared_inputs_are_those_that_each_run_would_make(dataset: Dataset, model: str, tmp_path: Path) -> None:
    write_dataset(dataset, tmp_path)
    loaded = load_text(f"dataset: iris\nmodel: {model}\npreprocessing: {{categorical: {{encoding: one_hot}}}}\n")
    experiment = settle(loaded.experiment, dataset.facts)
    learner = make_learner(experiment, dataset.facts)
    rows = np.arange(0, len(dataset.y), 2)
    alone = prepare(experiment, dataset, learner, rows)
    for _ in range(2):
        shared = prepare(experiment, read_dataset(tmp_path), learner, rows)
        assert shared.preprocessing == alone.preprocessing
        np.testing.assert_array_equal(shared.x.only, alone.x.only)
        np.testing.assert_array_equal(shared.y, alone.y)
        assert not shared.x.only.flags.writeable
    others = prepare(experiment, read_dataset(tmp_path), learner, rows[:5])
    assert others.preprocessing != alone.preprocessing
