"""Datasets of every form, small and made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from dlrun.experiment.datasets.dataset import Dataset, InputKind


@pytest.fixture(scope="session")
def dataset_of() -> Callable[..., Dataset]:
    """Put inputs into a dataset with labels 0, 1, 0, 1, ..."""

    def make(x: Any, input_kind: InputKind = "table", names: tuple[str, ...] = ()) -> Dataset:
        y = np.arange(len(x), dtype=np.int64) % 2
        if isinstance(x, pl.DataFrame):
            names = tuple(x.columns)
        return Dataset("made", input_kind, x, y, "binary", class_names=("a", "b"), feature_names=names)

    return make
