"""TPE: tree-structured Parzen estimators, through Hyperopt."""

from typing import Any, Literal

from pydantic import Field

from dlrun.experiment.tuner.samplers.history import History
from dlrun.experiment.tuner.samplers.hyperopt_draws import HyperoptSampler, visible
from dlrun.experiment.tuner.search import Draws
from dlrun.experiment.tuner.space.space import Space


class TPE(Draws):
    """Tree-structured Parzen estimators (Bergstra et al., 2011, "Algorithms for Hyper-Parameter Optimization")."""

    kind: Literal["tpe"] = "tpe"

    random_trials: int = Field(20, ge=1)
    """Number of trials that must have ended before the search learns from them; until then it is random."""

    candidates: int = Field(24, ge=1, le=100_000)
    """Number of points of which the most promising one is tried."""

    def draws(self, space: Space, seed: int) -> "TPESampler":
        return TPESampler(space, seed, self.random_trials, self.candidates)


class TPESampler(HyperoptSampler):
    """Draws where good trials are dense and bad, failed and running ones are not.

    Trials that run count as bad, which keeps parallel suggestions apart, and so do those that diverged. Of many trials
    only the best and the latest are looked at, a number that keeps a suggestion well below a tenth of a second.

    Args:
        space: Where to choose from.
        seed: Seed of the study.
        num_random: Number of trials with a loss, or failed, before which draws are random; at least two of them, and a
            fifth, must have a loss.
        num_candidates: Number of draws of which the best is taken.
    """

    def __init__(self, space: Space, seed: int, num_random: int, num_candidates: int) -> None:
        super().__init__(space, seed)
        self._num_random = num_random
        self._num_candidates = num_candidates

    def ask(self, trial: int, seed: int, ranks: dict[int, int], history: History) -> list[dict[str, Any]]:
        from hyperopt import rand, tpe

        seen = visible(history, ranks)
        num_ended = len(ranks) + sum(trial.state == "failed" for trial in seen)
        documents = self.documents(seen, ranks)
        if num_ended < self._num_random or len(ranks) < max(2, self._num_random / 5):
            return list(rand.suggest([trial], self.domain, documents, seed))
        share = 0.25 * (len(history) / len(seen)) ** 0.5  # Hyperopt's share of good ones, as if it saw all
        options = {"n_startup_jobs": 0, "n_EI_candidates": self._num_candidates, "gamma": share, "verbose": False}
        return list(tpe.suggest([trial], self.domain, documents, seed, **options))
