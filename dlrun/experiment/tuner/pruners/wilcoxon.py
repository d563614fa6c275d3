"""Wilcoxon: with K-fold, a trial stops between folds once it is clearly worse than the best one."""

from typing import ClassVar, Literal

from pydantic import Field

from dlrun.experiment.tuner.pruners.pruner import Rule
from dlrun.experiment.tuner.pruners.race import Race


class Wilcoxon(Rule):
    """With K-fold, a trial stops between folds if a signed-rank test finds its folds worse than the best trial's.

    Wilcoxon, 1945, "Individual Comparisons by Ranking Methods", one-sided and exact, as SciPy's `wilcoxon`; three folds
    that are all worse have p = 0.125, four have 0.0625. A trial whose mean over the same folds is no worse goes on.
    """

    kind: Literal["wilcoxon"] = "wilcoxon"

    per: ClassVar[Literal["epoch", "fold"]] = "fold"

    p: float = Field(0.15, gt=0, lt=1)
    """A trial stops at a p-value below this one."""

    min_folds: int = Field(2, ge=1)
    """Folds that every trial is given."""

    @property
    def first_step(self) -> int:
        return self.min_folds

    def stops(self, trial: int, step: int, race: Race) -> bool:
        if race.best is None or race.best == trial or race.best not in race.curves or step < self.min_folds:
            return False
        own, best = race.curves[trial].by_step(), race.curves[race.best].by_step()
        differences = [own[fold] - best[fold] for fold in own if fold in best]
        if len(differences) < self.min_folds or not sum(differences) > 0:
            return False
        return _p_value(differences) < self.p


def _p_value(differences: list[float]) -> float:
    """Return how likely differences at least as positive are if their signs are random."""
    from scipy.stats import wilcoxon

    finite = [min(difference, 1e300) for difference in differences if difference != 0]
    return float(wilcoxon(finite, alternative="greater", method="auto").pvalue) if finite else 1.0
