"""The same bytes from two checkouts of dlrun: every config is trained by both, and what they keep is compared.

Predictions, weights, preprocessing, history and scores have to be alike; times may differ, and so may facts of the
machine and the record of the config, to which a newer dlrun may add settings.

Usage: python tests/benchmarks/same_bytes.py OTHER [--epochs 3] [CONFIG ...]
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[2]
OF_TIME = ("seconds", "latency", "per_epoch")
"""What names of values that tell times hold."""


def train(checkout: Path, config: Path, folder: Path, overrides: list[str]) -> Path | str:
    """Train a config with the code of a checkout; return the run's folder, or why there is none."""
    folder.mkdir(parents=True)
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "dlrun", "train", str(config), *overrides, "--runs-dir", str(folder), "--json"],
        cwd=HERE,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, Any] = json.loads(ended.stdout or "{}")
    return Path(answer["path"]) if "path" in answer else str(answer.get("error", {}).get("message", ended.stderr))


def untimed(value: Any) -> Any:
    """Leave out the times of plain values."""
    if isinstance(value, dict):
        return {name: untimed(inner) for name, inner in value.items() if not any(word in name for word in OF_TIME)}
    return [untimed(inner) for inner in value] if isinstance(value, list) else value


def kept(run: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the digest of everything that has to be alike."""
    for path in sorted(run.rglob("*")):
        name = str(path.relative_to(run))
        if path.suffix in (".npz", ".keras", ".skops"):
            with zipfile.ZipFile(path) as archive:
                contents = {inner: _digest(archive.read(inner)) for inner in archive.namelist()}
            if path.suffix == ".skops":  # names its arrays by their addresses
                contents = {str(number): digest for number, digest in enumerate(sorted(contents.values()))}
            yield from ((f"{name}/{inner}", digest) for inner, digest in contents.items())
        elif name.startswith(("model/", "checkpoints/best")) and path.is_file():
            yield name, _digest(path.read_bytes())
        elif name == "history.csv":
            for row in csv.DictReader(io.StringIO(path.read_text())):
                yield f"{name} {row.get('fold')} {row.get('epoch')}", repr(untimed(row))
        elif name == "metrics.json":
            for key, value in untimed(json.loads(path.read_text())).items():
                yield f"{name} {key}", json.dumps(value, sort_keys=True)


def _digest(content: bytes) -> str:
    """Return a digest in which addresses of objects, numbers of 12 digits and more, count as alike."""
    return hashlib.sha256(re.sub(rb"\d{12,}", b"", content) if content[:1] == b"{" else content).hexdigest()


def differences(one: Path, other: Path) -> list[str]:
    """Return the names of what is not alike in two runs."""
    first, second = dict(kept(one)), dict(kept(other))
    return sorted(name for name in {*first, *second} if first.get(name) != second.get(name))


def main() -> int:
    """Compare all configs; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="the checkout to compare this one with")
    parser.add_argument("configs", nargs="*", type=Path, default=sorted((HERE / "configs").glob("**/*.yaml")))
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    overrides = [f"training.epochs={arguments.epochs}"]
    alike = compared = 0
    with tempfile.TemporaryDirectory() as scratch:
        for config in arguments.configs:
            places = [Path(scratch, config.stem, side) for side in ("here", "other")]
            here = train(HERE, config.absolute(), places[0], overrides)
            other = train(arguments.other.absolute(), config.absolute(), places[1], overrides)
            if isinstance(here, str) and here == other:
                print(f"{config.stem}: not trained by either: {here.splitlines()[0]}", flush=True)
                continue
            if isinstance(other, str) and not isinstance(here, str):
                print(f"{config.stem}: not known to the other: {other.splitlines()[0]}", flush=True)
                continue
            compared += 1
            if isinstance(here, str) or isinstance(other, str):
                print(f"{config.stem}: not trained here: {here}", flush=True)
                continue
            differing = differences(here, other)
            alike += not differing
            num_kept = len(dict(kept(here)))
            print(
                f"{config.stem}: {', '.join(differing[:6]) if differing else f'alike, {num_kept} things'}", flush=True
            )
    print(f"{alike} of {compared} configs alike")
    return 0 if alike == compared else 1


if __name__ == "__main__":
    raise SystemExit(main())
