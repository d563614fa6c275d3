"""TrialRuns: the run folders of a study's trials, and which of them keep their weights."""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

from dlrun.base.inside import Inside
from dlrun.config.marks import Mark, Marks
from dlrun.config.overrides import Assignment, assign
from dlrun.errors import StorageError
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.experiment.experiment import Experiment
from dlrun.records.folder import RunFolder, is_id
from dlrun.records.status import State, read_status
from dlrun.studies.state.trial import Trial

_NUMBER = re.compile(r"-trial-(\d{4,})-[0-9a-f]{4,}$")
_WEIGHTS = ("model", "checkpoints")


def trial_name(trial: int) -> str:
    """Return the name of a trial's run, which makes its folder tell which trial it belongs to."""
    return f"trial-{trial:04d}"


@dataclass(frozen=True)
class Limit:
    """How many of the best trials keep their weights.

    Args:
        number: So many; None for as many as there is room for.
        num_bytes: The room, which matters only without a number.
    """

    number: int | None
    num_bytes: float = math.inf


class TrialRuns:
    """The run folders of a study's trials.

    Args:
        folder: `trials/` of the study.
        sign: 1 if small values of the objective are good, -1 if large ones are.
        limit: How many of the best trials keep their weights.
        on_full: Called when weights are removed for want of room, the first time.
    """

    def __init__(self, folder: Inside, sign: float, limit: Limit, on_full: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self._sign = sign
        self._limit = limit
        self._on_full: Callable[[], None] | None = on_full
        self._kept: list[tuple[float, int, str]] = []
        self._sizes: dict[str, int] = {}
        self._total = 0
        self._paused: dict[int, str] = {}
        self._found: dict[int, list[str]] = {}
        for name in (found.name for found in folder.folders()):
            number = _NUMBER.search(name)
            if number is not None and is_id(name):
                self._found.setdefault(int(number.group(1)), []).append(name)

    def finished(self, trial: int) -> tuple[str, Metrics] | None:
        """Return the run and the scores of a trial that finished, if the disk holds them."""
        for name in reversed(self._found.get(trial, [])):
            folder = self._run(name)
            try:
                if read_status(folder).state == "finished":
                    return name, cast("Metrics", folder.read_json("metrics.json"))
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
        unended = [name for name in names if has_no_end(self._run(name), or_state="pruned" if pruned else None)][-1:]
        for name in names:
            if name not in unended:
                self._remove(name)
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
            elif trial.state != "pending" and run is not None and (self.folder / run / "checkpoints").is_own_folder():
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
        run = trial.outcome.run
        bisect.insort(self._kept, (self._sign * trial.value, trial.id, run))
        self._sizes[run] = sum(self._num_bytes(f"{run}/{part}") for part in _WEIGHTS)
        self._total += self._sizes[run]
        while self._is_over():
            worst = self._kept.pop()[2]
            self._strip(worst)
            self._total -= self._sizes.pop(worst)

    def _is_over(self) -> bool:
        """Tell whether one of the trials has to lose its weights; for want of room never the only one."""
        if self._limit.number is not None:
            return len(self._kept) > self._limit.number
        is_full = len(self._kept) > 1 and self._total > self._limit.num_bytes
        if is_full and self._on_full is not None:
            self._on_full()
            self._on_full = None
        return is_full

    def _strip_all_but(self, paused: Container[int]) -> None:
        for number in [number for number in self._paused if number not in paused]:
            self._strip(self._paused.pop(number))

    def _strip(self, run: str) -> None:
        for part in _WEIGHTS:
            self._remove(f"{run}/{part}")

    def _run(self, name: str) -> RunFolder:
        return RunFolder((self.folder / name).path)

    def _num_bytes(self, relative: str) -> int:
        with suppress(StorageError):  # what lies behind a link is no part of the study
            return (self.folder / relative).num_bytes()
        return 0

    def _remove(self, relative: str) -> None:
        """Remove what nobody needs; what cannot be removed only takes room."""
        with suppress(StorageError):
            (self.folder / relative).remove()


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


def config_at(data: Mapping[str, Any], *overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Set values in a config.

    Args:
        data: Plain values of the config; its tuner is left out, and the rest stays as it is.
        overrides: Plain values by path, later ones on top; a `kind` is set before what else is set in its section.

    Raises:
        NoSuchSetting: A path leads nowhere.
    """
    config = deepcopy({name: value for name, value in data.items() if name != "tuner"})
    mark = Mark("", (0, 0))
    marks = Marks()
    marks.put((), mark)
    for values in overrides:
        for path, value in sorted(values.items(), key=_order):
            assign(Assignment(tuple(path.split(".")), value, mark), config, marks, Experiment)
    return config


def with_monitor(config: dict[str, Any], monitor: str) -> dict[str, Any]:
    """Name the value that tells the best epoch, which a config without its tuner does not know any more.

    Args:
        config: Plain values, which may be changed.
        monitor: The value that follows from the search; what the config names itself stays.
    """
    training = config.get("training") or {}
    early = training.get("early_stopping")
    given = [training.get("monitor"), early.get("monitor") if isinstance(early, Mapping) else None]
    if monitor != "val_loss" and all(name in (None, "auto") for name in given):
        config["training"] = {**training, "monitor": monitor}
    return config


def _order(item: tuple[str, Any]) -> tuple[int, bool]:
    """Sort shorter paths first, and a kind before its neighbours."""
    path = item[0]
    return path.count("."), not path.endswith(".kind")
