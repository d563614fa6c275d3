"""`dlrun tune` against the tools that people know, on the same job, space and stopping rule.

Job: scikit-learn's digits, 60/20/20; one dense layer with 16 to 256 units (relu), batch normalization or not, dropout 0
to 0.6, l2 1e-6 to 1e-2 (log), Adam with 1e-4 to 1e-1 (log), batches of 32, at most 30 epochs, early stopping with
patience 5 on val_loss. Sides run in turn, each in a process of its own that is timed from start to end:

  hyperopt     a script with Hyperopt's fmin (TPE) and Keras' fit, as `peer_scripts.py` writes it
  keras_tuner  KerasTuner's BayesianOptimization
  optuna       Optuna's TPE with MedianPruner
  dlrun        `dlrun tune` without pruning, for the first ratio; its re-scoring and refits are counted
  dlrun_median `dlrun tune` with the median pruner, for the second
  dlrun_asha   the same with asha; the better of the two counts
  kfold_script 5-fold, a loop over --kfold-trials random points with Keras' fit
  dlrun_kfold  the very same points with `dlrun tune`, its refits and its report counted

The bar for the 5-fold study speaks of 20 trials. Its script takes longer than six minutes on two cores; with
--kfold-trials 5 both sides do the same five points. That is to dlrun's disadvantage, as its start, refits and report
are spread over fewer trials.

Beside the wall time of the whole commands, which the bars are about, the ratio of the searches alone is printed: from
the start of the first trial to the end of the last one, against the script without its imports. The peers neither fit
the winner again nor draw or record anything, so this compares like with like.

Only installed sides can run: pip install keras-tuner tensorboard optuna hyperopt.

With --results, measurements are added to a file of JSON lines, and the report covers all of them: so the sides can be
measured in pieces, on one machine.

Usage: python tests/benchmarks/tune_vs_peers.py [--trials 50] [--seeds 5] [--sides hyperopt optuna dlrun dlrun_median]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median, stdev

from peer_points import points

HERE = Path(__file__).resolve().parent
SCRIPTED = ("hyperopt", "keras_tuner", "optuna", "kfold_script")
PRUNERS = {"dlrun": "none", "dlrun_median": "median", "dlrun_asha": "asha", "dlrun_kfold": "none"}
SIDES = (*SCRIPTED, *PRUNERS)
DEFAULT = ("hyperopt", "keras_tuner", "optuna", "dlrun", "dlrun_median")

BARS = (
    (("dlrun",), "hyperopt", 0.20),
    (("dlrun_median", "dlrun_asha"), "optuna", 0.25),
    (("dlrun_kfold",), "kfold_script", 0.15),
)
"""Largest ratio of wall times that we accept: ours, of which the best counts, theirs, bar."""

MEMORY_BAR = (0.7, 0.35)
"""GB for the whole tree, and for every worker."""

CONFIG = """
name: digits-search
seed: {seed}
dataset: {{kind: digits}}
model: {{kind: network, layers: [{{dense: {{units: 64, dropout: 0.3, l2: 1e-4}}}}]}}
optimizer: {{kind: adam, learning_rate: 1e-3}}
training: {{epochs: 30, batch_size: 32, early_stopping: {{patience: 5}}}}
validation: {validation}
tuner:
  pruner: {pruner}
  selection: {{finalists: 1, rescorings: 0}}
"""

SPACE = """  kind: tpe
  space:
    model.layers.0.dense.units: {int: [16, 256]}
    model.layers.0.dense.batch_norm: {choice: [false, true]}
    model.layers.0.dense.dropout: {uniform: [0, 0.6]}
    model.layers.0.dense.l2: {loguniform: [1e-6, 1e-2]}
    optimizer.learning_rate: {loguniform: [1e-4, 1e-1]}
