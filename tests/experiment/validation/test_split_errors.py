"""Every refusal of a split, word for word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dlrun.errors import DataError
from dlrun.experiment.validation.holdout import Holdout
from dlrun.experiment.validation.kfold import KFold
from dlrun.experiment.validation.repeated_kfold import RepeatedKFold

CASES: dict[str, Callable[[Any], object]] = {
    "empty test part": lambda make: Holdout(test_fraction=0.01).split(make(task="regression", num_rows=20), 0),
    "empty validation part": lambda make: Holdout(fraction=0.01).split(make(task="regression", num_rows=20), 0),
    "no rows to train on": lambda make: Holdout(fraction=0.7, test_fraction=0.3).split(make((50, 50)), 0),
    "fewer rows than folds": lambda make: KFold(folds=10).split(make(task="regression", num_rows=8), 0),
    "fewer rows than folds beside own test": lambda make: RepeatedKFold(folds=10).split(
        make(task="regression", num_rows=20, own_test=15), 0
    ),
    "stratified regression": lambda make: KFold(stratify=True).split(make(task="regression", num_rows=50), 0),
    "stratified multilabel": lambda make: Holdout(stratify=True).split(make(task="multilabel", num_rows=50), 0),
    "class of one row": lambda make: Holdout().split(make((50, 1)), 0),
    "class of two rows": lambda make: Holdout().split(make((50, 2), task="binary"), 0),
    "class smaller than folds": lambda make: KFold(folds=5, test_fraction=0).split(make((50, 4)), 0),
    "class too small for folds and test": lambda make: KFold(folds=5).split(make((50, 5)), 0),
    "class lost to the test part": lambda make: KFold(folds=5, test_fraction=0.5).split(make((50, 7)), 0),
    "part smaller than classes": lambda make: Holdout(test_fraction=0, fraction=0.1).split(make((4,) * 10), 0),
    "test part smaller than classes": lambda make: KFold(folds=2, test_fraction=0.05).split(make((10,) * 10), 0),
}


def test_split_error_texts(make_dataset: Any, golden: Any) -> None:
    texts = []
    for title, case in CASES.items():
        with pytest.raises(DataError) as caught:
            case(make_dataset)
        texts.append(f"## {title}\n{caught.value}\n")
    golden("validation/split_errors.txt", "\n".join(texts))
