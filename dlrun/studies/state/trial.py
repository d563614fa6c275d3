"""Trial: what a study asks for, and what it is told of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["finished", "pruned", "failed", "diverged", "out_of_memory", "lost", "interrupted"]
"""How carrying out a trial ended: `failed` is an error of the code or of the data, `lost` a worker that died."""

FAILURES = ("failed", "diverged", "out_of_memory", "lost")
"""The ends that left no score."""

Mode = Literal["min", "max"]
"""Whether small or large values of an objective are good."""


@dataclass(frozen=True)
class Suggestion:
    """What a trial is to try.

    Args:
        trial: Number of the trial; 0 is the config as written.
        point: The searched values by label, plain, for tables; those of options that were not chosen are absent.
        overrides: Plain values by config path, ready to be set in the config as written.
        attempt: How often the trial was handed out before, after failures and crashes.
        to_the_end: Whether the trial was stopped early, is one of the best, and must now be trained to the end: from
            its last checkpoint, or afresh. Its reports never stop it again.
    """

    trial: int
    point: dict[str, Any]
    overrides: dict[str, Any]
    attempt: int = 0
    to_the_end: bool = False


@dataclass(frozen=True)
class Outcome:
    """How carrying out a trial ended.

    Args:
        state: Whether it finished, and if not, why. `interrupted` puts the trial back: it is handed out again when the
            study goes on.
        value: Value of the objective; finite. A finished trial has one; a pruned one may have what it reached.
        run: Id of its run folder.
        reason: Message of the error.
        epochs: Number of epochs that were trained, all folds together.
        seconds: Wall time.
        others: Values of the further objectives by name, such as `parameters`.
    """

    state: State
    value: float | None = None
    run: str | None = None
    reason: str | None = None
    epochs: int | None = None
    seconds: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)

    def require_values(self, others: Iterable[str]) -> None:
        """Raise ValueError unless all values are finite and, if it finished, there is one of every objective.

        Args:
            others: Names of the further objectives.
        """
        known = [self.value, *(self.others.get(name) for name in others)]
        given = [value for value in known if value is not None]
        if self.state == "finished" and len(given) < len(known):
            raise ValueError(f"a finished trial needs a value of every objective, found {known}")
        if not all(map(math.isfinite, given)):
            raise ValueError(f"expected finite values, found {known}; a loss that is none is told as diverged")


@dataclass(frozen=True)
class Trial:
    """One trial of a study as it stands.

    Args:
        id: Its number; 0 is the config as written.
        point: The searched values by label; labels without a value are absent.
        overrides: Plain values by config path.
        state: `pending` from asking until it is told how it ended.
        outcome: How its last attempt ended; None while it is pending.
        attempt: How often it was handed out again.
        last_epoch: Last epoch that was reported; 0 if none was.
    """

    id: int
    point: dict[str, Any]
    overrides: dict[str, Any]
    state: Literal["pending"] | State = "pending"
    outcome: Outcome | None = None
    attempt: int = 0
    last_epoch: int = 0

    @property
    def value(self) -> float | None:
        """Value of the objective, or what it reached when it was pruned; None without one."""
        return self.outcome.value if self.outcome else None
