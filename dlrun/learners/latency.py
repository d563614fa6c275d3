"""Latency: how long a prediction takes, by the clock."""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from dlrun.experiment.datasets.inputs import Inputs
from dlrun.learners.learner import Learner

_WARM_UP = 5
_MOST_PASSES = 200
_SECONDS = 0.5


def latency(learner: Learner, x: Inputs, num_rows: int) -> float:
    """Time forward passes of a fitted learner and return their median.

    The first passes, which compile, are left out; then as many are timed as fit into half a second, at least five. It
    is a measurement, not a property of the model: what else the machine does, other trials above all, moves it, so
    that small differences between trials say nothing. Preprocessing is not in it.

    Args:
        learner: Fitted.
        x: Prepared inputs, at least one row.
        num_rows: Rows of a pass; those of `x` are repeated where there are fewer.

    Returns:
        Seconds of one pass, the way to the learner and back included.
    """
    rows = np.arange(num_rows)
    sample = x.take(rows % len(x))
    for _ in range(_WARM_UP):
        learner.predict(sample, rows)
    seconds: list[float] = []
    until = time.perf_counter() + _SECONDS
    while len(seconds) < _WARM_UP or (len(seconds) < _MOST_PASSES and time.perf_counter() < until):
        began = time.perf_counter()
        learner.predict(sample, rows)
        seconds.append(time.perf_counter() - began)
    return median(seconds)
