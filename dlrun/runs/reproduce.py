"""reproduce_run(): train a run again from its record, and hold the two against each other."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlrun.base.text import parse_json, printable
from dlrun.errors import UsageError
from dlrun.experiment.load import load_text
from dlrun.learners.listener import Listener
from dlrun.records.environment import environment_changes
from dlrun.records.folder import RunFolder
from dlrun.records.history import read_history
from dlrun.records.index import is_trial
from dlrun.records.kinds import require_run
from dlrun.records.status import read_status
from dlrun.runs.run import AsTrial, Run, run_experiment
from dlrun.runs.trust import require_trust


@dataclass(frozen=True)
class Reproduction:
    """Two runs of one config, held against each other.

    Args:
        original: The run as it is on record.
        run: The run that was made now.
        differences: What came out differently, a line each; empty if everything is the same to the last bit.
        causes: What was different from the start: environment, data, code; a line each.
        compared: What was held against each other.
    """

    original: RunFolder
    run: Run
    differences: tuple[str, ...]
    causes: tuple[str, ...]
    compared: tuple[str, ...]

    @property
    def exact(self) -> bool:
        return not self.differences


_NOT_COMPARED = ("seconds.", "latency", "test_looks")
"""Values of metrics.json that say nothing about the result: how long things took, and how often the test was seen."""


def reproduce_run(
    folder: RunFolder,
    *,
    runs_dir: Path,
    trust: bool = False,
    argv: Sequence[str] = (),
    listener: Listener | None = None,
) -> Reproduction:
    """Train from a run's record in a new run and compare metrics, history, weights and predictions.

    The test rows of a study's trial are not scored, as in the study.

    Args:
        folder: A finished run.
        runs_dir: Folder of the new run.
        trust: Whether the recorded config may name code to run.
        argv: The command line, for the record.
        listener: Hears of the progress.

    Raises:
        UsageError: The run is not finished, or not to be trusted.
        StorageError: Its record cannot be read.
        DlrunError: As `run_experiment`.
    """
    if folder.file("snapshot.json").is_file():
        raise UsageError(
            f"{folder.id} is a snapshot, which training again does not end with",
            remedy="Reproduce the run that it lies in.",
        )
    require_run(folder)
    state = read_status(folder).state
    if state != "finished":
        raise UsageError(
            f"the run {folder.id} is {state}, so that there is nothing to compare with",
            remedy=f"Bring it to its end first, with `dlrun resume {folder.id}`.",
        )
    loaded = load_text(folder.read_text("config.yaml"), str(folder.file("config.yaml")))
    require_trust(loaded.experiment, f"the run {folder.id}", trusted=trust)
    run = run_experiment(
        loaded.experiment,
        runs_dir=runs_dir,
        source=loaded,
        argv=argv,
        listener=listener,
        trial=AsTrial() if is_trial(folder) else None,
    )
    return compare(folder, run)


def compare(original: RunFolder, run: Run) -> Reproduction:
    """Hold a new run against the one on record; weights too, unless it is a trial whose study has not kept them.

    Raises:
        StorageError: A record cannot be read.
    """
    new = RunFolder(run.path)
    compare_by = {"metrics": _metrics, "history": _history, "weights": _weights, "predictions": _predictions}
    if is_trial(original) and not original.file("checkpoints").is_dir():
        del compare_by["weights"]
    differences = [line for differ in compare_by.values() for line in differ(original, new)]
    return Reproduction(original, run, tuple(differences), tuple(_causes(original, new)), tuple(compare_by))


def _causes(original: RunFolder, new: RunFolder) -> list[str]:
    causes = []
    before, now = original.read_object("dataset.json"), new.read_object("dataset.json")
    if before.get("fingerprint") != now.get("fingerprint"):
        causes.append(f"data: fingerprint {_short(before)} -> {_short(now)}")
        if before.get("num_rows") != now.get("num_rows"):
            causes.append(f"data: {before.get('num_rows')} rows -> {now.get('num_rows')} rows")
    if original.read_text("config.yaml") != new.read_text("config.yaml"):
        causes.append("config: this dlrun or this machine resolves it otherwise")
    changes = environment_changes(original.read_object("environment.json"), new.read_object("environment.json"))
    causes += [
        f"code: {change}" if change.startswith(("dlrun", "git")) else f"environment: {change}" for change in changes
    ]
    if _was_forced(original):
        causes.append("record: the original was resumed with --force")
    return causes


def _was_forced(folder: RunFolder) -> bool:
    """Tell whether a line of resumed.jsonl lists changes; a torn one does not count."""
    file = folder.file("resumed.jsonl")
    lines = file.read_bytes(limit=10_000_000).splitlines() if file.is_file() else []
    for line in lines:
        try:
            entry = parse_json(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("forced"):
            return True
    return False


def _short(description: Mapping[str, Any]) -> str:
    return printable(str(description.get("fingerprint")))[:12]


def _metrics(original: RunFolder, new: RunFolder) -> list[str]:
    found = []
    before, now = (dict(_leaves("", folder.read_object("metrics.json"))) for folder in (original, new))
    for path in dict.fromkeys([*before, *now]):
        if not path.startswith(_NOT_COMPARED) and before.get(path) != now.get(path):
            found.append(f"metrics: {printable(path)} {before.get(path)} -> {now.get(path)}")
    return found


def _leaves(path: str, value: Any) -> list[tuple[str, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if pairs is None:
        return [(path, value)]
    return [leaf for name, item in pairs for leaf in _leaves(f"{path}.{name}" if path else str(name), item)]


def _history(original: RunFolder, new: RunFolder) -> list[str]:
    files = [folder.file("history.csv") for folder in (original, new)]
    if not any(file.is_file() for file in files):
        return []
    before, now = (read_history(file) if file.is_file() else [] for file in files)
    if len(before) != len(now):
        return [f"history: {len(before)} epochs -> {len(now)}"]
    for ours, theirs in zip(before, now, strict=True):
        for name in ours:
            if not _same(ours[name], theirs.get(name, math.nan)):
                place = f"fold {int(ours['fold'])} epoch {int(ours['epoch'])}"
                return [f"history: first in {place}: {name} {ours[name]} -> {theirs.get(name)}"]
    return []


def _same(before: float, now: float) -> bool:
    return before == now or (math.isnan(before) and math.isnan(now))


def _weights(original: RunFolder, new: RunFolder) -> list[str]:
    before, now = weight_hashes(original), weight_hashes(new)
    return [
        f"weights: {name} {before.get(name, 'missing')[:12]} -> {now.get(name, 'missing')[:12]}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]


def weight_hashes(folder: RunFolder) -> dict[str, str]:
    """Return the SHA-256 of the best weights of every fit, in hexadecimal; of values and shapes, not of names.

    Raises:
        StorageError: A file is damaged.
    """
    from dlrun.records.checkpoints import read_checkpoint

    hashes = {}
    for file in folder.file("checkpoints/best").files("*.safetensors"):
        checkpoint = read_checkpoint(folder, f"best/{file.stem}")
        digest = hashlib.sha256()
        for array in checkpoint.group("") if checkpoint is not None else []:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(array.tobytes())
        hashes[file.stem] = digest.hexdigest()
    return hashes


def _predictions(original: RunFolder, new: RunFolder) -> list[str]:
    names = ("predictions/validation.npz", "predictions/test.npz")
    return [f"predictions: {name} is not the same" for name in names if _content(original, name) != _content(new, name)]


def _content(folder: RunFolder, name: str) -> bytes | None:
    return folder.file(name).read_bytes() if folder.file(name).is_file() else None
