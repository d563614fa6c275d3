from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dlrun.experiment.datasets.dataset import Dataset, Task

MakeDataset = Callable[..., Dataset]


@pytest.fixture(scope="session")
def make_dataset() -> MakeDataset:
    """Build a dataset of given class sizes, or of a number of rows; `own_test` rows at its end are its test part."""

    def make(
        sizes: tuple[int, ...] = (), task: Task = "multiclass", num_rows: int = 0, own_test: int = 0, seed: int = 0
    ) -> Dataset:
        if sizes:
            y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
        elif task == "multilabel":
            y = np.random.default_rng(seed).integers(0, 2, (num_rows, 3)).astype(np.float32)
        else:
            y = np.random.default_rng(seed).normal(size=(num_rows, 1))
        names = tuple(f"class {code}" for code in range(len(sizes) or 3)) if task != "regression" else ()
        test = np.arange(len(y) - own_test, len(y)) if own_test else None
        return Dataset("made", "features", np.zeros((len(y), 1)), y, task, class_names=names, test_rows=test)

    return make
