"""Stored trees and linear models from strangers: what is wrong with them is told; nothing crashes, hangs or leaks."""

from __future__ import annotations

import collections
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NUM_MUTATIONS = 50

TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", "sklearn.tree._tree.Tree"]

MUTATIONS = ["linear", "linear for numbers", "forest", "forest for numbers", "boosting", "boosting for numbers"]
MUTATIONS += ["linear for labels", "forest for labels", "boosting for several numbers"]


@pytest.fixture(scope="module")
def stored(saboteur: Any, tmp_path_factory: pytest.TempPathFactory, mutations: Any) -> Callable[[str], Path]:
    """The finished run of each kind."""
    runs: dict[str, Path] = {}

    def of(kind: str) -> Path:
        if kind not in runs:
            folder = tmp_path_factory.mktemp("stored")
            (folder / "config.yaml").write_text(mutations.config(kind, folder))
            ended = saboteur("train", "config.yaml", "--json", folder=folder)
            assert ended.code == 0, ended.err
            runs[kind] = folder / json.loads(ended.out)["path"]
        return runs[kind]

    return of


def test_every_kind_is_mutated(mutations: Any) -> None:
    assert list(mutations.KINDS) == MUTATIONS


@pytest.mark.parametrize("kind", MUTATIONS)
def test_mutations_are_read_or_refused(stored: Any, mutations: Any, tmp_path: Path, kind: str) -> None:
    run = tmp_path / stored(kind).name
    shutil.copytree(stored(kind), run)
    content = (run / mutations.MODEL).read_bytes()
    x = mutations.rows(kind)
    assert mutations.tried(run, x) == "predicted"
    ended = collections.Counter[str]()
    for seed in range(NUM_MUTATIONS):
        (run / mutations.MODEL).write_bytes(mutations.mutated(content, seed))
        result = mutations.tried(run, x)
        assert result in ("predicted", "refused"), f"mutation {seed} of {kind}: {result}"
        ended[result] += 1
    assert min(ended["refused"], ended["predicted"]) > NUM_MUTATIONS / 10, ended


def changed(run: Path, to: Path, change: Callable[[Any], None]) -> Path:
    """Copy a run with its estimator changed, as a stranger with skops could."""
    import skops.io

    shutil.copytree(run, to / run.name)
    file = to / run.name / "model/model.skops"
    estimator = skops.io.loads(file.read_bytes(), trusted=TRUSTED)
    change(estimator)
    file.write_bytes(skops.io.dumps(estimator))
    return to / run.name


def far_columns(forest: Any) -> None:
    for tree in forest.estimators_:
        state = tree.tree_.__getstate__()
        nodes = state["nodes"].copy()
        nodes["feature"][nodes["left_child"] != -1] = 2**28
        tree.tree_.__setstate__({**state, "nodes": nodes})
        tree.n_features_in_ = 2**30  # what the file says of itself


def far_columns_of_boosting(boosting: Any) -> None:
    nodes = boosting._predictors[0][0].nodes.copy()
    nodes["feature_idx"][nodes["is_leaf"] == 0] = 2**20
    boosting._predictors[0][0].nodes = nodes
    boosting.n_features_in_ = boosting._n_features = 2**21


def circle(boosting: Any) -> None:
    nodes = boosting._predictors[0][0].nodes.copy()
    nodes["left"][nodes["is_leaf"] == 0] = 0
    boosting._predictors[0][0].nodes = nodes


def no_numbers(boosting: Any) -> None:
    nodes = boosting._predictors[0][0].nodes.copy()
    nodes["value"] = np.nan
    boosting._predictors[0][0].nodes = nodes


def other_baseline(boosting: Any) -> None:
    boosting._baseline_prediction = np.zeros((7, 9), np.float32)


def more_classes(estimator: Any) -> None:
    estimator.classes_ = np.arange(50)


def one_tree_less(forest: Any) -> None:
    forest.estimators_ = forest.estimators_[1:]


def wide(linear: Any) -> None:
    linear.coef_ = np.zeros((3, 2**16))


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("forest", far_columns, "estimators_[0].tree_ asks for a column that does not exist: the inputs have 4"),
        ("forest", one_tree_less, "estimators_ holds 2 entries, expected 3"),
        ("forest", more_classes, "classes_ does not hold classes from 0 to 2 in order"),
        ("boosting", far_columns_of_boosting, "_predictors[0][0] asks for a column that does not exist"),
        ("boosting", circle, "_predictors[0][0] leads to a node that does not exist, or back"),
        ("boosting", no_numbers, "_predictors[0][0] has leaves that hold something else than finite numbers"),
        ("boosting", other_baseline, "_baseline_prediction has the shape (7, 9), expected (1, 3)"),
        ("linear", wide, "coef_ has the shape (3, 65536), expected (3, 4)"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_does_not_fit_the_config_and_the_data_is_named(
    stored: Any, saboteur: Any, tmp_path: Path, kind: str, change: Callable[[Any], None], words: str
) -> None:
    run = changed(stored(kind), tmp_path, change)
    np.savez(tmp_path / "new.npz", x=np.ones((3, 4), np.float32))
    for command in (["predict", str(run), "new.npz", "-o", "out.npz"],):
        ended = saboteur(*command, folder=tmp_path)
        assert ended.code == 1, ended
        assert f"model/model.skops is damaged: {words}" in ended.err
    assert saboteur("export", str(run), "-o", "bundle.zip", folder=tmp_path).code == 0
    bundled = saboteur("predict", "bundle.zip", "new.npz", "-o", "out.npz", folder=tmp_path)
    assert bundled.code == 1
    assert words in bundled.err


@pytest.mark.parametrize("kind", ["forest", "boosting", "linear"])
def test_what_predictions_do_not_need_is_not_even_read(stored: Any, mutations: Any, tmp_path: Path, kind: str) -> None:
    """A file may hold objects of any class in attributes that dlrun fills in by itself."""
    run = tmp_path / stored(kind).name
    shutil.copytree(stored(kind), run)
    with zipfile.ZipFile(run / mutations.MODEL) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    attributes = schema["content"]["content"]
    hostile = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "content": {}}
    for name in ("_loss", "_bin_mapper", "_preprocessor", "estimator", "n_features_in_", "random_state", "__class__"):
        attributes[name] = hostile
    members["schema.json"] = json.dumps(schema).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    (run / mutations.MODEL).write_bytes(buffer.getvalue())
    assert mutations.tried(run, mutations.rows(kind)) == "predicted"
