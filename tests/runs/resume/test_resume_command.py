"""`dlrun resume` on processes that were really killed, and what it refuses."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlrun.config.write import to_yaml
from dlrun.experiment.load import load_text
from dlrun.runs.resume import _as_of_now
from dlrun.runs.run import settled

NETWORK = """
dataset: {kind: digits, limit: 600}
model: {kind: network, layers: [{dense: {units: 16, batch_norm: true, dropout: 0.3}}]}
optimizer: {kind: adam, schedule: {kind: plateau, patience: 1}}
training: {epochs: 30, batch_size: 20, slice_steps: 5, checkpoint_seconds: 0, early_stopping: {patience: 29}}
"""

FOREST = """
dataset: {kind: csv, path: data.csv, target: y}
model: {kind: random_forest, num_trees: 5}
validation: {kind: kfold, folds: 3}
"""

DRIVER = """
import os, signal, sys, time
from pathlib import Path
from dlrun.experiment.load import load
from dlrun.runs.run import run_experiment
from dlrun.learners.listener import Listener

class Stop(Listener):
    def slice_finished(self, fold, epoch, share, values):
        if WHERE == ("slice", epoch) and share > 0.5:
            os.kill(os.getpid(), signal.SIGKILL)

    def fit_started(self, fold, num_folds, num_epochs):
        if WHERE == ("fold", fold):
            os.kill(os.getpid(), signal.SIGKILL)
        if WHERE == ("sleep", fold):
            Path("asleep").touch()
            time.sleep(600)

