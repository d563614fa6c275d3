"""Mutate the stored models of runs; whatever is in them, dlrun predicts or refuses them in words.

Usage: python tests/benchmarks/fuzz_estimators.py [MUTATIONS] [KIND ...]

Trains one small run of each kind, then changes its stored model MUTATIONS times (1,000 unless given), each time loads
the run and predicts with it in a process of its own, with a limit of 10 seconds and of 512 MB more memory than at its
start. Prints for each kind how many were predicted and refused; exits with 1 if any ended by a signal, took too long or
would have been an internal error, which it names.
"""

from __future__ import annotations

import collections
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT), str(ROOT / "tests" / "security")]

import mutations  # noqa: E402 - lies beside the tests


def train(kind: str, folder: Path) -> Path:
    """Train a run of a kind, and return its folder."""
    (folder / "config.yaml").write_text(mutations.config(kind, folder))
    command = [sys.executable, "-m", "dlrun", "train", "config.yaml", "--json"]
    ended = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return folder / json.loads(ended.stdout)["path"]


def main() -> None:
    """Do as described above."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    wrong = []
    for kind in sys.argv[2:] or mutations.KINDS:
        with tempfile.TemporaryDirectory() as name:
            run = train(kind, Path(name))
            file = run / mutations.MODEL
            content, x = file.read_bytes(), mutations.rows(kind)
            started = time.perf_counter()
            ended = collections.Counter[str]()
            for seed in range(number):
                file.write_bytes(mutations.mutated(content, seed))
                result = mutations.tried(run, x)
                ended[result if result in ("predicted", "refused") else "wrong"] += 1
                if result not in ("predicted", "refused"):
                    wrong.append(f"{kind}, mutation {seed}: {result}")
            seconds = time.perf_counter() - started
        counts = ", ".join(f"{ended[how]:,} {how}" for how in ("predicted", "refused", "wrong"))
        print(f"{kind}: {number:,} mutations, {counts}, {seconds / number * 1000:.0f} ms each", flush=True)
    for line in wrong:
        print(line)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
