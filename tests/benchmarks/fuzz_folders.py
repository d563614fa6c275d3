"""Hand over runs, studies, ensembles and bundles in which something is replaced; no command may do harm with them.

Usage: python tests/benchmarks/fuzz_folders.py [NUMBER] [KIND] [--command NAME] [--way NAME] [--first SEED]

Each of NUMBER attempts (5,000 unless given) draws from its seed a kind (linear, forest, network, stopped, study,
ensemble or bundle), a command, and what stands in place of one or two files or folders: a link, a pipe, holes, damaged
or large content, wrong values. The command is carried out in a process of its own, with 10 seconds and 512 MB more
memory. Prints how the attempts of each kind and command ended, and each that did harm, with its seed: `--first SEED 1`
tries it again. Exits with 1 if there was any.
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT), str(ROOT / "tests" / "security")]

import handed_over  # noqa: E402 - lies beside the tests
import trying  # noqa: E402


def main() -> None:
    """Do as described above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("number", nargs="?", type=int, default=5000)
    parser.add_argument("kind", nargs="?")
    parser.add_argument("--command")
    parser.add_argument("--way")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no attempt after so long")
    parser.add_argument("--debug", action="store_true", help="show where errors come from; each counts as wrong then")
    chosen = parser.parse_args()
    counts: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, trying.trier(debug=chosen.debug) as trier:
        handed = handed_over.Handed(trier, Path(folder))
        print(f"built in {time.perf_counter() - started:.0f} s", flush=True)
        for seed in range(chosen.first, chosen.first + chosen.number):
            if time.perf_counter() - started > chosen.seconds:
                break
            attempt = handed.attempt(seed, chosen.kind, chosen.command, chosen.way)
            counts[attempt.kind, attempt.command][attempt.result] += 1
            if attempt.result == "wrong":
                print(attempt.ended.err if chosen.debug else attempt, flush=True)
    print(table(counts))
    total = sum(sum(counter.values()) for counter in counts.values())
    wrong = sum(counter["wrong"] for counter in counts.values())
    print(f"{total:,} attempts, {wrong:,} wrong, {time.perf_counter() - started:.0f} s")
    sys.exit(bool(wrong))


def table(counts: dict[tuple[str, str], collections.Counter[str]]) -> str:
    """Return how the attempts of each kind and command ended, a line each."""
    lines = [f"{'kind':10}{'command':34}{'done':>8}{'refused':>9}{'asked for more':>16}{'wrong':>7}"]
    for (kind, command), counter in sorted(counts.items()):
        told = [counter[result] for result in ("done", "refused", "asked for more", "wrong")]
        lines.append(f"{kind:10}{command:34}{told[0]:8,}{told[1]:9,}{told[2]:16,}{told[3]:7,}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
