"""Close calls: the rows and classes whose decision one more member can turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

_ONE_VOICE = 1.001
"""Lead of a class, in sums of probabilities, that one more member cannot turn, rounding included."""

_AT_ONCE = 300_000
"""Numbers that are worked on at a time, so that they stay near the processor."""


class CloseCalls:
    """The decisions after one more member, worked out only where that member can change them.

    A row is settled if a false class leads the true one, or the true one leads all others, by more than one member can
    give. In the other rows only the rivals count: the false classes that are not so far behind.

    Args:
        total: Sums of probabilities, the true class first, then the others by code, shape (classes, rows).
        y_true: Codes of the true classes, shape (rows,).
    """

    def __init__(self, total: Array, y_true: NDArray[Any]) -> None:
        lead = total[0] - total[1:]
        lost = (lead < -_ONE_VOICE).any(axis=0)
        near = (lead <= _ONE_VOICE) & ~lost
        num_rivals = near.sum(axis=0)
        self.settled: NDArray[np.bool_] = ~lost & (num_rivals == 0)
        """Whether a row is decided rightly whatever the member says, shape (rows,)."""
        self.rows = np.argsort(-num_rivals, kind="stable")[: np.count_nonzero(num_rivals)]
        """The rows that are not settled, those with most rivals first."""

        # The first rivals of all rows, then the second ones of those that have two, and so on: each round is a slice.
        place, rival = np.nonzero(near[:, self.rows].T)
        first = np.cumsum(num_rivals[self.rows]) - num_rivals[self.rows]
        rounds = np.arange(len(place)) - first[place]
        by_round = np.argsort(rounds.astype(np.int16), kind="stable")
        self._widths = np.bincount(rounds).tolist()
        self._lower = rival[by_round] < y_true[self.rows][place[by_round]]
        num_rows = total.shape[1]
        self._where = np.concatenate([self.rows, (rival[by_round] + 1) * num_rows + self.rows[place[by_round]]])
        self._total = total.reshape(-1)[self._where]

    def after(self, material: Array, members: NDArray[np.int64]) -> Iterator[NDArray[np.bool_]]:
        """Yield which rows of `rows` are decided rightly after each member, some members at a time.

        Args:
            material: Probabilities in the order of the sums, shape (all members, classes, rows).
            members: Positions of those to try.

        Yields:
            Arrays of shape (some members, `rows`).
        """
        flat, total = material.reshape(len(material), -1), self._total.astype(material.dtype)
        step = max(1, _AT_ONCE // max(1, len(total)))
        buffer = np.empty((min(step, len(members)), len(total)), material.dtype)
        for start in range(0, len(members), step):
            tried = members[start : start + step]
            sums = buffer[: len(tried)]
            for member, own in zip(tried, sums, strict=True):
                np.take(flat[member], self._where, out=own, mode="clip")  # without a mode, out is copied
            sums += total
            yield self._right(sums)

    def _right(self, sums: Array) -> NDArray[np.bool_]:
        true, rivals = sums[:, : len(self.rows)], sums[:, len(self.rows) :]
        best = rivals[:, : len(self.rows)].copy()
        start = 0
        for width in self._widths:
            np.maximum(best[:, :width], rivals[:, start : start + width], out=best[:, :width])
            start += width
        rightly: NDArray[np.bool_] = true > best
        equal = true == best
        if equal.any():  # of equal probabilities the lowest code is decided for
            for member, place in np.argwhere(equal):
                starts = np.cumsum([0, *self._widths])
                own = place + starts[:-1][place < np.array(self._widths)]
                ahead = self._lower[own] & (rivals[member, own] == true[member, place])
                rightly[member, place] = not ahead.any()
        return rightly
