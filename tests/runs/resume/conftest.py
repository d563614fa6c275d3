"""Runs that are stopped at chosen moments, resumed, and held against an undisturbed one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors

from dlrun.base import files
from dlrun.experiment.load import load_text
from dlrun.learners.listener import EpochReport, Listener
from dlrun.records.folder import RunFolder
from dlrun.runs.resume import resume_run
from dlrun.runs.run import Run, run_experiment


def tensors(path: Path) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
    """Return the arrays of a checkpoint in the order of their names, without the counters Keras adds to them.

    The counters go up in every process and the checksum covers the names: both are of the process, not of the run.
    """
    with safetensors.safe_open(path, framework="np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = json.loads(file.metadata()["dlrun"])
    del facts["crc32"]
    named = [(name.rpartition("/")[0].split("/")[0], arrays[name].tobytes()) for name in sorted(arrays)]
    return named, facts


def outcome(run: Path) -> dict[str, Any]:
    """Return everything of a finished run that must not depend on whether it was resumed."""
    found: dict[str, Any] = {}
    for name in ("config.yaml", "history.csv", "split.npz", "predictions/validation.npz", "predictions/test.npz"):
        found[name] = (run / name).read_bytes() if (run / name).is_file() else None
    for path in [*run.glob("checkpoints/**/*.safetensors")]:
        found[str(path.relative_to(run))] = tensors(path)
    for path in run.glob("model/*.json"):
        found[str(path.relative_to(run))] = path.read_bytes()
    found["models"] = sorted(path.name for path in run.glob("model/*"))
    for snapshot in sorted(run.glob("snapshots/*")):
        found |= {f"{snapshot.name.split('-cycle-')[1][0]}/{name}": value for name, value in outcome(snapshot).items()}
    metrics = json.loads((run / "metrics.json").read_text())
    metrics.pop("seconds", None)
    return found | {"metrics": metrics}


class _Stops(Listener):
    """Copies the folder when a slice or an epoch has just been heard of, before its state is stored."""

    def __init__(self, keep: Callable[[str], None]) -> None:
        self._keep = keep

    def slice_finished(self, fold: int, epoch: int, share: float, values: Mapping[str, float]) -> None:
        self._keep(f"fold {fold} epoch {epoch} at {share:.2f}")

    def epoch_finished(self, report: EpochReport) -> None:
        self._keep(f"fold {report.fold} epoch {report.epoch}")


class Stopped:
    """Trains once, undisturbed, and keeps what the folder held at many moments: what a SIGKILL there would leave."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.moments: dict[str, Path] = {}
        self._run: Path | None = None
        loaded = load_text(text, "test.yaml")
        original = os.replace

        def replace(source: Any, target: Any, *, src_dir_fd: int, dst_dir_fd: int) -> None:
            original(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            target = Path(f"/proc/self/fd/{dst_dir_fd}").resolve() / target
            if Path(target).name not in {"status.json", "config.yaml", "source.yaml", "overrides.yaml"}:
                self._run = self._run or next(path for path in Path(target).parents if path.parent.name == "runs")
                self._keep(f"written {Path(target).relative_to(self._run)}")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files.os, "replace", replace)
            run = run_experiment(
                loaded.experiment, runs_dir=folder / "runs", source=loaded, listener=_Stops(self._keep)
            )
        self.expected = outcome(run.path)

    def _keep(self, moment: str) -> None:
        assert self._run is not None
        target = self.folder / "stopped" / str(len(self.moments)) / self._run.name
        shutil.copytree(self._run, target)
        status = json.loads((target / "status.json").read_text()) if (target / "status.json").is_file() else None
        if status is not None:
            dead = {"pid": 2**22 + 1, "process": "", "heartbeat": "2026-01-01T00:00:00+00:00"}
            (target / "status.json").write_text(json.dumps(status | dead))
        self.moments[f"{len(self.moments)} {moment}"] = target

    def resume(self, moment: str) -> Run:
        """Resume the copy of a moment."""
        return resume_run(RunFolder(self.moments[moment]))


@pytest.fixture(scope="session")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Stopped]]:
    """Train a config and keep its moments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dlrun.runs.run.illustrate", lambda *arguments: None)  # plots take longer than these fits
        yield lambda text: Stopped(tmp_path_factory.mktemp("stopped"), text + "evaluation: {bootstrap: 20}\n")


@pytest.fixture(scope="session")
def outcome_of() -> Callable[[Path], dict[str, Any]]:
    """What a finished run comes to, without its times."""
    return outcome
