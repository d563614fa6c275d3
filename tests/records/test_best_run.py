"""`best`: runs, studies by their winner, and ensembles that can predict, scored on the same rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.records.best import Best, find_best
from dlrun.records.folder import RunFolder
from dlrun.records.index import run_folders
from dlrun.records.status import Heartbeat

START = datetime(2026, 11, 21, 19, 15, 2, tzinfo=UTC)


def write(
    folder: RunFolder, loss: float, *, whole: str = "w", targets: str = "t", test: int = 3, **metrics: Any
) -> RunFolder:
    folder.path.mkdir(parents=True, exist_ok=True)
    with Heartbeat(folder):
        folder.write_text("config.yaml", "dataset: {kind: csv}\nmodel: {kind: linear}\n")
        scores = {"task": "binary", "monitor": "val_loss", "validation": {"loss": loss, "auc": 1 - loss}}
        folder.write_json("metrics.json", scores | metrics)
        facts = {"fingerprint": whole, "targets": {"fingerprint": targets} if targets else {}}
        folder.write_json("dataset.json", facts)
        folder.write_npz("split.npz", test=np.arange(test))
    (folder.path / "model").mkdir(exist_ok=True)
    return folder


def add(runs: Path, minute: int, loss: float, name: str = "run", **options: Any) -> RunFolder:
    return write(RunFolder.claim(runs, name, now=START + timedelta(minutes=minute)), loss, **options)


def add_study(runs: Path, minute: int, loss: float, **options: Any) -> RunFolder:
    study = RunFolder.claim(runs, "study", now=START + timedelta(minutes=minute))
    final = write(RunFolder(study.path / "final/20261121-200000-winner-0003-abcd"), loss, **options)
    with Heartbeat(study):
        study.write_json("study.json", {"trials": 5})
        study.write_text("config.yaml", "dataset: {kind: csv}\nmodel: {kind: linear}\n")
        study.write_json("metrics.json", final.read_json("metrics.json") | {"study": {"winner": {"final": final.id}}})
    return study


def add_ensemble(runs: Path, minute: int, loss: float, members: list[RunFolder]) -> RunFolder:
    ensemble = add(runs, minute, loss, "ensemble")
    entries = [{"id": member.id, "path": f"../{member.id}", "weight": 1} for member in members]
    ensemble.write_json("members.json", {"members": entries})
    return ensemble


def best(runs: Path, metric: str | None = None) -> Best:
    return find_best(runs, run_folders(runs), metric, lambda name: name == "auc")


def test_a_study_counts_by_its_winner(tmp_path: Path) -> None:
    run = add(tmp_path, 0, 0.4407)
    study = add_study(tmp_path, 1, 0.4398)
    assert best(tmp_path) == Best(study, "loss", 0.4398, 2, 0)
    assert best(tmp_path, "auc").folder == study
    better = add(tmp_path, 2, 0.43)
    assert best(tmp_path) == Best(better, "loss", 0.43, 3, 0)
    assert run != better


def test_a_study_without_its_winner_does_not_count(tmp_path: Path) -> None:
    run = add(tmp_path, 0, 0.5)
    study = add_study(tmp_path, 1, 0.4)
    study.remove("final")
    assert best(tmp_path).folder == run


def test_an_ensemble_counts_if_it_can_predict(tmp_path: Path) -> None:
    members = [add(tmp_path, minute, 0.5 + minute / 100) for minute in range(2)]
    ensemble = add_ensemble(tmp_path, 2, 0.3, members)
    assert best(tmp_path).folder == ensemble
    members[1].remove("model")
    assert best(tmp_path) == Best(members[0], "loss", 0.5, 2, 0)


def test_only_scores_of_the_same_rows_and_parts_are_compared(tmp_path: Path) -> None:
    add(tmp_path, 0, 0.1, whole="other", targets="others")
    add(tmp_path, 1, 0.2, test=4)
    other_inputs = add(tmp_path, 2, 0.3, whole="columns dropped")
    before_targets_were_known = add(tmp_path, 3, 0.35, targets="")
    add(tmp_path, 4, 0.4)
    found = best(tmp_path)
    assert found == Best(other_inputs, "loss", 0.3, 3, 1)
    other_inputs.write_json("status.json", other_inputs.read_json("status.json") | {"state": "failed"})
    assert best(tmp_path).folder == before_targets_were_known


@pytest.mark.parametrize("name", ["dataset.json", "split.npz"])
def test_a_damaged_study_does_not_hide_the_others(tmp_path: Path, name: str) -> None:
    run = add(tmp_path, 0, 0.5)
    study = add_study(tmp_path, 1, 0.4)
    (damaged,) = (study.path / "final").glob(f"*/{name}")
    damaged.unlink()
    damaged.symlink_to("/dev/null")
    assert best(tmp_path).folder == run


def test_commands_say_which_run_is_best_and_by_what(dlrun: Any) -> None:
    runs = dlrun.folder / "runs"
    add(runs, 0, 0.4407)
    study = add_study(runs, 1, 0.4398)
    add(runs, 1, 0.1, test=4)
    add(runs, 2, 0.5)
    for arguments in (["show", "best"], ["logs", "best"], ["export", "best"], ["predict", "best", "config.csv"]):
        (dlrun.folder / "config.csv").write_text("a\n1\n")
        told = dlrun(*arguments).err.splitlines()[0]
        assert told == (
            f"best of 3 by validation loss 0.4398: {study.id} "
            "(1 more with other parts of the same rows are not compared)"
        )
