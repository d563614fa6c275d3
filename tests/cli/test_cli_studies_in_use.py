"""A small real study in use: its best trials combined, and its winner predicting."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

CONFIG = """
name: small
dataset: {kind: csv, path: train.csv, target: kind}
model: {kind: gradient_boosting, num_iterations: 3}
evaluation: {bootstrap: 20}
tuner:
  kind: random
  space: {model.learning_rate: {loguniform: [1e-3, 1]}, model.max_depth: {int: [1, 4]}}
  selection: {finalists: 2, rescorings: 0}
"""


@pytest.fixture(scope="module")
def searched(program: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The program in a folder with a study of 6 trials."""
    folder = tmp_path_factory.mktemp("study")
    generator = np.random.default_rng(0)
    x = generator.normal(size=(240, 3))
    kind = np.where(x[:, 0] * x[:, 1] + x[:, 2] + generator.normal(0, 0.7, 240) > 0, "yes", "no")
    table = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "kind": kind})
    table.write_csv(folder / "train.csv")
    (folder / "config.yaml").write_text(CONFIG)
    dlrun = program(folder)
    ended = dlrun("tune", "--trials", "6", "--json")
    assert ended.code == 0, ended.err
    return dlrun


def study_of(dlrun: Any) -> Path:
    (study,) = (path.parent for path in (dlrun.folder / "runs").glob("*/study.json"))
    return study


def test_the_best_trials_are_combined(searched: Any) -> None:
    study = study_of(searched)
    with (study / "trials.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: float(row["value"]))
    ended = searched("ensemble", study.name, "--top", "4", "--method", "uniform", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    best = {row["run"] for row in rows[:4]}
    assert len(rows) == 6
    assert {member["id"] for member in told["members"]} | {entry["id"] for entry in told["skipped"]} == best
    everybody = json.loads(searched("ensemble", str(study), "--top", "10", "--keep-all", "--json").out)
    assert everybody["metrics"]["cross_fitted"]["log_loss"] is not None
    predicted = searched("predict", told["id"], "train.csv")
    assert (predicted.code, len(predicted.out.splitlines())) == (0, 241)


def test_a_study_predicts_by_its_refitted_winner(searched: Any) -> None:
    study = study_of(searched)
    final = json.loads((study / "metrics.json").read_text())["study"]["winner"]["final"]
    ours, winners = (searched("predict", name, "train.csv") for name in (study.name, str(study / "final" / final)))
    assert (ours.code, ours.err) == (0, "")
    assert ours.out == winners.out
    assert len(ours.out.splitlines()) == 241

    with np.load(study / "final" / final / "predictions" / "test.npz") as stored:
        rows = stored["row"]
    pl.read_csv(searched.folder / "train.csv")[rows[::-1]].write_csv(searched.folder / "turned.csv")
    before = len((searched.folder / "runs" / "ledger.jsonl").read_text().splitlines())
    scored = json.loads(searched("evaluate", study.name, "turned.csv", "--json").out)
    assert scored["id"] == final
    known = json.loads((study / "metrics.json").read_text())
    assert scored["scores"]["log_loss" if "log_loss" in scored["scores"] else "loss"] == pytest.approx(
        known["test"]["loss"], rel=1e-5
    )
    lines = [json.loads(line) for line in (searched.folder / "runs" / "ledger.jsonl").read_text().splitlines()]
    assert len(lines) == before + 1, "the look is in the ledger of all runs, not in one inside the study"
    assert (lines[-1]["run"], lines[-1]["why"], lines[-1]["fingerprint"]) == (
        final,
        "evaluate",
        lines[0]["fingerprint"],
    )
    assert scored["test_looks"] == sum(line["fingerprint"] == lines[0]["fingerprint"] for line in lines)


def test_a_study_that_does_not_name_its_winner_is_damaged(searched: Any) -> None:
    study = study_of(searched)
    kept = (study / "metrics.json").read_text()
    for name in ("../../train", "none", ""):
        metrics = json.loads(kept)
        metrics["study"]["winner"]["final"] = name
        (study / "metrics.json").write_text(json.dumps(metrics))
        ended = searched("predict", study.name, "train.csv")
        assert ended.code != 0
        assert "does not name the winner's refit" in ended.err
        assert "Traceback" not in ended.err
    (study / "metrics.json").write_text(kept)
