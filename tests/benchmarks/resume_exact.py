"""Resumed against undisturbed: the same bytes at every one of many moments.

Most moments are copies of a run folder, taken at slices, at epochs and after every rename while the undisturbed run
goes on: what a SIGKILL at that moment leaves. Some are real SIGKILLs at random times, the last of several on one run.

Usage: python tests/benchmarks/resume_exact.py [--moments 100] [--kills 10] [--seed 0]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dlrun.runs.run

HERE = Path(__file__).resolve().parent

HEAD = """
dataset: {kind: digits, limit: 400}
model:
  kind: network
  layers:
    - dense: {units: 16, batch_norm: true, dropout: 0.4}
    - dense: 8
evaluation: {bootstrap: 20}
"""

CONFIGS = {
    "plateau, early stopping, slices": """
training: {epochs: 8, batch_size: 16, checkpoint_seconds: 0, slice_steps: 4, early_stopping: {patience: 2}}
optimizer: {kind: adam, learning_rate: 0.02, schedule: {kind: plateau, patience: 1, factor: 0.3}}
""",
    "folds, refit, average of weights": """
training: {epochs: 3, batch_size: 32, checkpoint_seconds: 0, slice_steps: 3, refit: true}
optimizer: {kind: sgd, momentum: 0.9, use_ema: true, ema_momentum: 0.9}
validation: {kind: kfold, folds: 3}
""",
    "streaming": """
training: {epochs: 4, batch_size: 32, checkpoint_seconds: 0, engine: streaming, slice_steps: 3, refit: true}
optimizer: {kind: rmsprop, schedule: {kind: cosine, warmup_epochs: 1}}
""",
    "XLA": """
training: {epochs: 5, batch_size: 32, checkpoint_seconds: 0, jit: true, slice_steps: 5}
optimizer: {kind: adamw, learning_rate: 0.01, gradient_accumulation_steps: 2}
""",
    "mixed precision": """
training: {epochs: 4, batch_size: 32, checkpoint_seconds: 0, precision: mixed_float16}
optimizer: {kind: adam, learning_rate: 0.01}
""",
}

FOREST = """
dataset: {kind: digits, limit: 400}
model: {kind: random_forest, num_trees: 20}
validation: {kind: repeated_kfold, folds: 3, repeats: 2}
training: {refit: true}
evaluation: {bootstrap: 20}
"""


def load_tools() -> Any:
    """Load what the tests stop and compare runs with."""
    spec = importlib.util.spec_from_file_location("stopping", HERE.parent / "runs" / "resume" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copied_moments(tools: Any, texts: dict[str, str], wanted: int, folder: Path) -> tuple[int, int]:
    """Resume copies of randomly chosen moments; return how many ended alike, and of how many."""
    alike = tried = 0
    share = -(-wanted // len(texts))
    for number, (name, text) in enumerate(texts.items()):
        run = tools.Stopped(folder / str(number), text)
        moments = list(run.moments)
        for moment in random.sample(moments, min(share, len(moments))):
            same = tools.outcome(run.resume(moment).path) == run.expected
            tried, alike = tried + 1, alike + same
            shutil.rmtree(run.moments[moment])
            if not same:
                print(f"DIFFERS: {name}, {moment}", flush=True)
        print(f"{name}: {alike} of {tried} alike so far, {len(moments)} moments known", flush=True)
    return alike, tried


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start dlrun in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "dlrun", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def strike(process: subprocess.Popen[bytes], folder: Path) -> bool:
    """Kill a process a moment after it has written a state of its own; return whether it was still there."""
    began = time.time()
    while process.poll() is None:
        if any(path.stat().st_mtime > began for path in folder.glob("runs/2*/checkpoints/last")):
            time.sleep(random.uniform(0.0, 1.5))
            process.kill()
            return process.wait() == -signal.SIGKILL
        time.sleep(0.02)
    return False


def killed_processes(tools: Any, text: str, wanted: int, place: Path) -> bool:
    """Kill runs again and again in the midst of their training and resume them; return whether all end alike."""
    place.mkdir()
    (place / "config.yaml").write_text(text)
    if start(place, "train", "config.yaml").wait() != 0:
        raise RuntimeError("the undisturbed run failed")
    (undisturbed,) = (place / "runs").glob("2*")
    kills = runs = alike = 0
    while kills < wanted:
        folder = place / str(runs)
        folder.mkdir()
        (folder / "config.yaml").write_text(text)
        process = start(folder, "train", "config.yaml")
        while strike(process, folder):
            kills += 1
            process = start(folder, "resume", "latest")
        (run,) = folder.glob("runs/2*")
        same = tools.outcome(run) == tools.outcome(undisturbed)
        runs, alike = runs + 1, alike + same
        print(f"killed {kills} times; {alike} of {runs} runs alike", flush=True)
    return alike == runs


def main() -> int:
    """Run both parts and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=100)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    tools = load_tools()
    dlrun.runs.run.illustrate = lambda *_: None  # plots would take longer than the training
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        texts = {name: HEAD + text for name, text in CONFIGS.items()} | {"forest": FOREST}
        alike, tried = copied_moments(tools, texts, options.moments, Path(place))
        chained = HEAD + CONFIGS["folds, refit, average of weights"].replace("epochs: 3", "epochs: 100")
        survived = killed_processes(tools, chained, options.kills, Path(place) / "killed") if options.kills else True
    print(f"{alike} of {tried} moments alike; killed run alike: {survived}; {time.monotonic() - began:.0f} s")
    return 0 if alike == tried and survived else 1


if __name__ == "__main__":
    sys.exit(main())
