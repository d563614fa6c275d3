"""Uniform: every member counts the same."""

from typing import Literal

import numpy as np

from dlrun.ensembles.methods.combination import WeightedMean, floats
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.objective import Objective


class Uniform(Method):
    """Average all members; nothing is fitted, so nothing is overfitted."""

    kind: Literal["uniform"] = "uniform"

    def fit(self, objective: Objective, seed: int) -> WeightedMean:  # noqa: ARG002 - what all methods take
        num_members = objective.num_members
        return WeightedMean(factors=floats(np.full(num_members, 1 / num_members)))
