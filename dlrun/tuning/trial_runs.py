"""TrialRuns: the run folders of a study's trials, and which of them keep their weights."""

from __future__ import annotations

import bisect
import re
import shutil
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

from dlrun.errors import StorageError
from dlrun.records.folder import RunFolder, is_id
from dlrun.records.status import State, read_status
from dlrun.tuning.trial import Trial

_NUMBER = re.compile(r"-trial-(\d{4,})-[0-9a-f]{4,}$")
_WEIGHTS = ("model", "checkpoints")


def trial_name(trial: int) -> str:
    """Return the name of a trial's run, which makes its folder tell which trial it belongs to."""
    return f"trial-{trial:04d}"


class TrialRuns:
    """The run folders of a study's trials.

    Args:
        folder: `trials/` of the study.
        sign: 1 if small values of the objective are good, -1 if large ones are.
        num_kept: How many of the best trials keep their weights.
    """

    def __init__(self, folder: Path, sign: float, num_kept: int) -> None:
        self.folder = folder
        self._sign = sign
        self._num_kept = num_kept
        self._kept: list[tuple[float, int, str]] = []
        self._paused: dict[int, str] = {}
        self._found: dict[int, list[str]] = {}
        for name in _names(folder):
            number = _NUMBER.search(name)
            if number is not None:
                self._found.setdefault(int(number.group(1)), []).append(name)

    def finished(self, trial: int) -> tuple[str, dict[str, Any]] | None:
        """Return the run and the scores of a trial that finished, if the disk holds them."""
        for name in reversed(self._found.get(trial, [])):
            folder = RunFolder(self.folder / name)
            try:
                if read_status(folder).state == "finished":
                    return name, folder.read_json("metrics.json")
            except StorageError:
                continue
        return None

    def take_up(self, trial: int, *, pruned: bool = False) -> str | None:
        """Return the run of an earlier attempt that can go on, because nobody ended it; remove all others.

        A run that failed, or that was stopped early, would only do so again from its checkpoint.

        Args:
            trial: Its number.
            pruned: Whether it was stopped early and is to be carried to the end now.
        """
        self._paused.pop(trial, None)
        names = self._found.pop(trial, [])
        unended = [
            name for name in names if has_no_end(RunFolder(self.folder / name), or_state="pruned" if pruned else None)
        ][-1:]
        for name in names:
            if name not in unended:
                shutil.rmtree(self.folder / name, ignore_errors=True)
        self._found[trial] = unended
        return unended[0] if unended else None

    def recall(self, trials: Iterable[Trial], paused: Container[int] = ()) -> None:
        """Take note of what earlier sessions have done, and remove what they had no time left to remove.

        Args:
            trials: All of the study.
            paused: Those that were stopped early and may go on.
        """
        for trial in trials:
            run = trial.outcome.run if trial.outcome else None
            if trial.state == "finished":
                self._rank(trial)
            elif trial.state != "pending" and run is not None and (self.folder / run / "checkpoints").is_dir():
                self._paused[trial.id] = run
        self._strip_all_but(paused)

    def settle(self, trial: Trial, paused: Container[int] = ()) -> None:
        """A trial has ended: remove the weights of all but the best.

        Args:
            trial: How it stands now.
            paused: Trials that were stopped early and may go on: they keep their state.
        """
        run = trial.outcome.run if trial.outcome else None
        if run is not None:
            found = self._found.setdefault(trial.id, [])
            if run not in found:
                found.append(run)
            self._paused.pop(trial.id, None)
            if trial.state == "finished":
                self._rank(trial)
            elif trial.state not in ("pending", "interrupted"):
                self._paused[trial.id] = run
        self._strip_all_but(paused)

    def _rank(self, trial: Trial) -> None:
        if trial.value is None or trial.outcome is None or trial.outcome.run is None:
            return
        bisect.insort(self._kept, (self._sign * trial.value, trial.id, trial.outcome.run))
        if len(self._kept) > self._num_kept:
            self._strip(self._kept.pop()[2])

    def _strip_all_but(self, paused: Container[int]) -> None:
        for number in [number for number in self._paused if number not in paused]:
            self._strip(self._paused.pop(number))

    def _strip(self, run: str) -> None:
        for part in _WEIGHTS:
            shutil.rmtree(self.folder / run / part, ignore_errors=True)


def has_no_end(folder: RunFolder, *, or_state: State | None = None) -> bool:
    """Tell whether a run was killed or interrupted, late enough to go on.

    Args:
        folder: The run.
        or_state: An end that counts as none.
    """
    states = {"running", "lost", "interrupted", or_state}
    try:
        return folder.file("config.yaml").is_file() and read_status(folder).state in states
    except StorageError:
        return False


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if is_id(path.name))
    except FileNotFoundError:
        return []
