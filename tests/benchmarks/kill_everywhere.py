"""Kill runs at every call to the file system and at random moments, and refuse every call; check what they leave.

Usage: python tests/benchmarks/kill_everywhere.py [--random 1000] [--ensemble | --network] [--no-resume]

The suite does a part of this (`tests/faults/`); here every n-th call has its turn, until the command completes. With
`--ensemble` the command combines three finished runs, with `--network` the runs are those of a small network, each in a
process of its own, which takes hours.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

FAULTS = Path(__file__).resolve().parents[1] / "faults"
sys.path.insert(0, str(FAULTS))

import assessing  # noqa: E402
import saboteur as sabotage  # noqa: E402

NETWORK = """\
name: network
dataset: {kind: iris}
model: {kind: network, layers: [{dense: {units: 8, batch_norm: true, dropout: 0.2}}]}
training: {epochs: 4, refit: true, checkpoint_seconds: 0}
validation: {kind: kfold, folds: 2, test_fraction: 0}
"""


MODELS = ("linear", "random_forest", "gradient_boosting")


class Trial:
    """One folder, finished runs that nothing may touch, and what became of the others.

    Args:
        run_command: Runs commands, with faults.
        folder: Where.
        config: The experiment.
        ensemble: Whether the command that fails is `dlrun ensemble` on several such runs, not `dlrun train`.
        resume: Whether to go on with what is left.
    """

    def __init__(
        self, run_command: Callable[..., Any], folder: Path, config: str, *, ensemble: bool, resume: bool
    ) -> None:
        self._run = run_command
        self._folder = folder
        self._resume = resume and not ensemble
        self._command = ("ensemble", "runs/*", "--method", "weighted") if ensemble else ("train", "config.yaml")
        self.counts: Counter[str] = Counter()
        (folder / "config.yaml").write_text(config, encoding="utf-8")
        self._runs = folder / "runs"
        self._runs.mkdir()
        for model in MODELS if ensemble else ():
            assert self._run("train", "config.yaml", f"model={model}", folder=self._folder).code == 0
        self.first = self._carry_out({"kind": "none", "trace": True})
        assert self.first.code == 0, self.first.err
        self.num_calls = len(self.first.calls)
        self._digests = {run: assessing.digests(run) for run in self._finished()}

    def _finished(self) -> list[Path]:
        return sorted(self._runs.glob("2*"))

    def _carry_out(self, fault: dict[str, Any]) -> Any:
        return self._run(*self._command, folder=self._folder, fault=fault)

    def with_fault(self, fault: dict[str, Any]) -> None:
        """Carry out the command with a fault, and check what is left; then remove it."""
        ended = self._carry_out(fault)
        assessing.one_line(ended.err)
        assert ended.code in {0, 1, -signal.SIGKILL}, (fault, ended)
        self.counts[{0: "finished", 1: "failed", -signal.SIGKILL: "killed"}[ended.code]] += 1
        for run, before in self._digests.items():
            assert assessing.digests(run) == before, "a finished run has changed"
        listed = self._run("ls", "--json", folder=self._folder)
        assert listed.code == 0, listed.err
        assert all(assessing.listed(listed.out)[run.name]["state"] == "finished" for run in self._digests)
        for run in self._finished():
            if run not in self._digests:
                assessing.whole(run)
                self._check(run, assessing.listed(listed.out)[run.name], fault)
                shutil.rmtree(run)

    def _check(self, run: Path, listed: dict[str, Any], fault: dict[str, Any]) -> None:
        begun = (run / "status.json").exists()
        assert bool(listed["problem"]) != begun, (fault, listed)
        self.counts[f"left {listed['state'] or 'before its status'}"] += 1
        shown = self._run("show", run.name, folder=self._folder)
        assessing.one_line(shown.err)
        assert shown.code == (0 if begun else 1), (fault, shown)
        if self._resume:
            (before,) = self._digests.values()
            self.counts["resumed"] += assessing.resumed(self._run, run, before)


def main() -> None:
    """Read the command line, and try everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--random", type=int, default=1000, metavar="N", help="kills at random moments")
    parser.add_argument("--ensemble", action="store_true")
    parser.add_argument("--network", action="store_true")
    parser.add_argument("--no-resume", action="store_true")
    arguments = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch, sabotage.saboteur() as forked:
        run = sabotage.once if arguments.network else forked
        config = NETWORK if arguments.network else sabotage.CONFIG
        trial = Trial(run, Path(scratch), config, ensemble=arguments.ensemble, resume=not arguments.no_resume)
        for number in range(1, trial.num_calls + 1):
            for half in (False, True):
                trial.with_fault({"kind": "kill", "at": number, "half": half})
            for code in ("ENOSPC", "EIO"):
                for lasting in (False, True):
                    trial.with_fault({"kind": "refuse", "at": number, "errno": code, "lasting": lasting})
        print(json.dumps({"calls": trial.num_calls, **trial.counts}), flush=True)
        trial.counts.clear()
        moments = random.Random(0)
        for _ in range(arguments.random):
            trial.with_fault({"kind": "later", "seconds": moments.uniform(0, 1.1 * trial.first.seconds)})
        print(json.dumps({"random": arguments.random, **trial.counts}), flush=True)
    print(f"{time.perf_counter() - began:.0f} s; nothing lost, nothing unreadable")


if __name__ == "__main__":
    main()
