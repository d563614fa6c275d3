"""Train every file of configs/ for one epoch, those aside whose data would have to be downloaded.

Nothing is fetched: Keras is pointed to a proxy that does not exist, so that what is cached decides what is trained.

Usage: python tests/smoke_configs.py [--runs-dir DIR] [CONFIG ...]
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
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

NOT_CACHED = re.compile(r"^\w+: .+ not found in '.+', and fetching failed: ")
"""How the error about a dataset begins that is neither cached nor reachable (dlrun/datasets/keras_files.py)."""

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
            results[config] = smoke(config.absolute(), (arguments.runs_dir or Path(scratch)).absolute())
            print(f"{time.perf_counter() - started:6.1f} s  {config.name}  {results[config]}", flush=True)
    failures = [config for config, result in results.items() if result.startswith("failed")]
    finished = sum(result == "ok" for result in results.values())
    print(f"{finished} trained, {len(failures)} failed, {len(results) - finished - len(failures)} skipped")
    return 1 if failures or not finished else 0


if __name__ == "__main__":
    raise SystemExit(main())
