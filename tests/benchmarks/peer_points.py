"""Random points of the job in `tune_vs_peers.py`, the same for the sides that are given them."""

from __future__ import annotations

import math

import numpy as np

Point = tuple[int, bool, float, float, float]
"""Units, batch normalization, dropout, l2 and learning rate."""


def points(number: int, seed: int) -> list[Point]:
    """Draw points of the space."""
    random = np.random.default_rng(seed)
    return [
        (
            int(random.integers(16, 257)),
            bool(random.integers(2)),
            float(random.uniform(0, 0.6)),
            float(np.exp(random.uniform(math.log(1e-6), math.log(1e-2)))),
            float(np.exp(random.uniform(math.log(1e-4), math.log(1e-1)))),
        )
        for _ in range(number)
    ]
