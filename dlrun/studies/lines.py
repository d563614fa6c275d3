"""StudyLines: what happens to a study, in lines; for the study's own log, and for screens that are no terminal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlrun.base.text import printable
from dlrun.records.log import number
from dlrun.reports.settings_text import changes_text, short_names
from dlrun.studies.listener import Settled, Standing, StudyListener
from dlrun.studies.objective import Objective
from dlrun.studies.state.trial import Suggestion, Trial
from dlrun.studies.workers.job import Epoch

_LONGEST_REASON = 60
_MOST_SETTINGS = 6


@dataclass
class Active:
    """A trial that is being carried out.

    Args:
        suggestion: What it tries.
        told_at: When a line last told of it, or when it began.
        epoch: Its last epoch; None before the first.
        standing: How good it is so far.
    """

    suggestion: Suggestion
    told_at: float
    epoch: Epoch | None = None
    standing: Standing = field(default_factory=Standing)


def concluding_words(num_rescorings: int) -> str:
    """Say what follows a search.

    Args:
        num_rescorings: Fits of finalists that are left to do.
    """
    refits = "refitting the winner and trial 0"
    fits = f"{num_rescorings} fit{'s' * (num_rescorings > 1)}"
    return f"re-scoring the finalists ({fits}), {refits}" if num_rescorings else refits


def _standing_words(standing: Standing, num_folds: int) -> list[str]:
    """Say how good a trial is so far: the best value of the fold in progress, and the mean of those that are done."""
    of = "of this fold" if num_folds > 1 else "so far"
    parts = [] if standing.best is None else [f"best {of} {number(standing.best)}"]
    done = len(standing.folds)
    if standing.mean is not None:
        parts.append(
            f"mean of {done} folds {number(standing.mean)}" if done > 1 else f"1 fold done {number(standing.mean)}"
        )
    return parts


class StudyLines(StudyListener):
    """Tells a study in lines: every trial that ends, and, if asked to, how far those have come that take their time.

    Args:
        say: Takes every line, without its end.
        seconds_between: Least seconds between two lines about the epochs of a trial; None tells of none.
        clock: Seconds since some moment.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        seconds_between: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._between = math.inf if seconds_between is None else seconds_between
        self._clock = clock
        self._objective = Objective("loss", "min")
        self._num_trials: int | None = None
        self._active: dict[int, Active] = {}
        self._done: set[int] = set()
        self._best: Trial | None = None
        self._written: dict[str, object] = {}
        self._names: dict[str, str] = {}

    def opened(self, path: Path, trials: Sequence[Trial], num_trials: int | None, objective: Objective) -> None:
        self._objective, self._num_trials = objective, num_trials
        self._say(f"study folder {printable(str(path))}")
        for trial in trials:
            self._learn_names(trial.id, trial.point)
        done = [trial for trial in trials if trial.state not in ("pending", "interrupted")]
        self._done = {trial.id for trial in done}
        for trial in done:
            self._rank(trial)
        if done:
            self._say(f"{len(done)} trials were done before")

    def started(self, suggestion: Suggestion) -> None:
        self._learn_names(suggestion.trial, suggestion.point)
        self._active[suggestion.trial] = Active(suggestion, self._clock())

    def reported(self, trial: int, epoch: Epoch, standing: Standing) -> None:
        active = self._active[trial]
        active.epoch, active.standing = epoch, standing
        if self._clock() - active.told_at >= self._between:
            active.told_at = self._clock()
            self._say("  ".join([f"trial {trial}", *self._progress(active)]))

    def ended(self, trial: Trial) -> None:
        self._active.pop(trial.id, None)
        if trial.state in ("pending", "interrupted"):
            self._say(f"trial {trial.id} is tried again: {trial.outcome.reason if trial.outcome else ''}")
            return
        self._done.add(trial.id)
        self._rank(trial)
        self._tell_end(trial)

    def note(self, text: str) -> None:
        self._say(text)

    def concluding(self, num_rescorings: int) -> None:
        self._say(concluding_words(num_rescorings))

    def settled(self, settled: Settled) -> None:
        self._say(self._settled_words(settled))

    def interrupted(self) -> None:
        self._say(f"stopping. {len(self._done)} trials are done and kept.")

    def _tell_end(self, trial: Trial) -> None:
        of = f"/{self._num_trials}" if self._num_trials else ""
        best = f"best {number(self._best.value or 0.0)} (trial {self._best.id})" if self._best else ""
        value = f"{self._objective.metric} {number(trial.value)}" if trial.value is not None else ""
        reason = (trial.outcome.reason or "")[:_LONGEST_REASON] if trial.outcome else ""
        parts = [f"{len(self._done)}{of}", f"trial {trial.id}", trial.state, value, reason, best]
        self._say("  ".join(part for part in [*parts, self._settings(trial)] if part))

    def _progress(self, active: Active) -> list[str]:
        """Say how far a trial has come: its epoch, the value there, and the best one."""
        epoch = active.epoch
        if epoch is None:
            return ["starting"]
        fold = f"fold {epoch.fold + 1}/{epoch.num_folds} " if epoch.num_folds > 1 else ""
        value = epoch.values.get(self._objective.metric)
        parts = [f"{fold}epoch {epoch.epoch}/{epoch.num_epochs}"]
        parts += [] if value is None else [f"{self._objective.metric} {number(value)}"]
        return parts + _standing_words(active.standing, epoch.num_folds)

    def _settled_words(self, settled: Settled) -> str:
        """Say that a fit after the search is over, and what it scored."""
        seconds, reason = f"{settled.seconds:.1f} s", (settled.failure or "")[:_LONGEST_REASON]
        if settled.what == "refitted":
            name = "trial 0, the config as written" if settled.trial == 0 else f"trial {settled.trial}, the winner"
            return f"could not refit {name}: {reason}" if settled.failure else f"refitted {name}  {seconds}"
        parts = [f"re-scored {settled.num_done} of {settled.num_all}", f"trial {settled.trial}"]
        if settled.score is None:
            return "  ".join([*parts, "failed" if settled.failure else "undefined", reason]).rstrip()
        return "  ".join([*parts, f"{self._objective.metric} {number(settled.score)}", seconds])

    def _settings(self, trial: Trial | Suggestion) -> str:
        return changes_text(trial.point, self._written, self._names, most=_MOST_SETTINGS)

    def _learn_names(self, trial: int, point: dict[str, object]) -> None:
        """Take note of the values of the config as written, and of settings that only some trials have."""
        if trial == 0:
            self._written = dict(point)
        if any(label not in self._names for label in point):
            self._names = short_names(dict.fromkeys([*self._names, *point]))

    def _rank(self, trial: Trial) -> None:
        if trial.state == "finished" and trial.value is not None:
            best = self._best.value if self._best else None
            self._best = trial if self._objective.better(trial.value, best) else self._best
