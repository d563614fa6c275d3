"""How long a suggestion and its bookkeeping take in studies of many trials: ask, a report for each epoch, tell.

Run: python tests/benchmarks/suggest_speed.py [--trials 1000 10000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from dlrun.experiment.tuner.tuners import Tuner
from dlrun.studies.state.ask_tell import Outcome, Study
from dlrun.studies.state.book import Book

SPACE = {
    "optimizer.learning_rate": {"loguniform": [1e-4, 1e-1]},
    "model.layers.0.dense.units": {"int": [16, 256]},
    "model.layers.0.dense.dropout": {"uniform": [0, 0.6]},
    "model.layers.0.dense.l2": {"loguniform": [1e-6, 1e-2]},
    "model.layers.0.dense.batch_norm": {"choice": [True, False]},
    "training.batch_size": {"qloguniform": [16, 256, 16]},
}
EPOCHS = 20


def fill(folder: Path, num_trials: int) -> None:
    """Write the journal of a study that random search has carried out."""
    generator = np.random.default_rng(0)
    tuner = tuner_of("random", "none")
    with Study.open(folder, tuner, seed=1, mode="min") as study:
        facts = (folder / "journal.jsonl").read_text().splitlines()[0]
        sampler = study._sampler
        history = study._book.history
    lines = [facts]
    for trial in range(num_trials):
        point = sampler.suggest(trial, history) if trial else {}
        asked = {"trial": trial, "point": point, "overrides": point, "seen": {"told": f"0-{trial}", "pending": ""}}
        lines.append(json.dumps({"format": 1, "event": "asked", **asked}))
        values = np.sort(generator.random(EPOCHS))[::-1]
        for epoch, value in enumerate(values.tolist(), start=1):
            report = {"trial": trial, "epoch": epoch, "value": value}
            lines.append(json.dumps({"format": 1, "event": "reported", **report}))
        outcome = {"state": "finished", "value": float(values[-1]), "run": f"20261121-000000-trial-{trial:04d}-abcd"}
        told = {"trial": trial, "outcome": outcome, "last_epoch": EPOCHS, "then": "end", "stopped": None}
        lines.append(json.dumps({"format": 1, "event": "told", **told}))
    (folder / "journal.jsonl").write_text("".join(f"{line}\n" for line in lines))


def tuner_of(kind: str, pruner: str) -> Any:
    written = {"kind": kind, "trials": 10**6, "pruner": pruner, "space": SPACE}
    return TypeAdapter(Tuner).validate_python(written)


def milliseconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def measure(kind: str, pruner: str, num_trials: int) -> dict[str, float]:
    """Time one study that goes on; medians of 10 trials, in milliseconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, num_trials)
        lines = (folder / "journal.jsonl").read_text().splitlines()
        facts = json.loads(lines[0])
        lines[0] = json.dumps(facts | {"kind": kind, "space": space_of(kind, pruner)})
        (folder / "journal.jsonl").write_text("".join(f"{line}\n" for line in lines))
        table = milliseconds(lambda: Book.read(folder).table())
        start = time.perf_counter()
        study = Study.open(folder, tuner_of(kind, pruner), seed=1, mode="min", max_epochs=EPOCHS)
        opened = 1000 * (time.perf_counter() - start)
        asks, reports, tells = [], [], []
        for _ in range(11):
            start = time.perf_counter()
            suggestion = study.ask()
            asks.append(1000 * (time.perf_counter() - start))
            assert suggestion is not None
            number = suggestion.trial
            for epoch in range(1, EPOCHS + 1):
                reports.append(
                    milliseconds(lambda number=number, epoch=epoch: study.report(number, epoch, 0.5 / epoch))
                )
            tells.append(
                milliseconds(lambda number=number: study.tell(number, Outcome("finished", value=0.1 + number)))
            )
        study.close()
    figures = {"table": table, "open": opened, "ask": statistics.median(asks[1:])}
    return figures | {"report": statistics.median(reports), "tell": statistics.median(tells)}


def space_of(kind: str, pruner: str) -> str:
    from dlrun.studies.state.facts import facts_of

    return str(facts_of(tuner_of(kind, pruner), 1, "min", {})["space"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[1000, 10_000])
    arguments = parser.parse_args()
    print(
        f"{'trials':>7} {'sampler':13} {'pruner':10} {'table':>8} {'open':>8} {'ask':>8} {'report':>8} {'tell':>8}  ms"
    )
    for num_trials in arguments.trials:
        for kind, pruner in [("tpe", "asha"), ("anneal", "median"), ("random", "hyperband"), ("quasi_random", "none")]:
            figures = measure(kind, pruner, num_trials)
            print(f"{num_trials:7} {kind:13} {pruner:10} " + " ".join(f"{value:8.1f}" for value in figures.values()))


if __name__ == "__main__":
    main()
