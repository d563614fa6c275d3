"""SIGKILL of the driver or of a worker at random moments of a study: nothing is lost, nothing is done twice.

A study of linear models (or, with --network, of tiny networks) is begun, killed and gone on with until it is whole, a
trial at a time. Then: no trial that was told has been forgotten, no trial has ended twice, there are exactly as many
trials as were asked for, each with one run folder, and the points are those of an undisturbed study.

Usage: python tests/benchmarks/tune_kill.py [--kills 50] [--trials 30] [--seed 0] [--network]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

LINEAR = """
name: killed
dataset: iris
model: {kind: linear}
evaluation: {bootstrap: 50}
tuner:
  kind: tpe
  space: {model.l2: {loguniform: [1e-4, 1e3]}}
  failures: {retries: 1000}
  selection: {finalists: 2, rescorings: 1}
"""
NETWORK = """
name: killed
dataset: iris
model: {kind: network, layers: [{dense: 4}]}
training: {epochs: 20, threads: 1}
evaluation: {bootstrap: 50}
tuner:
  kind: tpe
  space: {optimizer.learning_rate: {loguniform: [1e-4, 1e-1]}}
  failures: {retries: 1000}
  selection: {finalists: 2, rescorings: 1}
"""
"""Its trials share processes, as all of them want one thread."""


def start(folder: Path, runs: str, trials: int) -> subprocess.Popen[bytes]:
    """Start or go on with the study."""
    command = [sys.executable, "-m", "dlrun", "tune", "config.yaml", "--trials", str(trials), "--jobs", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    out = (folder / "out.txt").open("ab")
    with out:
        return subprocess.Popen([*command, "--runs-dir", runs], cwd=folder, env=environment, stdout=out, stderr=out)


def events(folder: Path, runs: str) -> list[dict[str, Any]]:
    """Return the whole lines of the study's journal; there must be one study at most."""
    found = list((folder / runs).glob("*/journal.jsonl"))
    if len(found) > 1:
        raise SystemExit(f"there are {len(found)} studies, expected one")
    return [json.loads(line) for line in found[0].read_bytes().split(b"\n")[:-1]] if found else []


def told(journal: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return the outcomes of the trials that ended; none may have ended twice."""
    ends: dict[int, dict[str, Any]] = {}
    for event in journal:
        if event["event"] == "told" and event["then"] == "end":
            if event["trial"] in ends:
                raise SystemExit(f"trial {event['trial']} ended twice")
            ends[event["trial"]] = event["outcome"]
    return ends


def descendants(pid: int) -> list[int]:
    """Return the zygote and the workers of a driver."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if parent == pid:
            found += [int(path.parent.name), *descendants(int(path.parent.name))]
    return found


def strike(process: subprocess.Popen[bytes], dice: random.Random) -> str | None:
    """Kill the driver, a worker in the midst of its trial, or the zygote; return which, or None if all had ended."""
    kind = dice.choices(("driver", "worker", "zygote"), (4, 5, 1))[0]
    if kind == "driver":
        process.kill()
        return kind
    depth = 1 if kind == "zygote" else 2
    while process.poll() is None:
        found = descendants(process.pid)
        if len(found) >= depth:
            time.sleep(dice.uniform(0.0, 1.0) if kind == "worker" else 0.0)
            still = [pid for pid in descendants(process.pid) if pid == found[depth - 1]]
            with contextlib.suppress(ProcessLookupError):
                for pid in still:
                    os.kill(pid, signal.SIGKILL)
                    return kind
        time.sleep(0.01)
    return None


def points(journal: list[dict[str, Any]]) -> dict[int, Any]:
    """Return the point of every trial."""
    return {event["trial"]: event["point"] for event in journal if event["event"] == "asked"}


def is_done(runs: Path) -> bool:
    """Tell whether the study has come to its end."""
    (study,) = runs.glob("*/study.json")
    state = json.loads((study.parent / "status.json").read_text())["state"]
    return bool(json.loads(study.read_text())["complete"]) and state == "finished"


def main() -> int:
    """Kill and go on; the exit code says whether all held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--network", action="store_true")
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(NETWORK if arguments.network else LINEAR)
        began = time.perf_counter()
        if start(folder, "whole", arguments.trials).wait() != 0:
            raise SystemExit((folder / "out.txt").read_text())
        undisturbed = time.perf_counter() - began
        before: dict[int, Any] = {}
        kills: dict[str, int] = {}
        while sum(kills.values()) < arguments.kills and len(before) < arguments.trials:
            process = start(folder, "runs", arguments.trials)
            until = time.perf_counter() + dice.uniform(0.2, 0.7) * undisturbed
            while process.poll() is None and time.perf_counter() < until:
                time.sleep(dice.uniform(0.0, undisturbed / 10))
                if process.poll() is None:
                    kind = strike(process, dice)
                    kills |= {kind: kills.get(kind, 0) + 1} if kind else {}
            process.kill()
            process.wait()
            now = told(events(folder, "runs"))
            lost = [trial for trial, outcome in before.items() if now.get(trial) != outcome]
            if lost:
                raise SystemExit(f"trials {lost} were told and are lost")
            before = now
        # A study that came to its end before it could be killed again would be followed by a new one.
        if not is_done(folder / "runs") and start(folder, "runs", arguments.trials).wait() != 0:
            raise SystemExit((folder / "out.txt").read_text()[-3000:])
        journal = events(folder, "runs")
        (trials,) = (folder / "runs").glob("*/trials")
        ended, num_runs = told(journal), len(list(trials.iterdir()))
        same = points(journal) == points(events(folder, "whole"))
        whole = sorted(ended) == list(range(arguments.trials))
        print(f"kills: {kills}; trials {len(ended)}, run folders {num_runs}, same points as undisturbed: {same}")
        ok = whole and num_runs == arguments.trials and same
        print("ok" if ok else "FAILED")
        return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
