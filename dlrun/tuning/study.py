"""Study: the search as a state machine over a journal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlrun.tuning.trial import Mode, Outcome, Suggestion, Trial
from dlrun.tuning.tuner import Tuner


class Study:
    """The search as a state machine over a journal; it knows nothing of processes or runs.

        suggestion = study.ask()                  # None: nothing to hand out now
        stop = study.report(trial, epoch, value)  # True: stop this trial, then tell "pruned"
        study.tell(trial, Outcome("finished", value=0.12))

    When `ask` returns None and trials are running, ask again after the next `tell`; when none is running, the study is
    complete (or `stopped` says why it ended early).
    """

    @classmethod
    def open(
        cls,
        folder: Path,
        tuner: Tuner,
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
        raise NotImplementedError

    def ask(self, *, new: bool = True) -> Suggestion | None:
        """Return what to try next; None if there is nothing to hand out now.

        First come trials that were asked for and never told (after a crash) and those to be tried again, then, with
        `new`, new points up to the number of trials, then finalists of `racing`.

        Args:
            new: Whether new points may be asked for; False when time is up and only begun work is to be ended.
        """
        raise NotImplementedError

    def report(self, trial: int, epoch: int, value: float) -> bool:
        """Take the objective's value after an epoch (from 1), or after a fold if `reports` says so; True: stop it."""
        raise NotImplementedError

    def tell(self, trial: int, outcome: Outcome) -> None:
        """Take how a trial ended. By the failure policy it may be handed out again or stop the study."""
        raise NotImplementedError

    @property
    def trials(self) -> list[Trial]:
        """Every trial asked for, by number."""
        raise NotImplementedError

    def pending(self) -> list[int]:
        """Numbers of the trials that were asked for and not told."""
        raise NotImplementedError

    @property
    def best(self) -> Trial | None:
        """The finished trial with the best value, the earliest of equals."""
        raise NotImplementedError

    @property
    def front(self) -> list[Trial]:
        """The finished trials that no other one beats in every objective (Pareto front), by number."""
        raise NotImplementedError

    @property
    def stopped(self) -> str | None:
        """Why the study ended early, by its failure policy; None if it did not."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the lock; also the end of a `with` block."""
