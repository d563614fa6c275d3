"""Illustration: the plots of a study and the importance of its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlrun.records.folder import RunFolder
from dlrun.studies.importance import importance
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
