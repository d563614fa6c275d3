"""BestEpoch: which epoch is best so far, and whether to go on."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dlrun.experiment.optimizers.schedules import Mode


class BestEpoch:
    """Watches one value over the epochs of a fit.

    The best epoch is the first with the best value. Patience is counted since the last epoch that improved on the one
    before by more than `min_delta`, as in Keras' EarlyStopping.

    Args:
        monitor: Name of the value; None if there is nothing to watch: then the latest epoch is the best.
        mode: Whether smaller or larger is better.
        patience: Epochs without improvement after which to stop; None never stops.
        min_delta: Smallest change that counts as an improvement.
    """

    def __init__(self, monitor: str | None, mode: Mode, patience: int | None = None, min_delta: float = 0.0) -> None:
        self.monitor = monitor
        self.mode = mode
        self.epoch = 0
        self.value: float | None = None
        self.seen: list[float] = []
        self._patience = patience
        self._min_delta = min_delta
        self._reference = math.inf
        self._waited = 0

    def update(self, epoch: int, values: Mapping[str, float]) -> bool:
        """Take in an epoch.

        Args:
            epoch: Number of the epoch, from 1.
            values: Everything that was measured in it.

        Returns:
            Whether it is the best so far.
        """
        if self.monitor is None:
            self.epoch = epoch
            return True
        value = values[self.monitor]
        self.seen.append(value)
        self._count(value)
        if self.value is not None and not self._cost(value) < self._cost(self.value):
            return False
        self.epoch, self.value = epoch, value
        return True

    @property
    def should_stop(self) -> bool:
        return self.monitor is not None and self._patience is not None and self._waited >= max(self._patience, 1)

    def _count(self, value: float) -> None:
        if self._cost(value) < self._reference - self._min_delta:
            self._reference, self._waited = self._cost(value), 0
        else:
            self._waited += 1

    def _cost(self, value: float) -> float:
        if math.isnan(value):
            return math.inf
        return value if self.mode == "min" else -value
