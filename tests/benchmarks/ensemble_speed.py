"""How fast ensembles are made: greedy selection from many members, many folders, and the start of the command.

    python tests/benchmarks/ensemble_speed.py greedy [--metric log_loss]
    python tests/benchmarks/ensemble_speed.py folders
    python tests/benchmarks/ensemble_speed.py start

Aims on two cores: greedy selection from 1,000 members of 10,000 rows and 10 classes in 10 s and 2 GB; 10,000 folders of
which 100 fit in 3 s; 0.6 s until the command answers.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from dlrun.records.folder import RunFolder

NUM_MEMBERS, NUM_ROWS, NUM_CLASSES = 1000, 10_000, 10
NUM_FOLDERS, NUM_FITTING = 10_000, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["greedy", "folders", "start"])
    parser.add_argument("--metric", default="log_loss")
    options = parser.parse_args()
    {"greedy": lambda: greedy(options.metric), "folders": folders, "start": start}[options.what]()


def greedy(metric: str) -> None:
    """Fit the weights of greedy selection once."""
    from dlrun.ensembles.members.stack import Stack
    from dlrun.ensembles.methods import combine as combining
    from dlrun.ensembles.methods.greedy import Greedy

    rows = np.arange(NUM_ROWS)
    generator = np.random.default_rng(0)
    y = generator.integers(0, NUM_CLASSES, NUM_ROWS)
    y_pred = np.empty((NUM_MEMBERS, NUM_ROWS, NUM_CLASSES), np.float32)
    for member in y_pred:
        member[:] = probabilities(generator, y)
    stack = Stack("multiclass", y, y_pred, rows, np.zeros_like(rows))
    before, worked = time.perf_counter(), time.process_time()
    places, _ = combining.fit(Greedy(), stack, metric, seed=0)
    seconds, worked = time.perf_counter() - before, time.process_time() - worked
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"greedy by {metric}: {seconds:.1f} s ({worked:.1f} s of processor), {memory:.2f} GB, {len(places)} members")


def folders() -> None:
    """Read 10,000 folders of which 100 fit; the others are failed, of other data, damaged, or no runs at all."""
    from dlrun.ensembles.members.candidates import find_candidates
    from dlrun.ensembles.members.members import admit

    with tempfile.TemporaryDirectory() as name:
        runs = Path(name)
        generator = np.random.default_rng(0)
        for number in range(NUM_FOLDERS):
            write_run(runs, number, generator, fitting=number % (NUM_FOLDERS // NUM_FITTING) == 0)
        before, worked = time.perf_counter(), time.process_time()
        found, skipped = find_candidates(runs, [f"{runs}/*"], top=None, metric=None)
        admitted = admit(found)
        seconds, worked = time.perf_counter() - before, time.process_time() - worked
        num_skipped = len(skipped) + len(admitted.skipped)
        told = f"{len(admitted.members)} members, {num_skipped:,} skipped"
        print(f"folders: {seconds:.2f} s ({worked:.2f} s of processor), {told}")


def start() -> None:
    """Start the command, with its help and with an error; the best of five."""
    for arguments in (["ensemble", "--help"], ["ensemble", "nothing"]):
        seconds = []
        for _ in range(5):
            before = time.perf_counter()
            subprocess.run([sys.executable, "-m", "dlrun", *arguments], capture_output=True, check=False)
            seconds.append(time.perf_counter() - before)
        print(f"dlrun {' '.join(arguments)}: {min(seconds):.2f} s")


def probabilities(generator: np.random.Generator, y: np.ndarray) -> np.ndarray:
    powers = generator.standard_normal((len(y), NUM_CLASSES), dtype=np.float32) * 1.5
    powers[np.arange(len(y)), y] += generator.uniform(0.5, 2)
    np.exp(powers, out=powers)
    return powers / powers.sum(axis=1, keepdims=True)


def write_run(runs: Path, number: int, generator: np.random.Generator, *, fitting: bool) -> None:
    """Write a run folder without waiting for the disk."""
    folder = RunFolder(runs / f"20261121-{number // 3600:02}{number // 60 % 60:02}{number % 60:02}-run-{number:04x}")
    folder.path.mkdir()
    if not fitting and number % 4 == 0:
        return
    state = "failed" if not fitting and number % 4 == 1 else "finished"
    moment = "2026-11-21T19:15:02.000+00:00"
    status = f'{{"state": "{state}", "started": "{moment}", "heartbeat": "{moment}"}}'
    counts = '{"rows": 600, "classes": {' + ", ".join(f'"{code}": 60' for code in range(NUM_CLASSES)) + "}}"
    classes = ", ".join(f'"{code}"' for code in range(NUM_CLASSES))
    fingerprint = ("a" if fitting else f"{number:x}").rjust(64, "0")
    facts = (
        f'{{"name": "made", "fingerprint": "{fingerprint}", "task": "multiclass", "input_kind": "features", '
        f'"targets": {{"names": [], "classes": [{classes}]}}, "folds": [{{"fold": 0, "training": {counts}}}]}}'
    )
    files = {"status.json": status, "dataset.json": facts if number % 4 != 2 or fitting else facts[:90]}
    files["metrics.json"] = '{"monitor": "val_loss", "validation": {"loss": 0.5}}'
    files["config.yaml"] = f"name: run\nseed: {number}\ndataset: {{kind: csv}}\nmodel: {{kind: network}}\n"
    for name, content in files.items():
        (folder.path / name).write_text(content)
    if fitting:
        rows = np.arange(400)
        y = rows % NUM_CLASSES
        (folder.path / "predictions").mkdir()
        for part in ("validation", "test"):
            np.savez(
                folder.path / f"predictions/{part}.npz",
                row=rows + 400 * (part == "test"),
                y_true=y,
                y_pred=probabilities(generator, y),
                fold=np.zeros_like(rows),
            )


if __name__ == "__main__":
    main()
