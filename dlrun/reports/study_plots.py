"""Plots of a study: slices through the space, parallel coordinates, and the best value over time."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.reports.canvas import MARK, TRAINING, VALIDATION, drawable, figure, grid, heading, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOG_RATIO = 50.0
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""

_FEW_DECADES = 100.0
"""Ratio of the ends of a logarithmic axis up to which it is labelled at 2 and 5 times the powers of ten as well."""

_MOST_PANELS = 24
_MOST_LINES = 500
_LONGEST_LABEL = 34


def scale(values: Sequence[Any], *, log: bool | None = None) -> tuple[NDArray[np.float64], list[str] | None, bool]:
    """Place the values of one parameter on an axis.

    Args:
        values: Plain values; None where a trial does not have the parameter.
        log: Whether the axis of numbers is logarithmic; None if the values are to decide.

    Returns:
        Their places, NaN where there is no value; the names of the places, None for numbers; whether the axis is to be
        logarithmic.
    """
    known = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        places = np.array([math.nan if value is None else float(value) for value in values])
        finite = places[np.isfinite(places)]
        if log is None:
            log = bool(len(finite) and finite.min() > 0 and finite.max() / finite.min() >= _LOG_RATIO)
        log = log and bool((finite > 0).any())
        return np.where(places > 0, places, math.nan) if log else places, None, log
    names = sorted({str(value) for value in known})
    order = {name: float(number) for number, name in enumerate(names)}
    return np.array([math.nan if value is None else order[str(value)] for value in values]), names, False


def _scale_of(
    label: str, points: Sequence[Mapping[str, Any]], logarithmic: Collection[str] | None
) -> tuple[NDArray[np.float64], list[str] | None, bool]:
    log = None if logarithmic is None else label in logarithmic
    return scale([point.get(label) for point in points], log=log)


def plot_slices(
    points: Sequence[Mapping[str, Any]],
    values: Sequence[float],
    path: Path,
    *,
    labels: Sequence[str],
    metric: str,
    best: int,
    logarithmic: Collection[str] | None = None,
    title: str = "",
) -> None:
    """Plot the objective over every parameter.

    Args:
        points: Searched values of each finished trial, by label.
        values: Objective of each, as many as there are points.
        path: PNG to write.
        labels: Parameters to show, the most important first.
        metric: Name of the objective.
        best: Position of the best trial.
        logarithmic: Parameters with a logarithmic axis; None if their values are to decide.
        title: Written above the panels.
    """
    shown = list(labels[:_MOST_PANELS])
    num_columns = min(3, max(len(shown), 1))
    num_rows = max(-(-len(shown) // num_columns), 1)
    limits = _limits(values)
    with figure(3.6 * num_columns + 0.6, 2.9 * num_rows + 0.9, path) as drawn:
        for panel, label in zip(grid(drawn, len(shown), num_columns), shown, strict=True):
            places, names, is_log = _scale_of(label, points, logarithmic)
            panel.scatter(places, values, s=14, c=np.arange(len(values)), cmap="Blues", edgecolors="#88888855", lw=0.4)
            panel.scatter(places[best], values[best], s=44, color=VALIDATION, zorder=3)
            _label_axis(panel, label, names, is_log)
            panel.set_ylim(limits)
            panel.set_ylabel(metric)
        heading(drawn, title)


def _label_axis(panel: Axes, label: str, names: list[str] | None, is_log: bool) -> None:
    if is_log:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        panel.set_xscale("log")
        low, high = panel.get_xlim()
        if high < _FEW_DECADES * low:  # powers of ten alone would be one label or none
            panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
    if names is not None:
        texts, fonts = drawable(names)
        panel.set_xticks(range(len(texts)), texts, fontfamily=fonts)
        panel.set_xlim(-0.5, len(texts) - 0.5)
    panel.set_xlabel(_tail(label))


def _tail(label: str) -> str:
    """Keep the end of a path, which tells parameters apart."""
    text = one_line(label)
    return text if len(text) <= _LONGEST_LABEL else f"…{text[1 - _LONGEST_LABEL :]}"


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Leave out extreme values that would squeeze all others into a line."""
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    inner_low, inner_high = np.quantile(values, [0.05, 0.95])
    reach = 3 * max(inner_high - inner_low, abs(middle) * 1e-3, 1e-9)
    bottom, top = max(low, inner_low - reach), min(high, inner_high + reach)
    margin = 0.05 * (top - bottom) or 1e-3
    return float(bottom - margin), float(top + margin)


