"""How the seconds and the memory of commands grow with the number of columns of a CSV file.

    python tests/benchmarks/wide_tables.py [--columns 5000 10000 20000 40000] [--rows 20] [--model linear]

Each command runs in a process of its own. Beside its seconds and its largest memory stand the ratios to those of the
smaller table; what every start costs, TensorFlow above all, keeps them below the ratio of the columns. Last come
headers of nothing but empty names. The exit code says whether a ratio of seconds was more than `MOST` times that of
columns.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST = 1.5
COMMANDS = {
    "check": ["check", "c.yaml"],
    "train": ["train", "c.yaml", "-q"],
    "predict": ["predict", "latest", "data.csv", "-o", "p.csv"],
    "evaluate": ["evaluate", "latest", "data.csv"],
    "show": ["show", "latest"],
    "export": ["export", "latest", "-o", "model.zip"],
    "predict .zip": ["predict", "model.zip", "data.csv", "-o", "p.csv"],
}


def write_table(path: Path, columns: int, rows: int) -> None:
    """Write numbers, and two classes to predict."""
    with path.open("w") as file:
        file.write(",".join(f"c{column}" for column in range(columns)) + ",y\n")
        for row in range(rows):
            file.write(",".join(str((row * 7 + column) % 5) for column in range(columns)) + f",{row % 2}\n")


def measure(arguments: list[str], folder: Path) -> tuple[float, float, int]:
    """Run a command; return its seconds, its largest memory in MB, and its exit code."""
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        os.execve(sys.executable, [sys.executable, "-m", "dlrun", *arguments], environment)
    _, status, used = os.wait4(child, 0)
    return time.perf_counter() - began, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def main() -> int:
    """Measure all commands on tables of growing width."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, nargs="+", default=[5000, 10000, 20000, 40000])
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--model", default="linear")
    wanted = parser.parse_args()
    worst = 0.0
    before: dict[str, tuple[int, float, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = "dataset: {kind: csv, path: data.csv, target: y}"
        (folder / "c.yaml").write_text(f"{dataset}\nmodel: {wanted.model}\nevaluation: {{bootstrap: 10}}\n")
        for columns in wanted.columns:
            write_table(folder / "data.csv", columns, wanted.rows)
            for command, arguments in COMMANDS.items():
                seconds, memory, code = measure(arguments, folder)
                line = f"{columns:>9,} columns  {command:13} {seconds:7.2f} s {memory:7.0f} MB"
                if command in before:
                    fewer, faster, smaller = before[command]
                    worst = max(worst, seconds / faster / (columns / fewer))
                    line += f"   x {seconds / faster:.2f} s, x {memory / smaller:.2f} MB"
                print(line + (f"   exit code {code}" if code else ""), flush=True)
                before[command] = (columns, seconds, memory)
        for number in (300_000, 1_000_000, 3_000_000):
            (folder / "data.csv").write_text("a" + "," * (number - 1) + "\n1\n")
            seconds, memory, code = measure(COMMANDS["check"], folder)
            print(f"{number:>9,} names, all empty but one: {seconds:.2f} s {memory:.0f} MB, exit code {code}")
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
