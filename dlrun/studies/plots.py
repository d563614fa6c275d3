"""Illustration: the plots of a study and the importance of its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlrun.records.folder import RunFolder
from dlrun.reports.study_plots import scale
from dlrun.studies.objective import Objective
from dlrun.studies.state.trial import Trial


def content_of(
    trials: Sequence[Trial], objective: Objective, title: str, logarithmic: Sequence[str] | None
) -> dict[str, Any]:
    """Return what there is to show, as plain values that can be sent to a worker.

    Args:
        trials: All of a study.
        objective: What was searched by.
        title: Name of the study.
        logarithmic: Labels of the settings whose logarithm was searched; None if the values are to decide.
    """
    rows = [{"point": _shown(trial), "value": trial.value if trial.state == "finished" else None} for trial in trials]
    shown = {"metric": objective.metric, "mode": objective.mode, "title": title, "logarithmic": logarithmic}
    return {"rows": rows, **shown}


def _shown(trial: Trial) -> dict[str, Any]:
    """Return the point with whole sections as text."""
    plain = (str, int, float, bool, type(None))
    return {label: value if isinstance(value, plain) else str(value) for label, value in trial.point.items()}


def illustrate_study(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the plots that a study has something for, and return the importance of its parameters.

    Args:
        path: Folder of the study.
        content: What `content_of` returned.

    Raises:
        StorageError: A plot could not be written.
    """
    from dlrun.reports.study_plots import plot_parallel, plot_progress, plot_slices

    folder = RunFolder(path)
    rows, metric, mode, title = (content[name] for name in ("rows", "metric", "mode", "title"))
    finished = [row for row in rows if row["value"] is not None]
    points, values = [row["point"] for row in finished], [row["value"] for row in finished]
    if not finished:
        return {"importance": {}}
    shares = importance(points, values)
    labels = list(dict.fromkeys([*shares, *(label for point in points for label in point)]))
    best = values.index(min(values) if mode == "min" else max(values))
    with folder.publish("plots/progress.png") as file:
        plot_progress([_number(row["value"]) for row in rows], file, metric=metric, mode=mode, title=title)
    if len(finished) > 1 and labels:
        shown: dict[str, Any] = {"labels": labels, "metric": metric, "best": best, "title": title}
        shown["logarithmic"] = content["logarithmic"]
        with folder.publish("plots/slices.png") as file:
            plot_slices(points, values, file, **shown)
        with folder.publish("plots/parallel.png") as file:
            plot_parallel(points, values, file, **shown, mode=mode)
    return {"importance": shares}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


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
