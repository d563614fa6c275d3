"""Diversity: how differently the members of an ensemble decide and err, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.reports.canvas import drawable, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_MOST_WRITTEN = 16
_LONGEST_NAME = 28


def plot_diversity(
    names: Sequence[str],
    weights: NDArray[np.float64],
    disagreement: NDArray[np.float64],
    error_correlation: NDArray[np.float64],
    path: Path,
    *,
    unit: str,
) -> None:
    """Plot for each pair of members how often they decide differently and how their errors correlate.

    Members stand in the order of their weights; pale cells in the left map and dark ones in the right show copies.

    Args:
        names: Names of the members.
        weights: Their weights, which stand behind the names.
        disagreement: Shape (members, members).
        error_correlation: Same shape; NaN where undefined.
        path: PNG file to write.
        unit: What the disagreement is counted in, such as `share of rows`.
    """
    order = np.argsort(-weights, kind="stable")
    labels = [f"{name}  {weight:.2f}" for name, weight in zip(names, weights, strict=True)]
    shown, fonts = drawable([labels[place] for place in order], _LONGEST_NAME + 6)
    size = 9.0 if len(shown) <= 12 else 7.0 if len(shown) <= 40 else 4.5
    side = min(8.0, max(2.6, 0.42 * len(shown) if len(shown) <= 20 else 0.16 * len(shown)))
    left = 0.4 + max(len(name) for name in shown) * size * 0.53 / 72
    width, height = left + 2 * side + 2.4, side + left + 0.8
    maps = [
        (disagreement, f"disagreement, {unit}", "Blues", 0.0, max(float(np.nanmax(disagreement)), 1e-9)),
        (error_correlation, "correlation of errors", "Oranges", _floor(error_correlation), 1.0),
    ]
    with figure(width, height, path) as canvas:
        for place, (matrix, title, colors, low, high) in enumerate(maps):
            start = left + place * (side + 1.1)
            panel = canvas.add_axes((start / width, left / height, side / width, side / height))
            values = matrix[np.ix_(order, order)]
            image = panel.imshow(values, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
            panel.set_title(title)
            _name(panel, shown, fonts, size, beside=place == 0)
            if len(shown) <= _MOST_WRITTEN:
                _write(panel, image, values, size)
            bar = canvas.add_axes(((start + side + 0.1) / width, left / height, 0.12 / width, side / height))
            canvas.colorbar(image, cax=bar).outline.set_visible(False)


def _name(panel: Axes, names: Sequence[str], fonts: Sequence[str], size: float, *, beside: bool) -> None:
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.set_xticks(range(len(names)), list(names), fontfamily=list(fonts), fontsize=size, rotation=90)
    panel.set_yticks(range(len(names)), list(names) if beside else [], fontfamily=list(fonts), fontsize=size)
    panel.tick_params(length=0)


def _write(panel: Axes, image: AxesImage, values: NDArray[Any], size: float) -> None:
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            color = "white" if np.asarray(image.norm(value)) > 0.6 else "#333333"
            panel.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=size - 1)


def _floor(matrix: NDArray[np.float64]) -> float:
    """Return the lowest value, one decimal down, so that colours tell high correlations apart."""
    lowest = float(np.nanmin(matrix)) if np.isfinite(matrix).any() else 0.0
    return min(0.9, float(np.floor(lowest * 10)) / 10)
