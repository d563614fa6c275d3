"""Study: the search as a state machine over a journal."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from dlrun.experiment.tuner.pruners.race import Race
from dlrun.experiment.tuner.search import Tuning
from dlrun.studies.state.book import Book
from dlrun.studies.state.facts import StudyDiffers, facts_of, require_own_points, require_same
from dlrun.studies.state.journal import Journal, StudyLocked
from dlrun.studies.state.trial import FAILURES, Mode, Outcome, Suggestion, Trial

__all__ = ["Mode", "Outcome", "Study", "StudyDiffers", "StudyLocked", "Suggestion", "Trial"]


class Study:
    """The search as a state machine over a journal; it knows nothing of processes or runs.

        suggestion = study.ask()                  # None: nothing to hand out now
        stop = study.report(trial, epoch, value)  # True: stop this trial, then tell "pruned"
        study.tell(trial, Outcome("finished", value=0.12))

    When `ask` returns None and trials are running, ask again after the next `tell`; when none is running, the study is
    complete (or `stopped` says why it ended early). `Study.open` makes one.
    """

    def __init__(
        self, journal: Journal, book: Book, tuner: Tuning, sampler: Any, num_trials: int | None, max_epochs: int | None
    ) -> None:
        self._journal = journal
        self._book = book
        self._tuner = tuner
        self._sampler = sampler
        self._num_trials = num_trials
        self._max_epochs = max_epochs
        self._is_exhausted = False

    @classmethod
    def open(
        cls,
        folder: Path,
        tuner: Tuning,
        *,
        seed: int,
        mode: Mode,
        num_trials: int | None = None,
        written: Mapping[str, Any] | None = None,
        others: Mapping[str, Mode] | None = None,
        max_epochs: int | None = None,
    ) -> Study:
        """Create a study in a folder, or continue the one that is there, and lock it.

        Args:
            folder: The study's run folder; the study keeps `journal.jsonl` and `study.lock` in it.
            tuner: The search.
            seed: The experiment's seed, which the tuner's own replaces if it has one.
            mode: Whether the objective is to be small or large.
            num_trials: Number of trials, trial 0 included, instead of the tuner's own; a larger one extends a study.
            written: The complete config as nested plain values in the written form (every default filled in), to see
                where trial 0 lies in the space; without it the samplers learn nothing from trial 0.
            others: Modes of the further objectives by name.
            max_epochs: Most epochs of a trial, which `hyperband` needs.

        Raises:
            StudyLocked: Another driver holds the study; its host and pid are named.
            StudyDiffers: The folder holds a study of another space, kind, seed or objective.
            StorageError: The journal cannot be read or written, or is damaged.
            ConfigError: The constraints leave no point.
        """
        seed = seed if tuner.seed == "auto" else tuner.seed
        sampler = tuner.sampler(seed, written or {})
        facts = facts_of(tuner, seed, mode, others or {})
        journal = Journal(folder)
        try:
            book = Book(sampler.coordinates)
            book.replay(journal.events, folder)
            require_same(book.facts or facts, facts, folder)
            require_own_points(book.trials, sampler, folder)
            if not book.facts:
                book.apply(journal.append("study", **facts))
            book.apply(journal.append("opened", host=socket.gethostname(), pid=os.getpid()))
            journal.events.clear()
        except BaseException:
            journal.close()
            raise
        return cls(journal, book, tuner, sampler, num_trials or tuner.trials, max_epochs)

    def prepare(self) -> None:
        """Load what suggestions need, while the workers get ready."""
        self._sampler.prepare()

    def ask(self, *, new: bool = True) -> Suggestion | None:
        """Return what to try next; None if there is nothing to hand out now.

        First come trials that were asked for and never told (after a crash) and those to be tried again, then, with
        `new`, new points up to the number of trials, then finalists of `racing`.

        Args:
            new: Whether new points may be asked for; False when time is up and only begun work is to be ended.

        Raises:
            StorageError: The journal could not be written; nothing was asked.
        """
        if self.stopped:
            return None
        if self._book.waiting:
            return self._again(min(self._book.waiting))
        if new and not self._is_complete:
            suggestion = self._new(len(self._book.trials))
            if suggestion:
                return suggestion
            self._is_exhausted = True
        return self._finalist()

    def _new(self, number: int) -> Suggestion | None:
        point = self._sampler.suggest(number, self._book.history) if number else self._sampler.written()
        if point is None:
            return None
        overrides = self._sampler.overrides(point) if number else {}
        self._log("asked", trial=number, point=point, overrides=overrides, seen=self._visible())
        return self._suggestion(number)

    def _again(self, number: int, *, to_the_end: bool = False) -> Suggestion:
        attempt = self._book.trials[number].attempt + 1
        self._log("again", trial=number, attempt=attempt, to_the_end=to_the_end or number in self._book.to_the_end)
        return self._suggestion(number)

    def _finalist(self) -> Suggestion | None:
        """Return a trial that was stopped early and is to go on now that no trial before it is running."""
        if set(self.pending()) - self._book.to_the_end:
            return None
        for number in self._tuner.pruner.finalists(self._race()):
            if self._book.trials[number].state == "pruned":
                return self._again(number, to_the_end=True)
        return None

    def _suggestion(self, number: int) -> Suggestion:
        trial = self._book.trials[number]
        return Suggestion(number, trial.point, trial.overrides, trial.attempt, number in self._book.to_the_end)

    def report(self, trial: int, epoch: int, value: float, *, complete: bool = False) -> bool:
        """Take the objective's value after an epoch, or after a fold where `reports` is `fold`.

        Args:
            trial: Its number.
            epoch: The epoch or fold, from 1.
            value: The objective; NaN and infinite values count as the worst.
            complete: Whether nothing of the trial is left to be trained, so that to stop it would save nothing.

        Returns:
            Whether the trial is to be stopped. Trial 0, those carried to the end and complete ones never are.
        """
        self._require_pending(trial)
        written = float(value) if math.isfinite(value) else None
        self._log("reported", durable=False, trial=trial, epoch=epoch, value=written)
        if complete or trial == 0 or trial in self._book.to_the_end:
            return False
        return self._tuner.pruner.stops(trial, epoch, self._race())

    def tell(self, trial: int, outcome: Outcome) -> None:
        """Take how a trial ended. By the failure policy it may be handed out again or stop the study.

        Args:
            trial: Its number.
            outcome: How it ended.

        Raises:
            ValueError: The trial is not running, or a finished one lacks a finite value of an objective.
            StorageError: The journal could not be written; nothing was told.
        """
        self._require_pending(trial)
        if outcome.state == "pruned" and outcome.value is None and trial in self._book.curves:
            reached = self._book.sign * self._book.curves[trial].best()
            outcome = replace(outcome, value=reached if math.isfinite(reached) else None)
        outcome.require_values(self._book.others)
        then = self._then(trial, outcome)
        stopped = self._reason_to_stop(outcome, then)
        values = {name: value for name, value in asdict(outcome).items() if value not in (None, {})}
        last = self._book.curves[trial].last if trial in self._book.curves else 0
        self._log("told", trial=trial, outcome=values, last_epoch=last, then=then, stopped=stopped)

    def _then(self, trial: int, outcome: Outcome) -> str:
        """Return what becomes of a trial by the failure policy; `end` if it did not fail."""
        if outcome.state not in FAILURES:
            return "end"
        policy = str(getattr(self._tuner.failures, outcome.state))
        if policy == "retry" and self._book.failures.get(trial, 0) >= self._tuner.failures.retries:
            return "penalize"
        return policy

    def _reason_to_stop(self, outcome: Outcome, then: str) -> str | None:
        reason = f": {outcome.reason}" if outcome.reason else ""
        if then == "stop":
            return f"a trial ended as {outcome.state.replace('_', ' ')}{reason}"
        most = self._tuner.failures.stop_after
        counts = outcome.state in FAILURES and outcome.state != "diverged" and then != "retry"
        if counts and most and self._book.failed_in_a_row + 1 >= most:
            return f"{self._book.failed_in_a_row + 1} trials failed one after the other, the last one{reason}"
        return None

    @property
    def reports(self) -> str:
        """What trials report: `epoch`, their objective after every epoch of the first fold, or `fold`, their folds."""
        return self._tuner.pruner.per

    @property
    def trials(self) -> list[Trial]:
        """Every trial asked for, by number."""
        return self._book.table()

    def pending(self) -> list[int]:
        """Numbers of the trials that were asked for and not told."""
        return self._book.pending()

    @property
    def best(self) -> Trial | None:
        """The finished trial with the best value, the earliest of equals."""
        return None if self._book.best is None else self._book.trials[self._book.best]

    @property
    def front(self) -> list[Trial]:
        """The finished trials that no other one beats in every objective (Pareto front), by number."""
        return [self._book.trials[number] for number in self._book.front]

    @property
    def paused(self) -> set[int]:
        """Trials that were stopped early, and go on if no better ones come: nothing of them may be removed."""
        candidates = self._tuner.pruner.finalists(self._race())
        return {number for number in candidates if self._book.trials[number].state == "pruned"}

    @property
    def stopped(self) -> str | None:
        """Why the study ended early, by its failure policy; None if it did not. Opening it again lifts this."""
        return self._book.stopped

    @property
    def num_trials(self) -> int | None:
        """Number of trials that the study is to have; None if its points alone bound it."""
        return self._num_trials

    @property
    def is_exhausted(self) -> bool:
        """Whether all trials have been begun, or the points that there are have all been tried."""
        if self._is_complete:
            return True
        number = len(self._book.trials)
        return number > 0 and self._num_trials is None and self._sampler.suggest(number, self._book.history) is None

    @property
    def is_out_of_points(self) -> bool:
        """Whether the search ended before its number of trials because there was no further point to try."""
        return self._is_exhausted and (self._num_trials is None or len(self._book.trials) < self._num_trials)

    def close(self) -> None:
        """Close the journal and release the lock; so does the end of a `with` block."""
        self._journal.close()

    def __enter__(self) -> Study:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _is_complete(self) -> bool:
        return self._is_exhausted or (self._num_trials is not None and len(self._book.trials) >= self._num_trials)

    def _log(self, event: str, *, durable: bool = True, **values: Any) -> None:
        self._book.apply(self._journal.append(event, durable=durable, **values))

    def _race(self) -> Race:
        book = self._book
        return Race(book.curves, book.finished, book.best, self._max_epochs, self._num_trials, book.standings)

    def _visible(self) -> dict[str, str]:
        pending = self.pending()
        told = sorted(set(range(len(self._book.trials))).difference(pending))
        return {"told": _ranges(told), "pending": _ranges(pending)}

    def _require_pending(self, trial: int) -> None:
        if not 0 <= trial < len(self._book.trials) or self._book.trials[trial].state != "pending":
            raise ValueError(f"trial {trial} is not running")


def _ranges(numbers: Iterable[int]) -> str:
    """Write ascending numbers compactly: `0-4,6`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
