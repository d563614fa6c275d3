"""Several seeds on one split: real runs with other initial weights, tested and validated on the same rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dlrun
from dlrun.ensembles.members.candidates import find_candidates
from dlrun.ensembles.members.members import admit
from dlrun.ensembles.members.predictions import read_rows
from dlrun.records.folder import RunFolder

CONFIG = {
    "dataset": "wine",
    "model": {"kind": "random_forest", "num_trees": 5},
    "evaluation": {"bootstrap": 0},
}


@pytest.mark.parametrize("scheme", [{"kind": "holdout"}, {"kind": "kfold", "folds": 3}])
def test_runs_that_share_the_seed_of_the_split_are_members_together(tmp_path: Path, scheme: dict) -> None:
    seeds = {7: 5, 8: 5, 9: "auto"}
    runs = [
        dlrun.train({**CONFIG, "seed": seed, "validation": {**scheme, "seed": own}}, runs_dir=tmp_path)
        for seed, own in seeds.items()
    ]
    rows = [read_rows(RunFolder.at(run.path)) for run in runs]
    assert rows[0].key == rows[1].key != rows[2].key
    predicted = [np.load(run.path / "predictions" / "test.npz")["y_pred"] for run in runs]
    assert not np.array_equal(predicted[0], predicted[1]), "another seed grows other trees"

    admitted = admit(find_candidates(tmp_path, [str(run.path) for run in runs], top=None, metric=None)[0])
    assert {member.id for member in admitted.members} == {runs[0].id, runs[1].id}
    assert admitted.skipped[0].id == runs[2].id
    assert admitted.skipped[0].reason.startswith("another split:")
    (copies,) = dlrun.ensemble(*runs[:2], runs_dir=tmp_path, bootstrap=0).metrics["diversity"]["near_copies"]
    assert sorted(copies["members"]) == sorted([runs[0].id, runs[1].id])
    assert copies["reason"].startswith("configs that differ in name or seed alone")


def test_the_record_names_the_seed_of_the_split_so_that_another_seed_repeats_it(tmp_path: Path) -> None:
    first = dlrun.train({**CONFIG, "seed": 7}, runs_dir=tmp_path)
    again = dlrun.train(first.path / "config.yaml", "seed=8", runs_dir=tmp_path)
    ours, theirs = (np.load(run.path / "split.npz") for run in (first, again))
    assert all(np.array_equal(ours[part], theirs[part]) for part in ours)
