"""Objectives that the folds are too poor for: refused with the folds and the class before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def rare(dlrun: Any, config: Any) -> str:
    """Config with two rows of the rare class, kept in order, so that most folds have none."""
    rows = [f"{number % 7},{number % 3},{'yes' if number in (5, 100) else 'no'}" for number in range(120)]
    (dlrun.folder / "rows.csv").write_text("\n".join(["size,weight,fraud", *rows]) + "\n")
    name: str = config(
        "dataset: {kind: csv, path: rows.csv, target: fraud}\nmodel: linear\n"
        "evaluation: {metrics: [auc, recall, f1, log_loss], bootstrap: 20}\n"
        "validation: {kind: kfold, folds: 3, shuffle: false, test_fraction: 0}\n"
        "tuner: {kind: random, objectives: [auc], space: {model.l2: {loguniform: [1e-3, 10]}}}\n"
    )
    return name


def test_tune_refuses_before_it_trains(dlrun: Any, rare: str, studies: Any) -> None:
    ended = dlrun("tune", rare, "--trials", "3")
    assert ended.code == 2, ended.err
    assert "no trial could be scored: auc is undefined in fold 2/3: there is no row of class 'yes'" in ended.err
    assert "Use fewer validation.folds. Or choose other tuner.objectives." in ended.err
    assert studies() == []


def test_train_tells_why_before_it_trains(dlrun: Any, rare: str) -> None:
    ended = dlrun("train", rare, "validation.shuffle=true", "validation.stratify=false")
    assert ended.code == 0, ended.err
    (log,) = dlrun.folder.glob("runs/*/output.log")
    (note,) = [line for line in log.read_text().splitlines() if line.startswith("auc and recall are undefined in fold")]
    assert "there is no row of class 'yes'. Use fewer validation.folds, or set validation.stratify: true." in note
    lines = ended.out.splitlines()
    assert lines.index(note) < lines.index("training")
    metrics = json.loads((log.parent / "metrics.json").read_text())
    without = [
        f"fold {number}/3" for number, fold in enumerate(metrics["folds"], 1) if fold["validation"]["auc"] is None
    ]
    assert f"undefined in {' and '.join(without)}: " in note


def test_a_score_that_hangs_on_predictions_is_told_by_the_folds_of_its_trials(
    dlrun: Any, rare: str, studies: Any
) -> None:
    ended = dlrun("tune", rare, "tuner.objectives=[f1]", "--trials", "2")
    assert ended.code == 1
    assert "The first reason: undefined: f1 in fold 2/3" in ended.err
    (study,) = studies()
    assert Path(study.path, "trials.csv").read_text().count("undefined: f1 in fold 2/3") == 2
