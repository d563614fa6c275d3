"""NoPruner: every trial is carried out to its end."""

from typing import ClassVar, Literal

from dlrun.experiment.tuner.pruners.pruner import Rule
from dlrun.experiment.tuner.pruners.race import Race


class NoPruner(Rule):
    """Every trial is carried out to its end."""

    kind: Literal["none"] = "none"
    never: ClassVar[bool] = True

    def stops(self, trial: int, step: int, race: Race) -> bool:
        del trial, step, race
        return False
