from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dlrun.experiment.validation.kfold import KFold
from dlrun.experiment.validation.repeated_kfold import RepeatedKFold

examples = settings(max_examples=30, deadline=None)


@examples
@given(num_rows=st.integers(20, 200), folds=st.integers(2, 8), seed=st.integers(0, 99))
def test_every_development_row_is_validated_once(make_dataset: Any, num_rows: int, folds: int, seed: int) -> None:
    plan = KFold(folds=folds).split(make_dataset(task="regression", num_rows=num_rows), seed)
    validated = np.concatenate([fold.validation for fold in plan.folds])
    assert np.array_equal(np.sort(validated), plan.development)
    sizes = [len(fold.validation) for fold in plan.folds]
    assert len(sizes) == folds
    assert max(sizes) - min(sizes) <= 1


@examples
@given(sizes=st.lists(st.integers(12, 40), min_size=2, max_size=4), folds=st.integers(2, 6), seed=st.integers(0, 99))
def test_stratified_folds_differ_by_one_row_a_class(make_dataset: Any, sizes: list[int], folds: int, seed: int) -> None:
    dataset = make_dataset(tuple(sizes))
    plan = KFold(folds=folds).split(dataset, seed)
    validated = np.concatenate([fold.validation for fold in plan.folds])
    assert np.array_equal(np.sort(validated), plan.development)
    counts = np.array([np.bincount(dataset.y[fold.validation], minlength=len(sizes)) for fold in plan.folds])
    assert np.all(counts.max(axis=0) - counts.min(axis=0) <= 1)


def test_ordered_folds_are_contiguous_blocks_before_the_test_rows(make_dataset: Any) -> None:
    plan = KFold(folds=4, shuffle=False).split(make_dataset((30, 20)), seed=1)
    assert np.array_equal(plan.test, np.arange(40, 50))
    blocks = [fold.validation.tolist() for fold in plan.folds]
    assert blocks == [list(range(start, start + 10)) for start in (0, 10, 20, 30)]


def test_the_own_test_part_stays_out_of_all_folds(make_dataset: Any) -> None:
    plan = KFold(folds=3).split(make_dataset((30, 30), own_test=12), seed=1)
    assert np.array_equal(plan.test, np.arange(48, 60))
    assert np.array_equal(plan.development, np.arange(48))


def test_repeats_reshuffle_and_count_on(make_dataset: Any) -> None:
    dataset = make_dataset((40, 40))
    plan = RepeatedKFold(folds=4, repeats=3).split(dataset, seed=1)
    assert [fold.number for fold in plan.folds] == list(range(12))
    partitions = []
    for repeat in range(3):
        folds = plan.folds[4 * repeat : 4 * repeat + 4]
        validated = np.concatenate([fold.validation for fold in folds])
        assert np.array_equal(np.sort(validated), plan.development)
        partitions.append({tuple(fold.validation.tolist()) for fold in folds})
    assert not partitions[0] & partitions[1]
    assert not partitions[1] & partitions[2]


def test_the_first_repeat_is_plain_kfold(make_dataset: Any) -> None:
    dataset = make_dataset((40, 40))
    plain = KFold(folds=4).split(dataset, seed=1)
    repeated = RepeatedKFold(folds=4, repeats=2).split(dataset, seed=1)
    for one, other in zip(plain.folds, repeated.folds, strict=False):
        assert np.array_equal(one.validation, other.validation)


@pytest.mark.parametrize("values", [{"folds": 1}, {"folds": 0}, {"folds": 2.5}, {"folds": "5"}])
def test_too_few_folds_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KFold.model_validate(values)
    with pytest.raises(ValidationError):
        RepeatedKFold.model_validate(values)


def test_repeats_have_no_order_to_keep() -> None:
    with pytest.raises(ValidationError, match="shuffle"):
        RepeatedKFold.model_validate({"shuffle": False})
    with pytest.raises(ValidationError, match="'stratify: true' draws rows at random"):
        KFold(stratify=True, shuffle=False)
