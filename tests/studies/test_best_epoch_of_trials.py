"""Which epoch of a trial counts: the best by the search's own objective, unless the config names another value."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

CONFIG = """
dataset: digits
model: {kind: network, layers: [{dense: 8}]}
optimizer: {kind: adam, learning_rate: 0.05}
training: {epochs: 15, batch_size: 16}
evaluation: {bootstrap: 20}
tuner:
  kind: random
  objectives: [accuracy]
  space: {optimizer.learning_rate: {uniform: [0.03, 0.06]}}
  selection: {finalists: 1, rescorings: 0}
"""


def history(run: Path, column: str) -> list[float]:
    with (run / "history.csv").open(newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file)]


def monitor_of(text: str) -> Any:
    return yaml.safe_load(text)["training"]["monitor"]


def test_the_best_epoch_follows_the_objective_in_trials_and_in_what_comes_of_them(
    dlrun: Any, config: Any, studies: Any
) -> None:
    name = config(CONFIG)
    ended = dlrun("tune", name, "tuner.pruner={kind: asha, min_epochs: 15}", "--trials", "3", "--json")
    assert ended.code == 0, ended.err
    (study,) = studies()
    differs = []
    for row in study.rows:
        run = study.run(int(row["trial"]))
        accuracies, losses = history(run, "val_accuracy"), history(run, "val_loss")
        assert float(row["value"]) == pytest.approx(max(accuracies), abs=1e-6)
        differs.append(accuracies[losses.index(min(losses))] < max(accuracies))
        assert monitor_of((run / "config.yaml").read_text()) == "val_accuracy"
        reports = [e["value"] for e in study.events if (e["event"], e.get("trial")) == ("reported", int(row["trial"]))]
        assert max(reports) == float(row["value"]), "pruners compare what the trial is scored by"
    assert any(differs), "by the loss another epoch would be best"

    best = (study.path / "best.yaml").read_text()
    assert monitor_of(best) == "val_accuracy"
    (dlrun.folder / "best.yaml").write_text(best)
    again = json.loads(dlrun("train", "best.yaml", "--runs-dir", "alone", "--json").out)
    assert again["metrics"]["validation"]["accuracy"] == json.loads(ended.out)["best"]["value"]
    written = json.loads(dlrun("train", name, "--runs-dir", "alone", "--json").out)
    assert written["metrics"]["validation"]["accuracy"] == float(study.rows[0]["value"])
    assert monitor_of(Path(written["path"], "config.yaml").read_text()) == "val_accuracy"


@pytest.mark.parametrize(
    ("override", "monitor"),
    [
        ("training.monitor=val_loss", "val_loss"),
        ("training.early_stopping={monitor: val_loss, patience: 9}", "val_loss"),
        ("training.early_stopping={patience: 9}", "val_accuracy"),
        ("tuner.objectives=[parameters, accuracy]", "val_accuracy"),
        ("tuner.objectives=[val_loss]", "val_loss"),
    ],
)
def test_a_monitor_that_is_given_stays(dlrun: Any, config: Any, studies: Any, override: str, monitor: str) -> None:
    ended = dlrun("tune", config(CONFIG), override, "training.epochs=2", "--trials", "2", "--jobs", "1")
    assert ended.code == 0, ended.err
    (study,) = studies()
    texts = [(study.run(trial) / "config.yaml").read_text() for trial in (0, 1)]
    for text in texts:
        assert monitor_of(text) == monitor
        early = yaml.safe_load(text)["training"]["early_stopping"]
        assert not early or early["monitor"] == monitor
    assert monitor_of((study.path / "best.yaml").read_text()) in (monitor, "auto")
