"""Curve: what the epochs of a fit tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import fmean, median
from typing import Any, Literal

Shape = Literal["overfits", "improving", "flat"]
"""The watched value turned for the worse, was still getting better at the last epoch, or did neither."""

_TURNED = 0.01
"""Share by which the last epochs must be worse than the best one to say that the curve turned."""

_NOISE = 2
"""By how many of its usual steps from epoch to epoch the curve must have turned besides..."""

_CLEARLY_TURNED = 0.1
"""...unless it turned by more than this share."""

_STILL_BETTER = 0.02
"""Share by which the last quarter of the epochs must have improved to say that it would go on..."""

_FEWEST_LATE = 3
"""...or the last three, if a quarter is less."""

_FEWEST_AFTER_BEST = 2
_LAST_EPOCHS = 3

_ENOUGH_AFTER_BEST = 5
"""Epochs after the best one, all together worse, that show a rise which one epoch's luck does not explain."""


@dataclass(frozen=True)
class Curve:
    """The epochs of one fit.

    Args:
        training: Training loss of every epoch.
        watched: Validation loss (or another monitored value) of every epoch.
        name: Name of the watched value, such as `val_loss`.
        sign: 1 if lower values are better, -1 if higher ones are.
        learning_rate: Highest learning rate of the fit, if it was recorded.
    """

    training: tuple[float, ...]
    watched: tuple[float, ...]
    name: str
    sign: int
    learning_rate: float | None = None

    @property
    def num_epochs(self) -> int:
        return len(self.training)

    @property
    def late_training(self) -> float:
        """Median training loss of the second half of the epochs."""
        return median(self.training[self.num_epochs // 2 :])

    @cached_property
    def best_epoch(self) -> int:
        """Epoch of the best watched value, from 1; the earliest of equals."""
        values = [self.sign * value for value in self.watched]
        return values.index(min(values)) + 1

    @property
    def best(self) -> float:
        return self.watched[self.best_epoch - 1]

    @property
    def last(self) -> float:
        """Mean watched value of the last epochs after the best one; the best value if it came last."""
        after = self.watched[self.best_epoch :]
        return fmean(after[-_LAST_EPOCHS:]) if after else self.best

    def shape(self, num_epochs_allowed: int | None) -> Shape:
        """Tell how the watched value ends.

        Args:
            num_epochs_allowed: Most epochs that the fit could have taken; None if unknown.
        """
        after_best = self.num_epochs - self.best_epoch
        enough = max(_TURNED * abs(self.best), _NOISE * self._usual_step)
        turned = self.sign * (self.last - self.best) > min(enough, _CLEARLY_TURNED * abs(self.best))
        if after_best >= _FEWEST_AFTER_BEST and turned and self.training[-1] < self.training[self.best_epoch - 1]:
            return "overfits"
        late = min(max(_FEWEST_LATE, self.num_epochs // 4), self.num_epochs - 1)
        before = self.watched[-1 - late] if late else math.nan
        gained = self.sign * (before - self.best) > _STILL_BETTER * abs(before)
        used_up = num_epochs_allowed is None or self.num_epochs >= num_epochs_allowed
        return "improving" if used_up and gained and after_best <= self.num_epochs // 10 else "flat"

    @property
    def rose(self) -> bool:
        """Whether the watched value has got worse since its best epoch, be it by less than `shape` asks for."""
        after = [self.sign * value for value in self.watched[self.best_epoch :]]
        if len(after) < _FEWEST_AFTER_BEST:
            return False
        least = self.sign * self.best + _TURNED * abs(self.best)
        steadily = after[0] > self.sign * self.best and all(later >= earlier for earlier, later in pairwise(after))
        together = len(after) >= _ENOUGH_AFTER_BEST and fmean(after) > least
        beyond_noise = self.sign * (self.last - self.best) > _NOISE * self._usual_step
        return self.sign * self.last > least and (steadily or beyond_noise or together)

    @property
    def _usual_step(self) -> float:
        """Median change of the watched value from one epoch to the next, up or down, in the second half."""
        late = self.watched[self.num_epochs // 2 :]
        return median([abs(later - earlier) for earlier, later in pairwise(late)] or [0.0])

    @property
    def falls(self) -> bool:
        """Whether the training loss fell in each of the last epochs."""
        late = self.training[-1 - _FEWEST_LATE :]
        return len(late) > 1 and all(later < earlier for earlier, later in pairwise(late))

    def is_jagged(self, baseline: float | None) -> bool:
        """Whether the training loss leaps about, as it does where the learning rate is too high.

        Args:
            baseline: Loss of the baseline, for scale; None if unknown.
        """
        scale = max(baseline or 0.0, abs(self.late_training))  # the epochs' may hold penalties and weights
        leaps = sum(later - earlier > 0.1 * scale for earlier, later in pairwise(self.training))
        return leaps >= max(1, (self.num_epochs - 1) // 4) or max(self.training) > 10 * max(scale, 1e-12)


def curves(history: Sequence[Mapping[str, Any]], monitor: str | None, mode: Literal["min", "max"]) -> list[Curve]:
    """Read the curve of each fold.

    Args:
        history: Rows of `history.csv`, with `epoch`, `loss` and the watched value, and `fold` if there are several.
        monitor: Name of the value that early stopping watches; `val_loss` is looked at first where it exists.
        mode: Whether lower or higher values of the monitor are better.

    Returns:
        One for each fold with a watched value; the refit, which has none, is left out.
    """
    by_fold: dict[int, list[Mapping[str, Any]]] = {}
    for row in history:
        by_fold.setdefault(int(row.get("fold", 0)), []).append(row)
    found: list[Curve] = []
    for rows in by_fold.values():
        name = "val_loss" if _has(rows, "val_loss") else monitor
        if name is None or not _has(rows, name) or not _has(rows, "loss"):
            continue
        sign = 1 if name == "val_loss" or mode == "min" else -1
        rates = [float(rate) for row in rows if (rate := row.get("learning_rate")) is not None]
        training, watched = (tuple(float(row[column]) for row in rows) for column in ("loss", name))
        found.append(Curve(training, watched, name, sign, max(rates, default=None)))
    return found


def _has(rows: Sequence[Mapping[str, Any]], column: str) -> bool:
    values = [row.get(column) for row in rows]
    return all(value is not None and math.isfinite(value) for value in values)
