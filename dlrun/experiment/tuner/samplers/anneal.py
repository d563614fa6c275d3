"""Anneal: draws ever closer to the best trials, through Hyperopt."""

from typing import Any, Literal

from dlrun.experiment.tuner.samplers.history import History
from dlrun.experiment.tuner.samplers.hyperopt_draws import HyperoptSampler, visible
from dlrun.experiment.tuner.search import Draws
from dlrun.experiment.tuner.space.space import Space


class Anneal(Draws):
    """Draws ever closer to the best trials so far, as Hyperopt's `anneal`."""

    kind: Literal["anneal"] = "anneal"

    def draws(self, space: Space, seed: int) -> "AnnealSampler":
        return AnnealSampler(space, seed)


class AnnealSampler(HyperoptSampler):
    """Draws around one of the best trials; only trials with a loss are drawn around."""

    def ask(self, trial: int, seed: int, ranks: dict[int, int], history: History) -> list[dict[str, Any]]:
        from hyperopt import anneal

        seen = [trial for trial in visible(history, ranks) if trial.trial in ranks]
        return list(anneal.suggest([trial], self.domain, self.documents(seen, ranks), seed))
