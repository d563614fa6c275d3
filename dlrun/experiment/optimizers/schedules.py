"""Schedules: the learning rate of every step, as a pure function of what happened before.

Because a schedule keeps no state, a resumed run goes on with exactly the rates it would have had.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import ByKind, Items, Settings

Mode = Literal["min", "max"]


@dataclass(frozen=True)
class Progress:
    """How far a fit has come.

    Args:
        base: The optimizer's learning rate.
        done: Epochs done at each step of this epoch, of shape (steps,).
        num_epochs: Most epochs that the fit may take.
        monitored: The monitored value of every finished epoch.
        mode: Whether smaller or larger values are better.
    """

    base: float
    done: NDArray[np.float64]
    num_epochs: int
    monitored: Sequence[float]
    mode: Mode


class ScheduleSettings(Settings, ABC):
    """Base of every schedule."""

    kind: str

    warmup_epochs: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Epochs, or a part of one, over which the rate rises linearly from nothing; decays begin after them."""

    def rates(
        self,
        base: float,
        epoch: int,
        steps: int,
        num_epochs: int,
        monitored: Sequence[float] = (),
        mode: Mode = "min",
    ) -> NDArray[np.float32]:
        """Return the learning rate of every step of an epoch.

        Args:
            base: The optimizer's learning rate.
            epoch: Number of the epoch, from 0.
            steps: Steps of an epoch.
            num_epochs: Most epochs that the fit may take.
            monitored: The monitored value of every finished epoch; only `plateau` looks at it.
            mode: Whether smaller or larger values are better.

        Returns:
            Rates of shape (steps,).
        """
        done = epoch + np.arange(steps) / steps
        rates = base * self._factors(Progress(base, done, num_epochs, monitored[:epoch], mode))
        if self.warmup_epochs:
            rates = rates * (np.minimum(done + 1 / steps, self.warmup_epochs) / self.warmup_epochs)
        return rates.astype(np.float32)

    @abstractmethod
    def _factors(self, progress: Progress) -> NDArray[np.float64]:
        """Return what the base rate is multiplied by at each step."""

    def _decaying(self, progress: Progress) -> NDArray[np.float64]:
        """Return how many epochs are done since the warm-up."""
        return np.maximum(0.0, progress.done - self.warmup_epochs)


class Constant(ScheduleSettings):
    """The same rate always."""

    kind: Literal["constant"] = "constant"

    def _factors(self, progress: Progress) -> NDArray[np.float64]:
        return np.ones_like(progress.done)


class Cosine(ScheduleSettings):
    """Half a cosine from the full rate down to `alpha`, over all epochs (Loshchilov and Hutter 2016)."""

    kind: Literal["cosine"] = "cosine"

    alpha: float = Field(default=0.0, ge=0, le=1)
    """Share of the rate that is left at the end."""

    cycles: int = Field(default=1, ge=1)
    """How often to start again from the full rate, all cycles being equally long."""

    def cycle_ends(self, num_epochs: int) -> tuple[int, ...]:
        """Return the epochs, from 1, that cycles end with; none unless all cycles take whole epochs.

        Args:
            num_epochs: Epochs of the fit.
        """
        length = (num_epochs - self.warmup_epochs) / self.cycles
        if length < 1 or not length.is_integer() or not float(self.warmup_epochs).is_integer():
            return ()
        return tuple(int(self.warmup_epochs + length * cycle) for cycle in range(1, self.cycles + 1))

    def _factors(self, progress: Progress) -> NDArray[np.float64]:
        length = max(progress.num_epochs - self.warmup_epochs, 0.0) / self.cycles
        if length == 0:
            return np.ones_like(progress.done)
        elapsed = np.minimum(self._decaying(progress) / length, self.cycles)
        phase = np.where(elapsed < self.cycles, elapsed % 1, 1.0)
        return (1 - self.alpha) * 0.5 * (1 + np.cos(math.pi * phase)) + self.alpha


class Exponential(ScheduleSettings):
    """Multiply by the same factor every epoch, spread evenly over its steps."""

    kind: Literal["exponential"] = "exponential"

    decay_rate: float = Field(default=0.95, gt=0, le=1)
    """Factor for each epoch."""

    staircase: bool = False
    """Whether to decay at the ends of epochs instead of at every step."""

    def _factors(self, progress: Progress) -> NDArray[np.float64]:
        epochs = self._decaying(progress)
        return np.asarray(self.decay_rate ** (np.floor(epochs) if self.staircase else epochs), np.float64)


class Step(ScheduleSettings):
    """Multiply by a factor after certain epochs."""

    kind: Literal["step"] = "step"

    epochs: Items[Annotated[int, Field(ge=1)]] = ()
    """After how many epochs to multiply: [10, 20] acts on epochs 11 and 21."""

    every: int | None = Field(default=None, ge=1)
    """Number of epochs after which to multiply, again and again; instead of `epochs`."""

    factor: float = Field(default=0.1, gt=0, le=1)
    """What to multiply by."""

    @model_validator(mode="after")
    def _epochs_or_every(self) -> Self:
        if bool(self.epochs) == bool(self.every):
            raise PydanticCustomError("epochs_or_every", "expected either epochs or every")
        return self

    def _factors(self, progress: Progress) -> NDArray[np.float64]:
        epochs = np.floor(progress.done)
        times = epochs // self.every if self.every else (epochs[:, None] >= np.array(self.epochs)).sum(axis=1)
        return np.asarray(self.factor**times, np.float64)


class Plateau(ScheduleSettings):
    """Multiply by a factor when the monitored value stops improving, as Keras' ReduceLROnPlateau does.

    The value is the one that early stopping watches.
    """

    kind: Literal["plateau"] = "plateau"

    factor: float = Field(default=0.1, gt=0, lt=1)
    """What to multiply by."""

    patience: int = Field(default=10, ge=1)
    """Epochs without improvement after which to multiply."""

    min_delta: float = Field(default=1e-4, ge=0, allow_inf_nan=False)
    """Smallest change that counts as an improvement."""

    cooldown: int = Field(default=0, ge=0)
    """Epochs to wait after a reduction before counting again."""

    min_learning_rate: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Rate below which not to go."""

    def _factors(self, progress: Progress) -> NDArray[np.float64]:
        rate, best, waited, cooling = progress.base, math.inf, 0, 0
        for value in progress.monitored:
            cost = value if progress.mode == "min" else -value
            if cooling:
                cooling, waited = cooling - 1, 0
            if cost < best - self.min_delta:
                best, waited = cost, 0
            elif not cooling:
                waited += 1
                if waited >= self.patience and rate > self.min_learning_rate:
                    rate = max(rate * self.factor, self.min_learning_rate)
                    waited, cooling = 0, self.cooldown
        return np.full_like(progress.done, rate / progress.base)


Schedule = Annotated[Constant | Cosine | Exponential | Step | Plateau, Field(discriminator="kind"), ByKind()]
