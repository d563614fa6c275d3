"""Which scores are undefined in which parts, in words for people."""

from __future__ import annotations

import numpy as np

from dlrun.experiment.evaluation.undefined import find_undefined


def test_scores_and_parts_of_one_reason_are_told_together() -> None:
    parts = {"fold 1/3": np.array([0, 0]), "fold 2/3": np.array([0, 1]), "fold 3/3": np.array([0, 0, 0])}
    found = find_undefined("binary", parts, ("no", "yes"), ["loss", "accuracy", "auc", "recall", "f1"])
    assert [str(one) for one in found] == [
        "auc and recall are undefined in fold 1/3 and fold 3/3: there is no row of class 'yes'",
        "f1 may be undefined in fold 1/3 and fold 3/3: there is no row of class 'yes' unless one is predicted",
    ]


def test_every_missing_class_is_named() -> None:
    found = find_undefined("multiclass", {"the test part": np.array([2, 2])}, ("a", "b", "c"), ["auc"])
    assert [str(one) for one in found] == ["auc is undefined in the test part: there is no row of the classes 'a', 'b'"]


def test_nothing_is_said_of_parts_without_rows_and_of_rich_ones() -> None:
    parts = {"the validation part": np.array([0, 1]), "the test part": np.array([], int)}
    assert find_undefined("binary", parts, ("no", "yes"), ["auc", "recall", "f1"]) == []
