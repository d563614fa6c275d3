"""Race: what is known of all trials while they run, as a pruner sees it."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field


class Curve:
    """The losses that a trial reported, by step: an epoch or a fold, from 1."""

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._best: list[float] = []

    def add(self, step: int, loss: float) -> None:
        """Take a report; one of a step that is already known begins the curve anew from there, as after a retry.

        Args:
            step: Epoch or fold, from 1.
            loss: Small is good; NaN counts as infinite.
        """
        keep = bisect_right(self._steps, step - 1)
        del self._steps[keep:], self._losses[keep:], self._best[keep:]
        loss = float("inf") if math.isnan(loss) else loss
        self._steps.append(step)
        self._losses.append(loss)
        self._best.append(min(loss, self._best[-1]) if self._best else loss)

    @property
    def last(self) -> int:
        """Last step that was reported; 0 if none was."""
        return self._steps[-1] if self._steps else 0

    def best(self, until: int | None = None) -> float:
        """Return the smallest loss up to a step, or of all; infinite if none was reported by then."""
        number = len(self._steps) if until is None else bisect_right(self._steps, until)
        return self._best[number - 1] if number else float("inf")

    def by_step(self) -> dict[int, float]:
        """Return every loss by its step."""
        return dict(zip(self._steps, self._losses, strict=True))


class Standings:
    """What finished trials had reached by each step, kept sorted so that ten thousand of them cost no time.

    Args:
        curves: Curves of the finished trials so far.
    """

    def __init__(self, curves: Iterable[Curve] = ()) -> None:
        self._curves = list(curves)
        self._sorted: dict[int, list[float]] = {}

    def add(self, curve: Curve) -> None:
        """Take a trial that has finished."""
        self._curves.append(curve)

    def at(self, step: int) -> list[float]:
        """Return the smallest loss until a step of every finished trial, in ascending order."""
        losses = self._sorted.setdefault(step, [])
        if not losses:
            losses.extend(sorted(curve.best(step) for curve in self._curves))
        for curve in self._curves[len(losses) :]:
            insort(losses, curve.best(step))
        return losses


@dataclass(frozen=True)
class Race:
    """All trials of a study.

    Args:
        curves: What each trial reported, by its number; trials without a report are absent.
        finished: Trials that were carried out to their end.
        best: The finished trial with the smallest loss; None if none is finished.
        max_epochs: Most epochs of a trial; None if unknown.
        num_trials: Number of trials that the study is to have; None if it is open.
        standings: What the finished trials had reached, of those that reported anything.
    """

    curves: Mapping[int, Curve] = field(default_factory=dict)
    finished: AbstractSet[int] = frozenset()
    best: int | None = None
    max_epochs: int | None = None
    num_trials: int | None = None
    standings: Standings = field(default_factory=Standings)

    def at(self, step: int) -> dict[int, float]:
        """Return the smallest loss until a step of every trial that got there, or that finished before it."""
        return {
            trial: curve.best(step)
            for trial, curve in self.curves.items()
            if curve.last >= step or trial in self.finished
        }
