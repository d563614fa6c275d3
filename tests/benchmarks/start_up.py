"""How long the commands that need no TensorFlow take to answer: `dlrun --help`, and `dlrun check` of a CSV config.

Each is run in a process of its own in turn; the medians are printed beside a bare interpreter's and the bars. Before,
dlrun is compiled to bytecode, as pip does when it installs a package.

Usage: python tests/benchmarks/start_up.py [--runs 11]
"""

from __future__ import annotations

import argparse
import compileall
import random
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median

BARS = {"--help": 0.2, "check": 0.5}
"""Seconds that we accept on a quiet machine."""

CONFIG = """
name: passengers
dataset: {kind: csv, path: passengers.csv, target: survived}
model: {kind: network, layers: [{dense: 32}]}
"""


def write_inputs(folder: Path) -> None:
    """Write a table of 1,300 rows and a config that uses it."""
    chance = random.Random(0)
    rows = ["survived,sex,age,class"]
    for _ in range(1300):
        sex, place = chance.choice(("female", "male")), chance.choice(("1st", "2nd", "3rd"))
        rows.append(f"{chance.choice(('yes', 'no'))},{sex},{chance.randint(1, 80)},{place}")
    (folder / "passengers.csv").write_text("\n".join(rows) + "\n")
    (folder / "config.yaml").write_text(CONFIG)


def seconds(command: list[str], folder: Path) -> float:
    """Run a command and return its wall seconds."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> int:
    """Measure all commands; the exit code says whether every bar was met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11)
    runs = parser.parse_args().runs
    commands = {
        "interpreter": [sys.executable, "-c", "pass"],
        "--help": [sys.executable, "-m", "dlrun", "--help"],
        "check": [sys.executable, "-m", "dlrun", "check", "config.yaml"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    package = find_spec("dlrun")
    for folder in (package and package.submodule_search_locations) or ():
        compileall.compile_dir(folder, quiet=1)
    with tempfile.TemporaryDirectory() as scratch:
        write_inputs(Path(scratch))
        for _ in range(runs):
            for name, command in commands.items():
                times[name].append(seconds(command, Path(scratch)))
    met = True
    for name, measured in times.items():
        bar = BARS.get(name)
        verdict = "" if bar is None else f"  bar {bar:.2f} s  {'ok' if median(measured) <= bar else 'MISSED'}"
        met = met and (bar is None or median(measured) <= bar)
        print(f"{name:12} median {median(measured):.3f} s, from {min(measured):.3f} to {max(measured):.3f}{verdict}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