"""

PATHS = [line.split(": ")[0].strip() for line in SPACE.splitlines()[2:]]
"""Searched settings in the order of a point."""


@dataclass(frozen=True)
class Measured:
    """One run of one side.

    Args:
        seconds: Wall seconds of the whole command.
        best: Best validation loss.
        epochs: Epochs trained.
        memory: Peak GB of its processes together.
        search: Wall seconds of the search alone; NaN if unknown.
    """

    seconds: float
    best: float
    epochs: int
    memory: float
    search: float = math.nan


class Watch(threading.Thread):
    """Follows the memory of a process and its descendants, by their proportional set sizes."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.peak = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        """Look twice a second until told that it is over."""
        while not self.over.wait(0.5):
            self.peak = max(self.peak, sum(_pss(pid) for pid in _tree(self._pid)))


def _tree(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(path.read_text().rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
        except (OSError, IndexError):
            continue
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 2**20


def measure(command: list[str], folder: Path) -> tuple[dict[str, float], float, float]:
    """Run a command; return the JSON object that it printed, wall seconds, and the peak memory of its tree in GB."""
    started = time.perf_counter()
    with (folder / "out.json").open("wb") as out, (folder / "err.txt").open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=folder, env=_environment())
        watch = Watch(process.pid)
        watch.start()
        code = process.wait()
        seconds = time.perf_counter() - started
        watch.over.set()
        watch.join()
    if code not in (0, 3):
        raise SystemExit(f"{command} failed:\n{(folder / 'err.txt').read_text(errors='replace')[-3000:]}")
    return (
        json.loads(
            (folder / "out.json").read_text().strip().splitlines()[-1]
            if "peer_scripts" in " ".join(command)
            else (folder / "out.json").read_text()
        ),
        seconds,
        watch.peak,
    )


def _environment() -> dict[str, str]:
    root = str(HERE.parents[1])
    return os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": root}


def run_side(side: str, seed: int, trials: int, jobs: int | None, folder: Path) -> Measured:
    """Run one side once."""
    if side in SCRIPTED:
        command = [sys.executable, str(HERE / "peer_scripts.py"), side, "--trials", str(trials), "--seed", str(seed)]
        answer, seconds, memory = measure(command, folder)
        return Measured(seconds, answer["best"], int(answer["epochs"]), memory, answer["search"])
    kfold = side == "dlrun_kfold"
    config = folder / f"{side}.yaml"
    validation = "{kind: kfold, folds: 5, test_fraction: 0.2}" if kfold else "{kind: holdout}"
    text = CONFIG.format(seed=seed, validation=validation, pruner=PRUNERS[side])
    first, *others = [dict(zip(PATHS, point, strict=True)) for point in points(trials if kfold else 1, seed)]
    config.write_text(text + (f"  kind: manual\n  points: {json.dumps(others)}\n" if kfold else SPACE))
    written = [f"{path}={json.dumps(value)}" for path, value in first.items()] if kfold else []
    command = [sys.executable, "-m", "dlrun", "tune", str(config), *written, "--new", "--json"]
    command += ["--trials", str(trials), "--runs-dir", str(folder / "runs")]
    command += ["--jobs", str(jobs)] if jobs else []
    answer, seconds, memory = measure(command, folder)
    study = Path(str(answer["path"]))
    return Measured(seconds, answer["best"]["value"], _epochs(study / "trials.csv"), memory, _span(study))  # type: ignore[index]


def _span(study: Path) -> float:
    """Return the seconds from the start of the first trial to the end of the last one."""
    found = [json.loads(path.read_text()) for path in study.glob("trials/*/status.json")]
    began, ended = (
        [datetime.fromisoformat(status[key]).timestamp() for status in found] for key in ("started", "finished")
    )
    return max(ended) - min(began)


def _epochs(table: Path) -> int:
    import csv

    with table.open(newline="") as file:
        return sum(int(row["epochs"] or 0) for row in csv.DictReader(file))


def read(path: Path | None) -> dict[str, dict[int, Measured]]:
    """Return earlier measurements by side and seed."""
    measured: dict[str, dict[int, Measured]] = {}
    if path is not None and path.is_file():
        for line in path.read_text().splitlines():
            values = json.loads(line)
            side, seed = values.pop("side"), values.pop("seed")
            measured.setdefault(side, {})[seed] = Measured(**values)
    return measured


def report(measured: dict[str, dict[int, Measured]], jobs: int | None) -> bool:
    """Print medians and ratios; return whether every bar that could be tried is met."""
    print(f"\n{'side':14} {'wall s':>9} {'best val_loss':>14} {'epochs':>8} {'peak GB':>8} {'seeds':>6}")
    for side, runs in measured.items():
        names = ("seconds", "best", "epochs", "memory")
        figures = [median(getattr(run, name) for run in runs.values()) for name in names]
        print(f"{side:14} {figures[0]:9.1f} {figures[1]:14.4f} {figures[2]:8.0f} {figures[3]:8.2f} {len(runs):6}")
    met = True
    for ours, theirs, bar in BARS:
        ratios = []
        for side in ours:
            pairs = [
                (run, measured[theirs][seed])
                for seed, run in measured.get(side, {}).items()
                if seed in measured.get(theirs, {})
            ]
            if pairs:
                ratios.append(median(us.seconds / them.seconds for us, them in pairs))
                alone = median(us.search / them.search for us, them in pairs)
                print(f"wall {side} / {theirs}: {ratios[-1]:.3f}  bar {bar:.2f}; search alone {alone:.3f}")
        if ratios:
            met &= min(ratios) <= bar
            print(f"  {'ok' if min(ratios) <= bar else 'MISSED'}")
    met &= _losses_compare(measured.get("dlrun", {}), measured.get("hyperopt", {}))
    if "dlrun" in measured:
        workers = jobs or len(os.sched_getaffinity(0))
        bar = MEMORY_BAR[0] + MEMORY_BAR[1] * workers
        peak = max(run.memory for run in measured["dlrun"].values())
        met &= peak <= bar
        print(f"peak memory of dlrun's tree: {peak:.2f} GB  bar {bar:.2f}  {'ok' if peak <= bar else 'MISSED'}")
    return met


def _losses_compare(ours: dict[int, Measured], theirs: dict[int, Measured]) -> bool:
    """Print by how much our best validation losses differ; return whether they are not worse by more than noise."""
    differences = [run.best - theirs[seed].best for seed, run in ours.items() if seed in theirs]
    if len(differences) < 2:
        return True
    noise = stdev(differences) / math.sqrt(len(differences))
    met = median(differences) <= noise
    lower = sum(difference < 0 for difference in differences)
    print(f"best val_loss, dlrun - hyperopt: median {median(differences):+.4f}, standard error {noise:.4f},")
    print(f"  on the same rows; lower on {lower} of {len(differences)} seeds  {'ok' if met else 'MISSED'}")
    return met


def main() -> int:
    """Compare; the exit code says whether every bar was met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--kfold-trials", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(DEFAULT))
    parser.add_argument("--jobs", type=int, default=None, help="dlrun's trials at a time")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=None, help="file of earlier measurements, which is added to")
    arguments = parser.parse_args()
    measured = read(arguments.results)
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for side in arguments.sides:
            with tempfile.TemporaryDirectory() as folder:
                trials = arguments.kfold_trials if "kfold" in side else arguments.trials
                run = run_side(side, seed, trials, arguments.jobs, Path(folder))
            measured.setdefault(side, {})[seed] = run
            if arguments.results:
                with arguments.results.open("a") as file:
                    file.write(json.dumps({"side": side, "seed": seed, **asdict(run)}) + "\n")
            spent = f"{run.seconds:.1f} s, search {run.search:.1f} s"
            print(f"seed {seed} {side}: {spent}, best {run.best:.4f}, {run.epochs} epochs", flush=True)
    return 0 if report(measured, arguments.jobs) else 1


if __name__ == "__main__":
    raise SystemExit(main())
