"""Book: the state of a study, made of the events of its journal alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlrun.errors import StorageError
from dlrun.experiment.tuner.pruners.race import Curve, Standings
from dlrun.experiment.tuner.samplers.history import History, Seen
from dlrun.experiment.tuner.space.space import Coordinates
from dlrun.studies.state.journal import read_events
from dlrun.studies.state.trial import Outcome, Trial

Locate = Callable[[Mapping[str, Any]], Coordinates | None]


class Book:
    """What the events so far have led to. A study that is replayed and one that is carried out go through `apply`.

    Args:
        locate: Tells where a point lies in the space; None where only a table is wanted.

    Attributes:
        facts: What the study was begun with; empty before.
        trials: Every trial, by number.
        waiting: Trials to hand out again.
        to_the_end: Trials that were stopped early and then carried to the end, or are to be.
        failures: How often each trial failed.
        curves: What each trial reported, small being good.
        finished: Trials that were carried out to their end.
        standings: What finished trials had reached by each step.
        history: What a sampler sees.
        best: The finished trial with the best value.
        stopped: Why the study ended early.
        failed_in_a_row: Number of trials that failed since the last one that did not.
    """

    def __init__(self, locate: Locate | None = None) -> None:
        self._locate = locate or _nowhere
        self.facts: dict[str, Any] = {}
        self.trials: list[Trial] = []
        self.waiting: set[int] = set()
        self.to_the_end: set[int] = set()
        self.failures: dict[int, int] = {}
        self.curves: dict[int, Curve] = {}
        self.finished: set[int] = set()
        self.standings = Standings()
        self.history = History()
        self.best: int | None = None
        self.stopped: str | None = None
        self.failed_in_a_row = 0
        self._front: dict[int, tuple[float, ...]] = {}

    @classmethod
    def read(cls, folder: Path) -> Book:
        """Read the state of a study that may be carried out elsewhere, for tables; without the single reports.

        Raises:
            StorageError: The journal cannot be read or is damaged.
        """
        book = cls()
        book.replay(read_events(folder, reports=False), folder)
        return book

    def replay(self, events: Iterable[dict[str, Any]], folder: Path) -> None:
        """Apply many events.

        Raises:
            StorageError: They do not follow from one another.
        """
        for number, event in enumerate(events, start=1):
            try:
                self.apply(event)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise StorageError(f"the journal of {folder.name} is damaged: event {number} cannot be") from error

    def apply(self, event: Mapping[str, Any]) -> None:
        """Apply one event; those of an unknown name have no effect."""
        apply = _EVENTS.get(event["event"])
        if apply:
            apply(self, event)

    @property
    def sign(self) -> int:
        """What values are multiplied by to make small ones good."""
        return -1 if self.facts["mode"] == "max" else 1

    @property
    def others(self) -> dict[str, int]:
        """What the values of the further objectives are multiplied by to make small ones good, by name."""
        return {name: -1 if mode == "max" else 1 for name, mode in self.facts["others"].items()}

    @property
    def front(self) -> list[int]:
        """Finished trials that no other one beats in every objective."""
        return sorted(self._front)

    def table(self) -> list[Trial]:
        """Every trial, with the epochs that running ones have reported."""
        return [
            replace(trial, last_epoch=self.curves[trial.id].last)
            if trial.state == "pending" and trial.id in self.curves
            else trial
            for trial in self.trials
        ]

    def pending(self) -> list[int]:
        """Trials that were asked for and not told."""
        return [trial.id for trial in self.trials if trial.state == "pending"]

    def _begin(self, event: Mapping[str, Any]) -> None:
        self.facts = {name: value for name, value in event.items() if name not in ("format", "event")}

    def _reopen(self, event: Mapping[str, Any]) -> None:
        del event
        self.waiting = set(self.pending())
        self.stopped, self.failed_in_a_row = None, 0

    def _ask(self, event: Mapping[str, Any]) -> None:
        trial = Trial(event["trial"], event["point"], event["overrides"])
        if trial.id != len(self.trials):
            raise ValueError(trial.id)
        self.trials.append(trial)
        self.history.put(Seen(trial.id, trial.point, self._locate(trial.point)))

    def _ask_again(self, event: Mapping[str, Any]) -> None:
        trial = self.trials[event["trial"]]
        self.trials[trial.id] = replace(trial, state="pending", attempt=event["attempt"])
        self.waiting.discard(trial.id)
        if event["to_the_end"]:
            self.to_the_end.add(trial.id)

    def _report(self, event: Mapping[str, Any]) -> None:
        number, step, value = event["trial"], event["epoch"], event["value"]
        loss = float("inf") if value is None else self.sign * value
        curve = self.curves.get(number)
        if curve is None:
            curve = self.curves[number] = Curve()
        curve.add(step, loss)

    def _tell(self, event: Mapping[str, Any]) -> None:
        number, then = event["trial"], event["then"]
        outcome = Outcome(**event["outcome"])
        goes_on = then == "retry" or outcome.state == "interrupted"
        state = "pending" if goes_on else outcome.state
        self.trials[number] = replace(self.trials[number], state=state, outcome=outcome, last_epoch=event["last_epoch"])
        if then == "retry":
            self.waiting.add(number)
        self.stopped = self.stopped or event.get("stopped")
        self._count_failures(number, then)
        if not goes_on:
            self._learn(number, outcome, then)

    def _count_failures(self, number: int, then: str) -> None:
        outcome = self.trials[number].outcome
        state = outcome.state if outcome else ""
        if state in ("failed", "out_of_memory", "lost", "diverged"):
            self.failures[number] = self.failures.get(number, 0) + 1
        if state in ("finished", "pruned", "diverged"):
            self.failed_in_a_row = 0
        elif state != "interrupted" and then != "retry":
            self.failed_in_a_row += 1

    def _learn(self, number: int, outcome: Outcome, then: str) -> None:
        """Take into the history, and into the race, what a trial ended with."""
        seen = replace(self.history[number], losses=(), state="ignored" if then == "ignore" else "failed")
        if outcome.state in ("finished", "pruned") and outcome.value is not None:
            others = (sign * outcome.others[name] for name, sign in self.others.items() if name in outcome.others)
            losses = (self.sign * outcome.value, *others)
            seen = replace(seen, state=outcome.state, losses=losses, epochs=self.trials[number].last_epoch)
        elif outcome.state == "pruned":
            seen = replace(seen, state="ignored")
        else:
            self.curves.pop(number, None)
        self.history.put(seen)
        if outcome.state == "finished":
            self._rank(number, seen.losses)

    def _rank(self, number: int, losses: tuple[float, ...]) -> None:
        self.finished.add(number)
        if number in self.curves:
            self.standings.add(self.curves[number])
        best = self.history[self.best].losses[0] if self.best is not None else float("inf")
        if self.best is None or (losses[0], number) < (best, self.best):
            self.best = number
        if not any(_beats(other, losses) for other in self._front.values()):
            if any(_beats(losses, other) for other in self._front.values()):
                self._front = {trial: other for trial, other in self._front.items() if not _beats(losses, other)}
            self._front[number] = losses


_EVENTS: dict[str, Callable[[Book, Mapping[str, Any]], None]] = {
    "study": Book._begin,
    "opened": Book._reopen,
    "asked": Book._ask,
    "again": Book._ask_again,
    "reported": Book._report,
    "told": Book._tell,
}


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Tell whether losses are nowhere larger than others, and somewhere smaller."""
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


def _nowhere(point: Mapping[str, Any]) -> None:
    del point
