"""Datasets with groups or times: a scheme that would tear them apart is refused, and a new one can keep them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from dlrun.base.settings import members
from dlrun.errors import ConfigError, DataError
from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.datasets.role import Role
from dlrun.experiment.load import load_text
from dlrun.experiment.validation.holdout import Holdout
from dlrun.experiment.validation.parts import Strata
from dlrun.experiment.validation.plan import Rows
from dlrun.experiment.validation.scheme import Development, Scheme
from dlrun.experiment.validation.schemes import Validation

SCHEMES: dict[str, Any] = members(Validation)


def dataset_of(num_rows: int = 40, test_rows: Any = None, **roles: Any) -> Dataset:
    found: Any = {name: Role(name, np.asarray(values)) for name, values in roles.items()}
    y = np.arange(num_rows) % 2
    return Dataset("m", "features", np.zeros((num_rows, 1)), y, "binary", ("a", "b"), test_rows=test_rows, roles=found)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_text(text, "c.yaml")
    return [str(problem) for problem in caught.value.problems]


DATASET = "dataset: {{kind: csv, path: none.csv, target: y, {}}}\nmodel: linear\n"


@pytest.mark.parametrize("kind", sorted(SCHEMES))
@pytest.mark.parametrize("role", ["group", "time"])
def test_schemes_that_do_not_keep_them_are_refused_before_data_are_read(kind: str, role: str) -> None:
    (told,) = problems(DATASET.format(f"{role}: c") + f"validation: {kind}\n")
    assert told.startswith(f"c.yaml:3:13: validation: {kind} would")
    assert f"dataset.{role}" in told
    assert f"leave dataset.{role} out" in told
    with pytest.raises(DataError, match=f"{kind} would"):
        SCHEMES[kind]().split(dataset_of(**{role: np.arange(40)}), 1)


def test_the_default_scheme_is_refused_too_and_ids_and_weights_never_are() -> None:
    (told,) = problems(DATASET.format("group: c"))
    assert "holdout would put rows of one group" in told
    load_text(DATASET.format("id: c, weight: w"), "c.yaml")


def test_rows_in_order_of_time_can_be_held_out() -> None:
    config = DATASET.format("time: c") + "validation: {kind: holdout, shuffle: false}\n"
    assert load_text(config, "c.yaml").experiment.validation.keeps_time
    times = np.arange(40) // 2
    plan = Holdout(shuffle=False).split(dataset_of(time=times), 1)
    (fold,) = plan.folds
    assert times[fold.training].max() <= times[fold.validation].min()
    assert times[fold.validation].max() <= times[plan.test].min()
    days = (np.datetime64("2024-01-01") + times).astype("datetime64[us]")
    days[7] = days[0]
    expected = r"rows are not in order of time: 'time' goes back from 2024-01-04T\S+ to 2024-01-01T\S+ in row 7 "
    with pytest.raises(DataError, match=expected) as caught:
        Holdout(shuffle=False).split(dataset_of(time=days), 1)
    assert caught.value.remedy == "Sort the rows by 'time': their order decides the parts."
    with pytest.raises(DataError, match="kfold would learn from rows that are later"):
        SCHEMES["kfold"](shuffle=False).split(dataset_of(time=times), 1)


def test_an_own_test_part_may_be_earlier() -> None:
    times = np.concatenate([np.arange(30) + 10, np.arange(10)])
    plan = Holdout(shuffle=False).split(dataset_of(time=times, test_rows=np.arange(30, 40)), 1)
    assert plan.test.tolist() == list(range(30, 40))


def test_a_scheme_that_keeps_groups_is_one_class() -> None:
    class LastGroups(Scheme):
        """Validate on the last group, test on the one before."""

        with_groups: ClassVar[str] = "validation.kind=last_groups"
        kind: Literal["last_groups"] = "last_groups"

        @property
        def keeps_groups(self) -> bool:
            return True

        @property
        def num_parts(self) -> int:
            return 2

        @property
        def num_folds(self) -> int:
            return 1

        def set_test_aside(self, dataset: Dataset, strata: Strata | None, seed: int) -> tuple[Rows, Rows]:
            del strata, seed
            groups = dataset.role("group")
            rows = np.arange(dataset.num_rows)
            return rows[groups != 2], rows[groups == 2]

        def divide(self, development: Development, seed: int) -> list[tuple[Rows, Rows]]:
            del seed
            is_last = development.roles["group"].values[development.rows] == 3
            return [(development.rows[~is_last], development.rows[is_last])]

    groups = np.arange(40) % 4
    plan = LastGroups().split(dataset_of(group=groups), 1)
    parts = [set(groups[rows]) for rows in (plan.folds[0].training, plan.folds[0].validation, plan.test)]
    assert parts == [{0, 1}, {3}, {2}]
    torn = Holdout().torn_by(["group"])
    assert torn is not None
    assert torn[1].startswith("Set validation.kind=last_groups; or leave dataset.group out")
