"""Importance: how much each searched value matters for the objective, as far as the trials tell.

A random forest learns the rank of a trial's objective from its point; a parameter's importance is how much the variance
that the forest explains (R2) falls when that parameter's values are shuffled among the trials (permutation importance:
Breiman, 2001, "Random Forests"; scikit-learn's `permutation_importance`), as a share of all such falls. Ranks keep a
few very bad trials from outshouting the rest. Parameters that act only together share their importance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlrun.reports.study_plots import scale

LEAST_TRIALS = 10
"""Finished trials below which nothing can be said."""

_MOST_TRIALS = 2000
_ABSENT = -1e9


def importance(points: Sequence[Mapping[str, Any]], values: Sequence[float], *, seed: int = 0) -> dict[str, float]:
    """Estimate the importance of every parameter.

    Args:
        points: Searched values of each finished trial, by label; labels may be absent.
        values: Objective of each, finite.
        seed: Same seed, same shares.

    Returns:
        Shares that add up to 1, the largest first; empty if there are fewer than `LEAST_TRIALS` trials or nothing
        that was searched explains the objective.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    labels = list(dict.fromkeys(label for point in points for label in point))
    if len(points) < LEAST_TRIALS or not labels:
        return {}
    points, values = points[-_MOST_TRIALS:], values[-_MOST_TRIALS:]
    columns = [np.nan_to_num(scale([point.get(label) for point in points])[0], nan=_ABSENT) for label in labels]
    inputs = np.stack(columns, axis=1)
    ranks = np.argsort(np.argsort(values)) / (len(values) - 1)
    forest = RandomForestRegressor(100, min_samples_leaf=2, random_state=seed).fit(inputs, ranks)
    falls = permutation_importance(forest, inputs, ranks, n_repeats=10, random_state=seed).importances_mean
    falls = np.maximum(falls, 0)
    if not falls.sum() > 0:
        return {}
    shares = {label: float(share) for label, share in zip(labels, falls / falls.sum(), strict=True)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
