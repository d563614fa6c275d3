"""Best: the single best member, for the record."""

from typing import Literal

import numpy as np

from dlrun.ensembles.methods.combination import WeightedMean, floats
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.objective import Objective


class Best(Method):
    """Take the member with the best score and leave out the others."""

    kind: Literal["best"] = "best"

    def fit(self, objective: Objective, seed: int) -> WeightedMean:  # noqa: ARG002 - what all methods take
        factors = np.zeros(objective.num_members)
        factors[int(np.argmin(objective.costs_of_members()))] = 1
        return WeightedMean(factors=floats(factors))
