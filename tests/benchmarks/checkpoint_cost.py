"""What checkpoints cost: the same training with and without them, and the time inside their writing.

Both sides run in turn in one process on the same data. The share of the time spent writing is the figure to trust on a
busy machine; the ratio of the medians shows that nothing was forgotten.

Usage: python tests/benchmarks/checkpoint_cost.py [--units 2048] [--epochs 40] [--runs 3] [--seconds 5]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from dlrun.experiment.load import load_text
from dlrun.learners.checkpoint import Pace
from dlrun.runs.run import run_experiment

BAR = 0.03
"""Largest share of the training time that we accept."""

CONFIG = """
dataset: {{kind: digits}}
model: {{kind: network, layers: [{{dense: {units}}}, {{dense: {units}}}]}}
optimizer: adam
training: {{epochs: {epochs}, batch_size: 32, checkpoint_seconds: {seconds}, early_stopping: {{patience: {epochs}}}}}
evaluation: {{bootstrap: 20}}
"""


class Writing:
    """Adds up the time inside the writing of checkpoints."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.times = 0
        original = Pace.measured

        @contextlib.contextmanager
        def measured(pace: Pace) -> Iterator[None]:
            began = time.perf_counter()
            with original(pace):
                yield
            self.seconds += time.perf_counter() - began
            self.times += 1

        Pace.measured = measured  # type: ignore[method-assign]


def main() -> int:
    """Train in turn and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    writing = Writing()
    fits: dict[str, list[float]] = {"with": [], "without": []}
    shares = []
    for _ in range(options.runs):
        for side, seconds in (("without", 1e9), ("with", options.seconds)):
            text = CONFIG.format(units=options.units, epochs=options.epochs, seconds=seconds)
            writing.seconds, writing.times = 0.0, 0
            with tempfile.TemporaryDirectory() as folder:
                run = run_experiment(load_text(text).experiment, runs_dir=Path(folder))
                size = (run.path / "checkpoints/last/state.safetensors").stat().st_size
            fits[side].append(run.metrics["seconds"]["fit"])
            if side == "with":
                shares.append(writing.seconds / fits[side][-1])
                print(f"{writing.times} checkpoints of {size / 1e6:.0f} MB in {fits[side][-1]:.1f} s: {shares[-1]:.2%}")
    ratio = median(fits["with"]) / median(fits["without"])
    print(f"writing takes {median(shares):.2%} of the training; with / without = {ratio:.3f}; bar {BAR:.0%}")
    return 0 if median(shares) <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
