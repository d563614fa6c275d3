"""Racing: all trials for a few epochs, the best of them to the end."""

from typing import ClassVar, Literal

from pydantic import Field

from dlrun.experiment.tuner.pruners.pruner import Rule
from dlrun.experiment.tuner.pruners.race import Race


class Racing(Rule):
    """All trials for a few epochs; when all have been tried, the best of them go on from there to the end.

    The simplest early decision, and a strong one: Egele et al., 2023, "Is One Epoch All You Need For Multi-Fidelity
    Hyperparameter Optimization?".
    """

    kind: Literal["racing"] = "racing"
    resumable: ClassVar[bool] = True

    epochs: int = Field(5, ge=1)
    """Epochs that every trial is given."""

    keep: int = Field(5, ge=1)
    """Number of trials that go on."""

    @property
    def first_step(self) -> int:
        return self.epochs

    def stops(self, trial: int, step: int, race: Race) -> bool:
        del trial
        return step == self.epochs and (race.num_trials is None or race.num_trials > self.keep)

    def finalists(self, race: Race) -> list[int]:
        losses = {trial: curve.best(self.epochs) for trial, curve in race.curves.items()}
        return sorted(losses, key=lambda trial: (losses[trial], trial))[: self.keep]
