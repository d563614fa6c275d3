"""The fingerprint of a dataset: the same for the same data, on every machine and with every version of polars."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from dlrun.experiment.datasets.dataset import Dataset

FRAME = pl.DataFrame(
    {"n": [1, None, 3], "f": [0.5, 1.5, None], "c": ["a", None, "bc"], "b": [True, None, False]},
    schema={"n": pl.Int64, "f": pl.Float64, "c": pl.String, "b": pl.Boolean},
)
TABLE = Dataset("t", "table", FRAME, np.array([0, 1, 0]), "binary", class_names=("p", "q"))
ARRAY = Dataset("t", "features", np.arange(6.0).reshape(3, 2), np.array([0, 1, 0]), "binary", class_names=("p", "q"))


def test_it_is_a_property_of_the_data_alone() -> None:
    assert TABLE.fingerprint == "c00b174cffc0c2f4a6b8e12ebae0da46952178d074a33a756d3c264e46e3c990"
    assert ARRAY.fingerprint == "6ad90bd60d64dd60a7b74904a872a38d00f7287e505c507e3eee4c4c958d76ce"


@pytest.mark.parametrize(
    "frame",
    [
        FRAME.rename({"n": "m"}),
        FRAME.with_columns(pl.col("n").fill_null(0)),
        FRAME.with_columns(pl.col("n").cast(pl.Int32)),
        FRAME.with_columns(pl.col("f") + 1),
        FRAME.with_columns(c=pl.Series(["ab", None, "c"])),
        FRAME.with_columns(pl.col("c").fill_null("")),
        FRAME.with_columns(pl.col("b").fill_null(value=False)),
        FRAME.select("f", "n", "c", "b"),
        FRAME[[1, 0, 2]],
    ],
)
def test_every_change_of_a_table_changes_it(frame: pl.DataFrame) -> None:
    assert replace(TABLE, x=frame).fingerprint != TABLE.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"x": np.arange(6.0, dtype=np.float32).reshape(3, 2)},
        {"x": np.arange(6.0).reshape(3, 2, 1)},
        {"y": np.array([0, 1, 1])},
        {"class_names": ("q", "p")},
        {"test_rows": np.array([2])},
        {"task": "multiclass"},
    ],
)
def test_every_change_of_arrays_changes_it(change: dict[str, Any]) -> None:
    assert replace(ARRAY, **change).fingerprint != ARRAY.fingerprint


def test_name_and_notes_do_not_count() -> None:
    assert replace(ARRAY, name="u", notes=("n",)).fingerprint == ARRAY.fingerprint
