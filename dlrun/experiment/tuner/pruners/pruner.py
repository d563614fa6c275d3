"""Pruner: the base of the rules that stop trials early."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from dlrun.base.settings import Settings
from dlrun.experiment.tuner.pruners.race import Race


class Rule(Settings, ABC):
    """Base of the pruners: pure functions of what all trials reported. The config as written is never stopped."""

    kind: str

    per: ClassVar[Literal["epoch", "fold"]] = "epoch"
    """What a trial reports: its objective after every epoch of the first fold, or the score of every fold."""

    never: ClassVar[bool] = False
    """Whether no trial is stopped, whatever it reports."""

    resumable: ClassVar[bool] = False
    """Whether a trial that was stopped may be carried to the end later, and is to store its state for that."""

    @property
    def first_step(self) -> int:
        """First epoch or fold after which a trial may be stopped."""
        return 1

    @abstractmethod
    def stops(self, trial: int, step: int, race: Race) -> bool:
        """Tell whether a trial that has just reported a step is to be stopped.

        Args:
            trial: Its number.
            step: The epoch or the fold, from 1; its loss is in the race already.
            race: All trials.
        """

    def finalists(self, race: Race) -> list[int]:
        """Return which trials are to be carried to the end if there are no further ones, the best first.

        Args:
            race: All trials so far.
        """
        del race
        return []
