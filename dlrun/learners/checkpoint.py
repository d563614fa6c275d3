"""Checkpoint: named arrays and facts that a fit goes on from, or that it ended with."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

_OF_SNAPSHOT = re.compile(r"snapshot-([0-9]{1,9})/")

SHARE = 0.015
"""Share of the training time that writing checkpoints may take."""


@dataclass(frozen=True)
class Checkpoint:
    """What one checkpoint file holds.

    Args:
        arrays: Arrays by name.
        facts: Plain values.
    """

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def group(self, prefix: str) -> list[NDArray[Any]]:
        """Return the arrays whose names are a prefix and a position, such as `best/0007/...`, in that order."""
        positions = {name: name.removeprefix(prefix).split("/")[0] for name in self.arrays if name.startswith(prefix)}
        chosen = {int(position): name for name, position in positions.items() if position.isdecimal()}
        return [self.arrays[chosen[position]] for position in sorted(chosen)]

    def snapshots(self, prefix: str = "") -> dict[int, dict[str, NDArray[Any]]]:
        """Return the arrays of every snapshot, whose names are `snapshot-EPOCH/`, a prefix and a name, by epoch."""
        found: dict[int, dict[str, NDArray[Any]]] = {}
        for name, values in self.arrays.items():
            matched = _OF_SNAPSHOT.match(name)
            own = name[matched.end() :] if matched else ""
            if matched and own.startswith(prefix):
                found.setdefault(int(matched[1]), {})[own.removeprefix(prefix)] = values
        return dict(sorted(found.items()))


class Pace:
    """Tells when a checkpoint is due: not before its time, and so seldom that it costs next to nothing.

    Args:
        seconds: Least time between two checkpoints; with 0 one is always due.
        clock: Seconds since some moment.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last = clock()
        self._cost = 0.0

    def expect(self, seconds: float) -> None:
        """Take it that a checkpoint takes so long, until the first one was measured.

        Args:
            seconds: Estimated time of writing one.
        """
        self._cost = self._cost or seconds

    @property
    def due(self) -> bool:
        wait = max(self._seconds, self._cost / SHARE) if self._seconds else 0.0
        return self._clock() - self._last >= wait

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Write a checkpoint in the block; the next is due the later, the longer it took."""
        began = self._clock()
        yield
        self._last = self._clock()
        self._cost = self._last - began
