"""How long `dlrun ls` and `dlrun show STUDY` take beside a study of many trials, from the shell and back.

The study is made up: a journal with 20 reports a trial, its table, and a run folder for every trial with the files that
the commands look at. Bar: one second each at 10,000 trials, start of the interpreter included.

Usage: python tests/benchmarks/study_scale.py [--trials 10000] [--times 5]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from suggest_speed import SPACE, fill

from dlrun.base.text import json_text
from dlrun.experiment.load import load_text
from dlrun.records.folder import RunFolder
from dlrun.records.status import Heartbeat
from dlrun.studies.folder import StudyFacts, claim_study, digest_of
from dlrun.studies.report import write_table
from dlrun.studies.state.book import Book

BAR = 1.0
ROOT = Path(__file__).resolve().parents[2]
CONFIG = f"""
name: large
dataset: digits
model: {{kind: network, layers: [{{dense: {{units: 64, dropout: 0.3, l2: 1e-4}}}}]}}
tuner: {{kind: random, trials: 1000000, space: {json.dumps(SPACE)}}}
"""


def make_study(runs_dir: Path, num_trials: int) -> RunFolder:
    """Write a study of so many trials."""
    loaded = load_text(CONFIG)
    facts = StudyFacts(digest_of(loaded.data), "loss", "min", num_trials, complete=True)
    study = claim_study(runs_dir, loaded, facts, ["dlrun", "tune"])
    moment = "2026-11-21T00:00:00+00:00"
    status = {"state": "finished", "started": moment, "heartbeat": moment, "finished": moment, "pid": 1}
    with Heartbeat(study):
        fill(study.path, num_trials)
        write_table(study, Book.read(study.path).table())
        for trial in range(num_trials):
            run = study.path / f"trials/20261121-{trial % 240000:06d}-trial-{trial:04d}-{trial % 65536:04x}"
            run.mkdir()
            (run / "status.json").write_text(json_text(status) + "\n")
            (run / "config.yaml").write_text("dataset: {kind: digits}\nmodel: {kind: network}\n")
            (run / "metrics.json").write_text('{"task": "multiclass", "validation": {"loss": 0.1}, "test": null}\n')
    return study


def seconds_of(times: int, *arguments: str) -> float:
    """Return the median wall seconds of a command."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "dlrun", *arguments], cwd=ROOT, check=True, capture_output=True)
        took.append(time.perf_counter() - began)
    return median(took)


def main() -> int:
    """Measure; the exit code says whether the bars are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    met = True
    with tempfile.TemporaryDirectory() as name:
        study = make_study(Path(name), arguments.trials)
        trial = next((study.path / "trials").iterdir()).name
        for command in (("ls",), ("show", study.id), ("show", "latest", "--json"), ("show", trial)):
            seconds = seconds_of(arguments.times, *command, "--runs-dir", name)
            met &= seconds <= BAR
            print(f"dlrun {' '.join(command)}: {seconds:.2f} s  bar {BAR:.2f}  {'ok' if seconds <= BAR else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
