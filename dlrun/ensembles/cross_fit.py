"""Cross-fitting: predictions by members and weights that were chosen without the rows that they are scored on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dlrun.ensembles.members.admission import Admission
from dlrun.ensembles.members.stack import Places, Stack
from dlrun.ensembles.methods import combine as combining
from dlrun.ensembles.methods.combination import Combination
from dlrun.ensembles.methods.method import Method

_STREAM = 0xC405
"""Sets the division apart from other random numbers made of the same seed."""

_MOST_INNER = 4
"""Blocks that the rows outside a part are divided into, where a choice is made without that part."""

Fitted = tuple[Places, Combination]


def divide(stack: Stack, num_parts: int, seed: int) -> NDArray[np.int64]:
    """Divide the rows at random into parts of equal size, with even shares of the classes.

    Args:
        stack: The rows; predictions of the same row stay together.
        num_parts: Parts wanted; there are fewer if there are fewer rows.
        seed: Same seed and rows, same parts.

    Returns:
        The part of each prediction, shape (rows,).
    """
    rows, first, place = np.unique(stack.rows, return_index=True, return_inverse=True)
    generator = np.random.default_rng([seed, _STREAM])
    order = generator.permutation(len(rows))
    if stack.task in {"binary", "multiclass"}:
        order = order[np.argsort(stack.y_true[first][order], kind="stable")]
    parts = np.empty(len(rows), dtype=np.int64)
    parts[order] = np.arange(len(rows)) % min(num_parts, len(rows))
    divided: NDArray[np.int64] = parts[place]
    return divided


@dataclass(frozen=True)
class CrossFit:
    """Fits methods to the rows outside some parts, each once: who may count is decided by those rows too.

    Args:
        stack: Members and true values.
        metric: Name of the metric to score best by.
        parts: Part of each prediction, as `divide` returns it.
        admission: Who may count.
        seed: Where random numbers come from.
        max_members: As in `combining.fit`.
    """

    stack: Stack
    metric: str
    parts: NDArray[np.int64]
    admission: Admission
    seed: int
    max_members: int | None = None
    _admitted: dict[frozenset[int], Places] = field(default_factory=dict, init=False, repr=False)
    _fits: dict[tuple[str, frozenset[int]], Fitted | None] = field(default_factory=dict, init=False, repr=False)

    @property
    def num_parts(self) -> int:
        return int(self.parts.max()) + 1

    def predictions(self, method: Method) -> NDArray[np.float64]:
        """Predict every part with what was fitted to the others, shape (rows, outputs).

        Raises:
            UsageError: These members cannot be combined in this way.
        """
        combined = np.empty((self.stack.num_rows, self.stack.num_outputs))
        for part in range(self.num_parts):
            combined[self.parts == part] = self.predict_part(method, part)
        return combined

    def predict_part(self, method: Method, part: int) -> NDArray[np.float64]:
        """Predict one part with what was fitted to the others; raises UsageError."""
        return self._predict(method, [part], frozenset([part]))

    def predictions_without(self, method: Method, part: int) -> NDArray[np.float64] | None:
        """Predict the rows outside a part as `predictions` does, with nothing that has seen that part.

        Returns:
            Shape (rows outside, outputs), in the order of the rows; None if they are too few to be divided again.

        Raises:
            UsageError: These members cannot be combined in this way.
        """
        others = [other for other in range(self.num_parts) if other != part]
        blocks = [others[start::_MOST_INNER] for start in range(min(_MOST_INNER, len(others)))]
        if len(blocks) < 2:
            return None
        combined = np.empty((self.stack.num_rows, self.stack.num_outputs))
        for block in blocks:
            combined[np.isin(self.parts, block)] = self._predict(method, block, frozenset([part, *block]))
        outside: NDArray[np.float64] = combined[self.parts != part]
        return outside

    def _predict(self, method: Method, parts: Iterable[int], without: frozenset[int]) -> NDArray[np.float64]:
        """Predict some parts with what was fitted without others; where nobody may count, the baseline speaks."""
        inside = np.flatnonzero(np.isin(self.parts, list(parts)))
        fitted = self._fitted(method, without)
        if fitted is None:
            return self.admission.common[inside]
        return combining.predict(fitted, self.stack.y_pred[:, inside])

    def _fitted(self, method: Method, without: frozenset[int]) -> Fitted | None:
        key = method.title, without
        if key not in self._fits:
            rows = np.flatnonzero(~np.isin(self.parts, list(without)))
            if without not in self._admitted:
                self._admitted[without] = self.admission.places(self.stack, self.metric, rows)
            self._fits[key] = self._fit(method, self._admitted[without], rows)
        return self._fits[key]

    def _fit(self, method: Method, members: Places, rows: Places) -> Fitted | None:
        if not len(members):
            return None
        part = self.stack.of_members(members).of_rows(rows)
        places, combination = combining.fit(method, part, self.metric, seed=self.seed, max_members=self.max_members)
        return members[places], combination
