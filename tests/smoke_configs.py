"""Train every file of configs/ for one epoch, those aside whose data would have to be downloaded.

Nothing is fetched: Keras is pointed to a proxy that does not exist, so that what is cached decides what is trained.

Usage: python tests/smoke_configs.py [--runs-dir DIR] [--jobs N] [CONFIG ...]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

NOT_CACHED = re.compile(r"^\w+: .+ not found in '.+', and fetching failed: ")
"""How the error about a dataset begins that is neither cached nor reachable (`keras_files.py`)."""

NO_NETWORK = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")

MOST_SECONDS = 600


def smoke(config: Path, runs_dir: Path) -> str:
    """Train one epoch; return `ok`, `skipped` or the reason why it failed."""
    command = [sys.executable, "-m", "dlrun", "train", str(config), "training.epochs=1", "--json"]
    try:
        ended = subprocess.run(
            [*command, "--runs-dir", str(runs_dir)],
            cwd=ROOT,
            env={**os.environ, **NO_NETWORK},
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )
        answer: dict[str, Any] = json.loads(ended.stdout)
    except subprocess.TimeoutExpired:
        return f"failed: not done after {MOST_SECONDS} s"
    except json.JSONDecodeError:
        return f"failed with exit code {ended.returncode}: {ended.stderr.strip()[-2000:]}"
    if "error" in answer:
        message = str(answer["error"]["message"])
        missing = ended.returncode == 2 and NOT_CACHED.match(message)
        return "skipped: its data are not cached here" if missing else f"failed: {message}"
    return "ok" if (ended.returncode, answer["state"]) == (0, "finished") else f"failed: state {answer['state']}"


def timed_smoke(config: Path, runs_dir: Path) -> str:
    """Do as `smoke`, and print the result and the seconds that it took."""
    started = time.perf_counter()
    result = smoke(config.absolute(), runs_dir.absolute())
    print(f"{time.perf_counter() - started:6.1f} s  {config.name}  {result}", flush=True)
    return result


def main() -> int:
    """Smoke-train all configs; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="*", type=Path, default=sorted((ROOT / "configs").glob("**/*.yaml")))
    parser.add_argument("--runs-dir", type=Path)
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time; most of the time goes to imports")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(arguments.jobs) as pool:
        runs_dir: Path = arguments.runs_dir or Path(scratch)
        results = list(pool.map(lambda config: timed_smoke(config, runs_dir), arguments.configs))
    failed = sum(result.startswith("failed") for result in results)
    finished = results.count("ok")
    print(f"{finished} trained, {failed} failed, {len(results) - finished - failed} skipped")
    return 1 if failed or not finished else 0


if __name__ == "__main__":
    raise SystemExit(main())
