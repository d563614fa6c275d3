"""What every validation scheme must keep, whatever the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from dlrun.base.settings import members
from dlrun.config.docs import descriptions
from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import Dataset, Task
from dlrun.experiment.validation.schemes import Validation

SCHEMES: dict[str, Any] = members(Validation)
ADAPTER: TypeAdapter[Any] = TypeAdapter(Validation)

examples = settings(max_examples=30, deadline=None)
every_scheme = pytest.mark.parametrize("kind", sorted(SCHEMES))
some_seeds = st.integers(0, 2**70)


def make_dataset(task: Task, num_rows: int, num_own_test: int = 0) -> Dataset:
    generator = np.random.default_rng(num_rows)
    y: Any
    if task in ("binary", "multiclass"):
        num_classes = 2 if task == "binary" else 3
        y = generator.permutation(np.arange(num_rows) % num_classes)
        names = tuple("abc"[:num_classes])
    elif task == "multilabel":
        y, names = generator.integers(0, 2, (num_rows, 3)).astype(np.float32), ("a", "b", "c")
    else:
        y, names = generator.normal(size=(num_rows, 2)), ()
    test_rows = generator.permutation(num_rows)[:num_own_test] if num_own_test else None
    return Dataset("made", "features", np.zeros((num_rows, 1)), y, task, class_names=names, test_rows=test_rows)


datasets = st.builds(
    make_dataset,
    st.sampled_from(["binary", "multiclass", "multilabel", "regression"]),
    st.integers(60, 400),
    st.sampled_from([0, 0, 17]),
)


def test_covers_the_schemes_that_exist() -> None:
    assert set(SCHEMES) >= {"holdout", "kfold", "repeated_kfold"}


@every_scheme
def test_reads_a_bare_name_and_the_full_form(kind: str) -> None:
    scheme = ADAPTER.validate_python(kind)
    assert scheme == ADAPTER.validate_python({"kind": kind}) == SCHEMES[kind]()
    assert ADAPTER.validate_python(scheme.model_dump()) == scheme
    assert next(iter(scheme.model_dump())) == "kind"


@every_scheme
def test_every_setting_is_documented(kind: str) -> None:
    assert SCHEMES[kind].__doc__
    assert {"kind", *descriptions(SCHEMES[kind])} == set(SCHEMES[kind].model_fields)


@every_scheme
@examples
@given(dataset=datasets, seed=some_seeds, test_fraction=st.sampled_from([0.0, 0.1, 0.25]))
def test_parts_are_disjoint_and_cover_all_rows(kind: str, dataset: Dataset, seed: int, test_fraction: float) -> None:
    plan = SCHEMES[kind].model_validate({"test_fraction": test_fraction}).split(dataset, seed)
    for fold in plan.folds:
        everything = np.concatenate([fold.training, fold.validation, plan.test])
        assert np.array_equal(np.sort(everything), np.arange(dataset.num_rows))
        assert len(fold.training) > 0
        assert len(fold.validation) > 0
        for part in (fold.training, fold.validation, plan.test):
            assert part.dtype == np.int64
            assert np.all(np.diff(part) > 0)
    assert [fold.number for fold in plan.folds] == list(range(SCHEMES[kind]().num_folds))


@every_scheme
@examples
@given(dataset=datasets, seed=some_seeds, test_fraction=st.sampled_from([0.1, 0.2, 0.33]))
def test_the_test_part_has_the_share_asked_for(kind: str, dataset: Dataset, seed: int, test_fraction: float) -> None:
    plan = SCHEMES[kind].model_validate({"test_fraction": test_fraction}).split(dataset, seed)
    if dataset.test_rows is not None:
        assert np.array_equal(plan.test, np.sort(dataset.test_rows))
        return
    assert abs(len(plan.test) - test_fraction * dataset.num_rows) <= 0.5
    if dataset.task in ("binary", "multiclass"):
        for code in np.unique(dataset.y):
            rows = np.flatnonzero(dataset.y == code)
            assert abs(np.isin(plan.test, rows).sum() - test_fraction * len(rows)) <= 1


@every_scheme
def test_knows_whether_the_seed_of_the_experiment_divides_the_rows(kind: str) -> None:
    dataset = make_dataset("regression", 100)
    for written in ({}, {"seed": 5}, {"shuffle": False}):
        if not written.keys() <= SCHEMES[kind].model_fields.keys():
            continue
        scheme = SCHEMES[kind].model_validate(written)
        one, other = (scheme.split(dataset, seed).arrays() for seed in (1, 2))
        assert scheme.has_own_order == all(np.array_equal(one[part], other[part]) for part in one)


@every_scheme
@examples
@given(dataset=datasets, seed=st.integers(0, 2**32))
def test_the_seed_decides_the_plan(kind: str, dataset: Dataset, seed: int) -> None:
    scheme = SCHEMES[kind]()
    first, again, other = (scheme.split(dataset, value).arrays() for value in (seed, seed, seed + 1))
    assert first.keys() == again.keys() == other.keys()
    assert all(np.array_equal(first[part], again[part]) for part in first)
    for part in ("training_0", "validation_0"):
        assert not np.array_equal(first[part], other[part])
    assert np.array_equal(first["test"], other["test"]) == (dataset.test_rows is not None)


def test_all_schemes_test_on_the_same_rows() -> None:
    dataset = make_dataset("multiclass", 150)
    plans = [scheme().split(dataset, 7) for scheme in SCHEMES.values()]
    assert all(np.array_equal(plan.test, plans[0].test) for plan in plans)


@every_scheme
def test_without_a_test_share_there_is_no_test_part(kind: str) -> None:
    plan = SCHEMES[kind].model_validate({"test_fraction": 0.0}).split(make_dataset("regression", 50), 1)
    assert len(plan.test) == 0
    assert np.array_equal(plan.development, np.arange(50))


@every_scheme
@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_tasks_without_one_class_a_row_cannot_be_stratified(kind: str, task: Task) -> None:
    scheme = SCHEMES[kind].model_validate({"stratify": True})
    with pytest.raises(DataError, match=rf"a {task} task have no single class") as caught:
        scheme.split(make_dataset(task, 60), 0)
    assert caught.value.remedy == "Set `validation.stratify: auto`."


@every_scheme
@pytest.mark.parametrize(
    ("task", "stratified"), [("binary", True), ("multiclass", True), ("multilabel", False), ("regression", False)]
)
def test_resolving_decides_whether_to_stratify(kind: str, task: Task, stratified: bool) -> None:
    scheme = SCHEMES[kind]()
    resolved = scheme.resolve(task, 3)
    assert (resolved.stratify, resolved.seed) == (stratified, 3)
    dataset = make_dataset(task, 90)
    automatic, explicit = (each.split(dataset, 3).arrays() for each in (scheme, resolved))
    assert all(np.array_equal(automatic[part], explicit[part]) for part in automatic)


@every_scheme
def test_a_seed_of_its_own_decides_the_plan_whatever_the_seed_of_the_experiment(kind: str) -> None:
    dataset = make_dataset("binary", 90)
    own = SCHEMES[kind].model_validate({"seed": 5})
    plans = own.split(dataset, 1), own.split(dataset, 2), SCHEMES[kind]().split(dataset, 5)
    ours, other, known = (plan.arrays() for plan in plans)
    assert all(np.array_equal(ours[part], other[part]) and np.array_equal(ours[part], known[part]) for part in known)
    assert own.resolve("binary", 1).seed == 5
    again = own.split(dataset, 1, shuffle=1).arrays()
    assert np.array_equal(again["test"], ours["test"])
    assert not np.array_equal(again["validation_0"], ours["validation_0"])


@every_scheme
def test_facts_alone_refuse_what_the_split_refuses(kind: str) -> None:
    scheme = SCHEMES[kind]()
    dataset = make_dataset("regression", 2)
    with pytest.raises(DataError) as by_facts:
        scheme.check(dataset.facts)
    with pytest.raises(DataError) as by_split:
        scheme.split(dataset, 0)
    assert str(by_facts.value) == str(by_split.value)
