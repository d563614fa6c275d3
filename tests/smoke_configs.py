"""Train every file of configs/ for one epoch, those aside whose data would have to be downloaded.

Usage: python tests/smoke_configs.py [--runs-dir DIR] [CONFIG ...]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

NEEDS_DOWNLOAD = "is not on this machine"
"""What the error about a dataset that is neither cached nor reachable says."""


def smoke(config: Path, runs_dir: Path) -> str:
    """Train one epoch; return `ok`, `skipped` or the reason why it failed."""
    command = [sys.executable, "-m", "dlrun", "train", str(config), "training.epochs=1", "--json"]
    ended = subprocess.run(
        [*command, "--runs-dir", str(runs_dir)], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    if ended.returncode == 2 and NEEDS_DOWNLOAD in ended.stderr:
        return "skipped (needs a download)"
    if ended.returncode != 0:
        return f"failed with exit code {ended.returncode}: {ended.stderr.strip()[-2000:]}"
    answer = json.loads(ended.stdout)
    return "ok" if answer["state"] == "finished" else f"failed: state {answer['state']}"


def main() -> int:
    """Smoke-train all configs; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="*", type=Path, default=sorted((ROOT / "configs").glob("**/*.yaml")))
    parser.add_argument("--runs-dir", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results = {}
        for config in arguments.configs:
            started = time.perf_counter()
            results[config] = smoke(config, arguments.runs_dir or Path(scratch))
            print(f"{time.perf_counter() - started:6.1f} s  {config}  {results[config]}", flush=True)
    failures = [config for config, result in results.items() if result.startswith("failed")]
    finished = sum(result == "ok" for result in results.values())
    print(f"{finished} trained, {len(failures)} failed, {len(results) - finished - len(failures)} skipped")
    return 1 if failures or not finished else 0


if __name__ == "__main__":
    raise SystemExit(main())
