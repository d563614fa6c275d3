"""RandomSearch: independent draws, through Hyperopt."""

from typing import Any, Literal

from dlrun.experiment.tuner.samplers.history import History
from dlrun.experiment.tuner.samplers.hyperopt_draws import HyperoptSampler
from dlrun.experiment.tuner.search import Draws
from dlrun.experiment.tuner.space.space import Space


class RandomSearch(Draws):
    """Independent draws (Bergstra and Bengio, 2012, "Random Search for Hyper-Parameter Optimization")."""

    kind: Literal["random"] = "random"

    def draws(self, space: Space, seed: int) -> "RandomSampler":
        return RandomSampler(space, seed)


class RandomSampler(HyperoptSampler):
    """Draws from the distributions as they are written."""

    num_attempts = 100

    def ask(self, trial: int, seed: int, ranks: dict[int, int], history: History) -> list[dict[str, Any]]:
        from hyperopt import rand

        del ranks, history
        return list(rand.suggest([trial], self.domain, self.documents((), {}), seed))
