"""Runs, a study and an ensemble that an earlier dlrun has made are read, predict the same, and go on where they stood.

`tests/golden/runs/first.zip` holds them as they were written before code was arranged by jobs and sections, with what
each of them predicted then.
"""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ARCHIVE = Path(__file__).parents[1] / "golden" / "runs" / "first.zip"
RUNS = {
    "network": "20261128-132750-old-network-c466",
    "forest": "20261128-132754-old-forest-5d65",
    "study": "20261128-132757-old-forest-5fca",
    "ensemble": "20261128-132808-ensemble-2da4",
}
STOPPED = "20261128-150409-old-stopped-d7b2"
"""A run of 60 epochs that was killed in the midst of them."""


@pytest.fixture
def stored(dlrun: Any) -> Any:
    """The program, in a folder with the old runs and their data."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(dlrun.folder)
    return dlrun


def predictions(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open(newline="") as file:
        _, *rows = csv.reader(file)
    return [row[0] for row in rows], np.array([row[1:] for row in rows], np.float64)


@pytest.mark.parametrize("kind", RUNS)
def test_old_runs_predict_as_they_did(stored: Any, kind: str) -> None:
    ended = stored("predict", RUNS[kind], "data.csv", "--output", "new.csv")
    assert ended.code == 0, ended.err
    labels, probabilities = predictions(stored.folder / "new.csv")
    known_labels, known_probabilities = predictions(stored.folder / "predicted" / f"{RUNS[kind]}.csv")
    assert labels == known_labels
    np.testing.assert_allclose(probabilities, known_probabilities, atol=1e-6)


@pytest.mark.parametrize("kind", RUNS)
def test_old_runs_are_shown_and_scored(stored: Any, kind: str) -> None:
    shown = stored("show", RUNS[kind])
    assert shown.code == 0, shown.err
    ended = stored("evaluate", RUNS[kind], "data.csv", "--json")
    assert ended.code == 0, ended.err
    assert set(json.loads(ended.out)["scores"]) >= {"accuracy", "loss"}


def test_old_runs_are_listed_without_complaint(stored: Any) -> None:
    ended = stored("ls", "--json")
    listed = json.loads(ended.out)["runs"]
    states = {run["id"]: (run["state"], run["problem"]) for run in listed}
    assert states == {**dict.fromkeys(RUNS.values(), ("finished", None)), STOPPED: ("lost", None)}


def test_an_old_run_that_was_killed_goes_on(stored: Any) -> None:
    history = stored.folder / "runs" / STOPPED / "history.csv"
    before = history.read_text().splitlines()
    ended = stored("resume", STOPPED, "--json")
    assert ended.code == 0, ended.err
    after = history.read_text().splitlines()
    assert len(before) < len(after) == 61
    assert after[: len(before) - 1] == before[:-1]


def test_an_old_study_goes_on(stored: Any) -> None:
    ended = stored("tune", "--study", RUNS["study"], "--trials", "3", "--jobs", "1", "--json")
    assert ended.code == 0, ended.err
    assert len(list((stored.folder / "runs" / RUNS["study"] / "trials").iterdir())) == 3


def test_old_runs_make_an_ensemble(stored: Any) -> None:
    ended = stored("ensemble", RUNS["study"], RUNS["forest"], "--json")
    assert ended.code == 0, ended.err


def test_an_old_run_is_reproduced(stored: Any) -> None:
    ended = stored("reproduce", RUNS["forest"], "--json")
    assert ended.code == 0, ended.err
