"""Many `dlrun train` in one folder of runs at the same moment: all finish, and the ledger counts every look once.

    python tests/benchmarks/many_at_once.py [--runs 200] [--at-once 8]

The number at a time is bounded here, since every process takes a quarter of a gigabyte; dlrun itself bounds nothing.
Prints the seconds of one run alone, and those that each of the many has cost.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "dataset: iris\nmodel: linear\nevaluation: {bootstrap: 10}\n"


def train(folder: Path) -> tuple[int, str]:
    """Train once; return the exit code and what went to stderr."""
    ended = subprocess.run(
        [sys.executable, "-m", "dlrun", "train", "c.yaml", "-q"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    return ended.returncode, ended.stderr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=8)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "c.yaml").write_text(CONFIG)
        train(folder)  # warms the disk's cache
        began = time.perf_counter()
        train(folder)
        alone = time.perf_counter() - began
        began = time.perf_counter()
        with ThreadPoolExecutor(wanted.at_once) as pool:
            ends = list(pool.map(train, [folder] * wanted.runs))
        each = (time.perf_counter() - began) / wanted.runs
        failed = [error for code, error in ends if code != 0]
        runs = [path for path in (folder / "runs").iterdir() if path.is_dir()]
        looks = sorted(json.loads((path / "metrics.json").read_text())["test_looks"] for path in runs)
        lines = (folder / "runs" / "ledger.jsonl").read_text().splitlines()
    total = wanted.runs + 2
    print(f"{total - len(failed)} of {total} finished, {len(lines)} lines in the ledger")
    print(f"looks {'without gaps' if looks == list(range(1, total + 1)) else looks}")
    print(f"alone {alone:.2f} s; of {wanted.runs}, {wanted.at_once} at a time, {each:.2f} s each ({each / alone:.2f})")
    for error in failed[:3]:
        print(error, file=sys.stderr)
    if failed or len(lines) != total or looks != list(range(1, total + 1)):
        sys.exit(1)


if __name__ == "__main__":
    main()
