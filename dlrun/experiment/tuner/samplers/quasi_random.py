"""QuasiRandom: points that fill the space evenly, from SciPy's Sobol sequence."""

from typing import Literal

from dlrun.experiment.tuner.samplers.history import History
from dlrun.experiment.tuner.samplers.sampler import DrawingSampler
from dlrun.experiment.tuner.search import Draws
from dlrun.experiment.tuner.space.dimensions import Point
from dlrun.experiment.tuner.space.space import Space


class QuasiRandom(Draws):
    """Draws that fill the space more evenly than independent ones: a scrambled Sobol sequence (Owen, 1998)."""

    kind: Literal["quasi_random"] = "quasi_random"

    def draws(self, space: Space, seed: int) -> "SobolSampler":
        return SobolSampler(space, seed)


class SobolSampler(DrawingSampler):
    """Takes the point of the sequence that has the trial's number, or of another scrambling if it is refused."""

    num_attempts = 100

    def draw(self, trial: int, attempt: int, history: History) -> Point | None:
        from scipy.stats import qmc

        del history
        sequence = qmc.Sobol(len(self._space.labels), rng=self.generator(0, attempt))
        if trial > 1:
            sequence.fast_forward(trial - 1)
        return self._space.from_units(sequence.random(1)[0].tolist())
