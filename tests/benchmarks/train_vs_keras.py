"""dlrun against a careful Keras script: time of an epoch, time of the whole process, peak memory.

Both sides run in turn in processes of their own; the printed figures are medians, the ratios are dlrun / Keras.
Fashion-MNIST must lie in KERAS_HOME.

Usage: python tests/benchmarks/train_vs_keras.py [--jobs digits dense separable] [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent

CONFIGS = {
    "digits": """
name: digits
dataset: {kind: digits}
model: {kind: network, layers: [{dense: 64}]}
training: {epochs: 30, batch_size: 32, early_stopping: {patience: 30}}
""",
    "dense": """
name: fashion-dense
dataset: {kind: fashion_mnist}
model: {kind: network, layers: [flatten, {dense: 512}]}
training: {epochs: 10, batch_size: 128, early_stopping: {patience: 10}}
""",
    "separable": """
name: fashion-separable
dataset: {kind: fashion_mnist, limit: 12000}
model:
  kind: network
  layers:
    - separable_conv2d: {filters: 32, padding: same}
    - separable_conv2d: {filters: 64, padding: same}
    - max_pooling2d: 2
    - separable_conv2d: {filters: 64, padding: same}
    - separable_conv2d: {filters: 128, padding: same}
    - max_pooling2d: 2
    - separable_conv2d: {filters: 64, padding: same}
    - separable_conv2d: {filters: 128, padding: same}
    - global_average_pooling2d
    - dense: 32
training: {epochs: 3, batch_size: 64, early_stopping: {patience: 3}}
""",
}

BARS = {"digits": (0.25, 0.8), "dense": (0.6, 0.8), "separable": (1.0, 1.0)}
"""Largest ratios of epoch time and of the whole process that we accept."""

MEMORY_BAR = 1.2


@dataclass(frozen=True)
class Measured:
    """One run of one side: seconds of an epoch and of the process, peak memory in MiB, test accuracy."""

    epoch: float
    process: float
    memory: float
    accuracy: float


def measure(command: list[str], folder: Path) -> tuple[dict[str, object], float, float]:
    """Run a command; return what it printed as JSON, its wall seconds, and its peak memory in MiB."""
    output = folder / "output.json"
    started = time.perf_counter()
    with output.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, cwd=folder)
        errors = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"{command} failed:\n{errors.decode(errors='replace')}")
    return json.loads(output.read_text()), seconds, usage.ru_maxrss / 1024


def keras_side(job: str, folder: Path) -> Measured:
    """Run the Keras script."""
    answer, process, memory = measure([sys.executable, str(HERE / "keras_script.py"), job], folder)
    epochs: list[float] = answer["epoch_seconds"]  # type: ignore[assignment]
    return Measured(median(epochs[1:]), process, memory, answer["test"]["accuracy"])  # type: ignore[index]


def dlrun_side(job: str, folder: Path) -> Measured:
    """Run dlrun on the same job."""
    config = folder / f"{job}.yaml"
    config.write_text(CONFIGS[job])
    command = [sys.executable, "-m", "dlrun", "train", str(config), "--runs-dir", str(folder / "runs"), "--json"]
    answer, process, memory = measure(command, folder)
    metrics: dict[str, dict[str, float]] = answer["metrics"]  # type: ignore[assignment]
    return Measured(metrics["seconds"]["per_epoch"], process, memory, metrics["test"]["accuracy"])


def compare(job: str, runs: int) -> bool:
    """Run both sides in turn, print medians and ratios, and return whether the bars are met."""
    sides: dict[str, list[Measured]] = {"keras": [], "dlrun": []}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(runs):
            sides["keras"].append(keras_side(job, Path(scratch)))
            sides["dlrun"].append(dlrun_side(job, Path(scratch)))
    print(f"\n{job}: medians of {runs} runs")
    ok = True
    bars = {"epoch": BARS[job][0], "process": BARS[job][1], "memory": MEMORY_BAR, "accuracy": None}
    for figure, bar in bars.items():
        keras, dlrun = (median(getattr(run, figure) for run in sides[side]) for side in ("keras", "dlrun"))
        pairs = zip(sides["dlrun"], sides["keras"], strict=True)
        ratio = median(getattr(ours, figure) / getattr(theirs, figure) for ours, theirs in pairs)
        verdict = "" if bar is None else f"  bar {bar:.2f}  {'ok' if ratio <= bar else 'MISSED'}"
        ok = ok and (bar is None or ratio <= bar)
        print(f"  {figure:9} keras {keras:10.4f}  dlrun {dlrun:10.4f}  ratio {ratio:6.3f}{verdict}", flush=True)
    return ok


def main() -> int:
    """Compare all jobs; the exit code says whether every bar was met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", nargs="+", choices=tuple(CONFIGS), default=list(CONFIGS))
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    met = [compare(job, arguments.runs) for job in arguments.jobs]  # all of them, whatever the first comes to
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