WHERE = (sys.argv[2], int(sys.argv[3]))
loaded = load(Path(sys.argv[1]))
run_experiment(loaded.experiment, runs_dir=Path("runs"), source=loaded, listener=Stop())
"""


@pytest.fixture
def work(dlrun: Any) -> Any:
    rows = "".join(f"{n % 7},{n % 5},{'ab'[n % 3 == 0]}\n" for n in range(90))
    (dlrun.folder / "data.csv").write_text("u,v,y\n" + rows)
    (dlrun.folder / "forest.yaml").write_text(FOREST)
    (dlrun.folder / "network.yaml").write_text(NETWORK)
    return dlrun


def killed(dlrun: Any, config: str, what: str, number: int) -> Path:
    """Train in a process that kills itself at a place; return its run."""
    process = dlrun.python("-c", DRIVER, config, what, str(number))
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    return max((dlrun.folder / "runs").glob("2*"))


def trained(dlrun: Any, config: str) -> Path:
    ended = dlrun("train", config, "--json", "--runs-dir", "undisturbed", seconds=300)
    assert ended.code == 0, ended.err
    return Path(json.loads(ended.out)["path"])


def test_killed_then_terminated_then_resumed_is_undisturbed(work: Any, outcome_of: Callable[[Path], Any]) -> None:
    expected = outcome_of(trained(work, "network.yaml"))
    run = killed(work, "network.yaml", "slice", 5)
    assert [entry["state"] for entry in json.loads(work("ls", "--json").out)["runs"]] == ["lost"]

    process = work.start("resume", "latest", "--json")
    before = (run / "history.csv").read_bytes()
    deadline = time.monotonic() + 120
    while len((run / "history.csv").read_bytes()) <= len(before) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    sent = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - sent < 10
    assert process.returncode == 143, err
    assert f"go on with: dlrun resume {run.name}\n" in err
    assert json.loads(out)["resume"] == f"dlrun resume {run.name}"
    assert json.loads((run / "status.json").read_text())["state"] == "interrupted"

    ended = work("resume", run.name, "--json", seconds=300)
    assert ended.code == 0, ended.err
    assert outcome_of(run) == expected
    assert len((run / "resumed.jsonl").read_text().splitlines()) == 2


def test_finished_folds_are_not_fitted_again(work: Any, outcome_of: Callable[[Path], Any]) -> None:
    expected = outcome_of(trained(work, "forest.yaml"))
    run = killed(work, "forest.yaml", "fold", 2)
    assert sorted(path.stem for path in run.glob("checkpoints/fits/*")) == ["fold-0", "fold-1"]
    written = {path: path.stat().st_mtime_ns for path in run.glob("model/fold-[01].skops")}
    ended = work("resume", "latest", "--json")
    assert ended.code == 0, ended.err
    assert json.loads((run / "resumed.jsonl").read_text())["from"] == "fits done: fold-0, fold-1"
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert outcome_of(run) == expected
    assert not list(run.glob("checkpoints/fits"))
    status = json.loads((run / "status.json").read_text())
    assert (status["state"], status["format"]) == ("finished", 1)
    assert status["resumed"] > status["started"]
    again = work("resume", "latest")
    assert (again.code, again.out) == (2, "")
    assert "is finished: there is nothing to resume" in again.err


def test_a_run_in_other_hands_is_left_alone(work: Any) -> None:
    process = work.python("-c", DRIVER, "forest.yaml", "sleep", "1")
    try:
        deadline = time.monotonic() + 60
        while not (work.folder / "asleep").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        run = max((work.folder / "runs").glob("2*"))
        for command in (["resume", run.name], ["rm", "-y", run.name]):
            ended = work(*command)
            assert ended.code == 2
            assert f"the run {run.name} is in the hands of process {process.pid} on " in ended.err
        assert run.is_dir()
        collected = work("gc", "--budget", "0", "-y")
        assert collected.code == 0
        assert run.is_dir()
    finally:
        process.kill()
        process.communicate()
    assert work("rm", "-y", run.name).code == 0
    assert not list((work.folder / "runs").glob("2*"))


def test_changed_data_are_refused_with_a_diff_and_taken_by_force(work: Any) -> None:
    run = killed(work, "forest.yaml", "fold", 2)
    data = work.folder / "data.csv"
    data.write_text(data.read_text() + "1,1,a\n")
    refused = work("resume", "latest")
    assert (refused.code, refused.out.count("\n")) == (2, 2)
    assert "is not what it was when it was stopped" in refused.err
    assert '-  "num_rows": 90' in refused.err
    assert '+  "num_rows": 91' in refused.err
    assert "--force" in refused.err
    assert not (run / "resumed.jsonl").exists()


def test_a_changed_config_is_refused_with_a_diff_and_taken_by_force(work: Any) -> None:
    run = killed(work, "forest.yaml", "fold", 2)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("num_trees: 5", "num_trees: 6"))
    refused = work("resume", "latest")
    assert refused.code == 2
    assert "-  num_trees: 5" in refused.err
    assert "+  num_trees: 6" in refused.err
    forced = work("resume", "latest", "--force", "--quiet")
    assert (forced.code, forced.err) == (0, "")
    entry = json.loads((run / "resumed.jsonl").read_text())
    assert "+  num_trees: 6" in entry["forced"]
    assert "num_trees: 6" in config.read_text()


def test_settings_that_dlrun_has_gained_since_are_no_change() -> None:
    experiment = load_text("dataset: {kind: breast_cancer}\nmodel: linear\n", "now.yaml").experiment
    dataset = experiment.dataset.load()
    now = to_yaml(settled(experiment, dataset))
    older = re.sub(r"^ +(target_margin|positive_class|threads): .*\n", "", now, flags=re.MULTILINE)
    assert len(older) < len(now)
    assert _as_of_now(older, dataset) == now
    assert _as_of_now(now.replace("l2: 1.0", "l2: 2.0"), dataset) != now
    assert _as_of_now("what: {is: this}", dataset) == "what: {is: this}"


def test_records_of_another_format_are_refused_by_name(work: Any) -> None:
    run = killed(work, "forest.yaml", "fold", 1)
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps(status | {"format": 7}))
    ended = work("resume", run.name)
    assert ended.code == 1
    assert "status.json has the record format 7; this dlrun reads format 1" in ended.err
    assert "has the record format 7" in work("ls").out
    (run / "status.json").write_text(json.dumps(status))
    fit = run / "checkpoints" / "fits" / "fold-0.safetensors"
    fit.write_bytes(fit.read_bytes().replace(rb"\"format\": 1", rb"\"format\": 3"))
    ended = work("resume", run.name)
    assert ended.code == 1
    assert "fold-0.safetensors has the format 3" in ended.err


def test_a_damaged_checkpoint_is_named(work: Any) -> None:
    run = killed(work, "forest.yaml", "fold", 1)
    fit = run / "checkpoints" / "fits" / "fold-0.safetensors"
    fit.write_bytes(fit.read_bytes()[:-5])
    ended = work("resume", run.name)
    assert ended.code == 1
    assert "fold-0.safetensors is damaged" in ended.err
    fit.unlink()
    assert work("resume", run.name).code == 0


def test_a_run_without_a_config_never_began(work: Any) -> None:
    folder = work.folder / "runs" / "20261121-191502-digits-3fa9"
    folder.mkdir(parents=True)
    ended = work("resume", folder.name)
    assert ended.code == 2
    assert "stopped before its config was written" in ended.err
    assert work("rm", "-y", folder.name).code == 0
    assert not folder.exists()