def plot_parallel(
    points: Sequence[Mapping[str, Any]],
    values: Sequence[float],
    path: Path,
    *,
    labels: Sequence[str],
    metric: str,
    best: int,
    mode: str,
    logarithmic: Collection[str] | None = None,
    title: str = "",
) -> None:
    """Plot every trial as a line through all parameters, the good ones dark.

    Args:
        points: Searched values of each finished trial, by label.
        values: Objective of each.
        path: PNG to write.
        labels: Parameters to show, the most important first.
        metric: Name of the objective.
        best: Position of the best trial.
        mode: Whether the objective is to be `min` or `max`.
        logarithmic: Parameters with a logarithmic axis; None if their values are to decide.
        title: Written above.
    """
    from matplotlib.collections import LineCollection

    shown = list(labels[:12])
    axes = [_scale_of(label, points, logarithmic) for label in shown]
    columns = [_unit(np.log10(places) if is_log else places) for places, _, is_log in axes]
    sign = 1.0 if mode == "min" else -1.0
    rank = np.argsort(np.argsort(sign * np.asarray(values))) / max(len(values) - 1, 1)
    heights = np.stack([*columns, 1 - rank], axis=1)
    order = [trial for trial in np.argsort(-rank)[-_MOST_LINES:] if trial != best]
    x = np.arange(len(shown) + 1, dtype=float)
    with figure(max(1.7 * (len(shown) + 1), 5.0), 4.6, path) as drawn:
        (panel,) = grid(drawn, 1, 1)
        lines = [np.column_stack([x, np.where(np.isfinite(heights[trial]), heights[trial], -0.08)]) for trial in order]
        panel.add_collection(LineCollection(lines, array=1 - rank[order], cmap="Blues", clim=(-0.3, 1), lw=0.8))
        top = np.where(np.isfinite(heights[best]), heights[best], -0.08)
        panel.plot(x, top, color=VALIDATION, lw=2)
        for place, (label, (places, names, _)) in enumerate(zip(shown, axes, strict=True)):
            _ends(panel, place, places, names)
            panel.text(place, 1.12 + 0.07 * (place % 2), _tail(label), ha="center", va="bottom", fontsize=7)
        panel.text(len(shown), 1.12, f"rank by {metric}", ha="center", va="bottom", fontsize=7)
        panel.set_xlim(-0.3, len(shown) + 0.3)
        panel.set_ylim(-0.16, 1.34)
        panel.set_xticks(x, [""] * len(x))
        panel.set_yticks([])
        panel.spines["left"].set_visible(False)
        heading(drawn, title)


def _unit(places: NDArray[np.float64]) -> NDArray[np.float64]:
    finite = places[np.isfinite(places)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    return (places - low) / (high - low) if high > low else np.where(np.isfinite(places), 0.5, math.nan)


def _ends(panel: Axes, place: int, places: NDArray[np.float64], names: list[str] | None) -> None:
    """Write what the ends of an axis stand for."""
    finite = places[np.isfinite(places)]
    if not len(finite):
        return
    if finite.min() == finite.max():
        only = f"{finite[0]:.3g}" if names is None else drawable(names, 12)[0][0]
        panel.text(place, 0.53, only, ha="center", va="bottom", fontsize=7, color=MARK)
        return
    if names is None:
        ends = (f"{finite.min():.3g}", f"{finite.max():.3g}")
    else:
        first, *_ = (texts := drawable(names, 12)[0])
        ends = (first, texts[-1])
    for text, height, side in zip(ends, (-0.03, 1.03), ("top", "bottom"), strict=True):
        panel.text(place, height, text, ha="center", va=side, fontsize=7, color=MARK)


def plot_progress(values: Sequence[float], path: Path, *, metric: str, mode: str, title: str = "") -> None:
    """Plot the objective of the trials in their order, and the best so far.

    Args:
        values: Objective of each trial, NaN for those without one.
        path: PNG to write.
        metric: Name of the objective.
        mode: Whether it is to be `min` or `max`.
        title: Written above.
    """
    array = np.asarray(values, dtype=np.float64)
    filled = np.where(np.isfinite(array), array, math.inf if mode == "min" else -math.inf)
    best = np.minimum.accumulate(filled) if mode == "min" else np.maximum.accumulate(filled)
    with figure(6.4, 3.6, path) as drawn:
        (panel,) = grid(drawn, 1, 1)
        panel.scatter(np.arange(len(array)), array, s=14, color=TRAINING, alpha=0.6, label="trial")
        panel.step(np.arange(len(best)), best, where="post", color=VALIDATION, label="best so far")
        panel.set_ylim(_limits(array[np.isfinite(array)].tolist()))
        panel.set_xlabel("trial")
        panel.set_ylabel(metric)
        panel.legend()
        heading(drawn, title)
