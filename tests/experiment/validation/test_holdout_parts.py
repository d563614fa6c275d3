from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dlrun.errors import DataError
from dlrun.experiment.validation.holdout import Holdout


def test_shares_refer_to_all_rows(make_dataset: Any) -> None:
    plan = Holdout().split(make_dataset((50, 50)), seed=1)
    (fold,) = plan.folds
    assert (len(fold.training), len(fold.validation), len(plan.test)) == (60, 20, 20)


def test_with_an_own_test_part_the_share_refers_to_the_rest(make_dataset: Any) -> None:
    plan = Holdout(fraction=0.25, test_fraction=0.6).split(
        make_dataset(task="regression", num_rows=100, own_test=20), 1
    )
    (fold,) = plan.folds
    assert (len(fold.training), len(fold.validation)) == (60, 20)
    assert np.array_equal(plan.test, np.arange(80, 100))


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(12, 60), min_size=2, max_size=5),
    fraction=st.sampled_from([0.15, 0.25, 0.4]),
    seed=st.integers(0, 1000),
)
def test_stratified_parts_keep_the_shares_of_the_classes(
    make_dataset: Any, sizes: list[int], fraction: float, seed: int
) -> None:
    dataset = make_dataset(tuple(sizes))
    plan = Holdout(fraction=fraction, test_fraction=0.2).split(dataset, seed)
    (fold,) = plan.folds
    assert abs(len(fold.validation) - fraction * dataset.num_rows) <= 0.5
    remaining = len(fold.validation) / (dataset.num_rows - len(plan.test))
    for code in range(len(sizes)):
        in_validation = int((dataset.y[fold.validation] == code).sum())
        in_development = in_validation + int((dataset.y[fold.training] == code).sum())
        assert abs(in_validation - remaining * in_development) <= 1
        assert abs(int((dataset.y[plan.test] == code).sum()) - 0.2 * sizes[code]) <= 1


def test_an_unstratified_holdout_ignores_the_classes(make_dataset: Any) -> None:
    dataset = make_dataset((95, 5))
    shares = {
        int((dataset.y[Holdout(stratify=False).split(dataset, seed).folds[0].validation] == 1).sum())
        for seed in range(20)
    }
    assert len(shares) > 2


def test_an_ordered_holdout_trains_on_the_past_and_tests_on_the_future(make_dataset: Any) -> None:
    plan = Holdout(shuffle=False).split(make_dataset((50, 50)), seed=1)
    (fold,) = plan.folds
    assert np.array_equal(fold.training, np.arange(60))
    assert np.array_equal(fold.validation, np.arange(60, 80))
    assert np.array_equal(plan.test, np.arange(80, 100))


def test_an_ordered_holdout_without_test_part(make_dataset: Any) -> None:
    plan = Holdout(shuffle=False, test_fraction=0).split(make_dataset(task="regression", num_rows=10), seed=1)
    assert np.array_equal(plan.folds[0].validation, [8, 9])
    assert len(plan.test) == 0


def test_order_and_stratification_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="'stratify: true' draws rows at random, but 'shuffle: false' keeps"):
        Holdout(shuffle=False, stratify=True)
    assert Holdout(shuffle=False).resolve("multiclass", 0).stratify is False


@pytest.mark.parametrize(
    "values", [{"fraction": 0.0}, {"fraction": 1.0}, {"test_fraction": 1.0}, {"test_fraction": -1.0}]
)
def test_shares_outside_their_bounds_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Holdout.model_validate(values)


def test_a_class_missing_from_the_rows_does_not_matter(make_dataset: Any) -> None:
    plan = Holdout().split(make_dataset((50, 0, 50)), seed=1)
    assert len(plan.test) == 20


def test_plan_arrays_name_every_part(make_dataset: Any) -> None:
    plan = Holdout().split(make_dataset((50, 50)), seed=1)
    assert list(plan.arrays()) == ["test", "training_0", "validation_0"]
    assert plan.arrays()["validation_0"] is plan.folds[0].validation


def test_the_order_of_the_data_does_not_decide_the_parts(make_dataset: Any) -> None:
    plan = Holdout(test_fraction=0).split(make_dataset(task="regression", num_rows=1000), seed=5)
    assert 300 < plan.folds[0].validation.mean() < 700


def test_no_rows_left_for_training(make_dataset: Any) -> None:
    with pytest.raises(DataError, match="of 100 rows, 50 are test and 50 validation"):
        Holdout(fraction=0.5, test_fraction=0.5).split(make_dataset((50, 50)), seed=1)
