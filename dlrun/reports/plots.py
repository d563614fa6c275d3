"""Plots: curves of the epochs, confusions of classes, errors of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import number, words
from dlrun.experiment.evaluation.decisions import decide, decide_labels
from dlrun.reports.canvas import MARK, TRAINING, VALIDATION, drawable, figure, grid, heading, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NOT_PLOTTED = frozenset({"fold", "epoch", "learning_rate", "seconds"})
_FEW_EPOCHS = 25
_WIDE_RANGE = 30

_MOST_COUNTED_CLASSES = 24
_MOST_NAMED_CLASSES = 100
_MOST_TARGETS = 4
_LONGEST_TARGET = 48
_MOST_POINTS = 2000
_MOST_LABELS = 40


def plot_curves(
    history: Sequence[Mapping[str, Any]], path: Path, *, best_epoch: int | None = None, title: str = ""
) -> None:
    """Plot the loss and every metric over the epochs, training beside validation.

    Of several folds each is a thin line, and their mean, as far as all of them go, a bold one.

    Args:
        history: Rows of `history.csv`: `epoch`, `fold` if there are several, `loss`, `val_loss`, and so on.
        path: PNG file to write.
        best_epoch: Epoch to mark, from 1.
        title: Name of the run.
    """
    rows = [row for row in history if int(row.get("fold", 0)) >= 0]
    names = _panels_of(rows)
    num_columns = (1, 1, 2, 3)[len(names)] if len(names) < 4 else 2
    num_rows = max(1, -(-len(names) // num_columns))
    width, height = {1: (8, 5.0), 2: (10, 0.6 + 3.7 * num_rows), 3: (13.5, 4.3)}[num_columns]
    with figure(width, height, path) as canvas:
        for panel, name in zip(grid(canvas, len(names), num_columns) if names else [], names, strict=True):
            _plot_curve(panel, rows, name, best_epoch)
            if name == names[0]:
                panel.legend(loc="best")
        if title:
            heading(canvas, title)


def _panels_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    names = [name.removeprefix("val_") for row in rows for name in row if name not in _NOT_PLOTTED]
    return list(dict.fromkeys(sorted(names, key=lambda name: name != "loss")))


def _plot_curve(panel: Axes, rows: Sequence[Mapping[str, Any]], name: str, best_epoch: int | None) -> None:
    drawn: list[float] = []
    longest = max(int(row["epoch"]) for row in rows)
    for column, color, label in ((name, TRAINING, "training"), (f"val_{name}", VALIDATION, "validation")):
        folds = _values(rows, column)
        if not folds:
            continue
        drawn += [value for fold in folds for value in fold]
        if len(folds) > 1:
            for fold in folds:
                panel.plot(np.arange(1, len(fold) + 1), fold, color=color, linewidth=0.8, alpha=0.4)
        together = min(len(fold) for fold in folds)
        mean = np.mean([fold[:together] for fold in folds], axis=0)
        label = label if len(folds) == 1 else f"{label}, mean of {len(folds)} folds"
        panel.plot(np.arange(1, together + 1), mean, color=color, linewidth=2, label=label)
        if longest <= _FEW_EPOCHS:
            panel.lines[-1].set(marker="o", markersize=3.5)
    if best_epoch is not None:
        panel.axvline(best_epoch, color=MARK, linewidth=1, linestyle=(0, (4, 3)), label=f"best epoch {best_epoch}")
    panel.set_title(words(name))
    _scale(panel, longest, drawn)


def _scale(panel: Axes, num_epochs: int, values: Sequence[float]) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter

    panel.set_xlabel("epoch")
    panel.set_xlim(1 - 0.03 * num_epochs, 1.03 * num_epochs)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if _spreads_wide(values):
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.yaxis.set_minor_formatter(NullFormatter())


def _values(rows: Sequence[Mapping[str, Any]], column: str) -> list[list[float]]:
    by_fold: dict[int, list[float]] = {}
    for row in rows:
        if row.get(column) is not None:
            by_fold.setdefault(int(row.get("fold", 0)), []).append(float(row[column]))
    return list(by_fold.values())


def _spreads_wide(values: Sequence[float]) -> bool:
    finite = [value for value in values if np.isfinite(value)]
    return bool(finite) and min(finite) > 0 and max(finite) > _WIDE_RANGE * float(np.median(finite))


def plot_confusion(
    y_true: NDArray[Any], y_pred: NDArray[Any], class_names: Sequence[str], path: Path, *, title: str = ""
) -> None:
    """Plot how often each class was taken for each other one.

    Colours show shares of the true class, so that rare classes are seen as well as frequent ones.

    Args:
        y_true: Class codes, shape (rows,).
        y_pred: Probabilities of class 1, shape (rows, 1), or of all classes, shape (rows, classes).
        class_names: Names of the classes in the order of the codes.
        path: PNG file to write.
        title: What was predicted, such as `test`.
    """
    from matplotlib.colors import PowerNorm

    num_classes = max(2, y_pred.shape[1])
    decided = decide(y_pred)
    counts = np.bincount(y_true * num_classes + decided, minlength=num_classes**2).reshape(num_classes, num_classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names, fonts = drawable(class_names)
    upright = num_classes <= 30 and max(len(name) for name in names) <= 3
    size = 9.0 if num_classes <= 12 else 8.0 if num_classes <= 30 else 6.0
    side = min(11.0, max(3.6, 0.115 * num_classes if num_classes > 30 else 0.42 * num_classes))
    left = 0.6 + max(len(name) for name in names) * size * 0.6 / 72
    bottom = 0.65 if upright else left
    width, height = left + side + 1.1, bottom + side + 0.6
    with figure(width, height, path) as canvas:
        panel = canvas.add_axes((left / width, bottom / height, side / width, side / height))
        image = panel.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        bar = canvas.add_axes(((left + side + 0.25) / width, bottom / height, 0.16 / width, side / height))
        canvas.colorbar(image, cax=bar, ticks=[0, 0.01, 0.1, 0.25, 0.5, 1]).outline.set_visible(False)
        bar.set_yticklabels(["0", "1%", "10%", "25%", "50%", "100%"])
        bar.set_title("share\nof true", fontsize=8, loc="left")
        right = int(np.trace(counts))
        said = f"{right:,} of {len(y_true):,} rows right"
        panel.set_title(f"{plain(title, _LONGEST_TARGET)}: {said}" if title else said)
        panel.set_xlabel("predicted class")
        panel.set_ylabel("true class")
        _name_classes(panel, names, fonts, size, upright=upright)
        if num_classes <= _MOST_COUNTED_CLASSES:
            _write_counts(panel, counts, shares, size)


def _name_classes(panel: Axes, names: Sequence[str], fonts: Sequence[str], size: float, *, upright: bool) -> None:
    step = 1 if len(names) <= _MOST_NAMED_CLASSES else -(-len(names) // _MOST_NAMED_CLASSES)
    ticks = range(0, len(names), step)
    shown = [names[tick] for tick in ticks]
    panel.set_xticks(ticks, shown, fontfamily=list(fonts), fontsize=size, rotation=0 if upright else 90)
    panel.set_yticks(ticks, shown, fontfamily=list(fonts), fontsize=size)
    panel.tick_params(length=0)


def _write_counts(panel: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64], size: float) -> None:
    largest = len(str(counts.max()))
    fitting = min(size + 1, 0.42 * 72 / (0.62 * max(largest, 2)) * 0.92) if len(counts) > 8 else size + 1
    for row, column in zip(*np.nonzero(counts), strict=True):
        color = "white" if shares[row, column] > 0.35 else "#333333"
        panel.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=fitting)


def plot_residuals(
    y_true: NDArray[Any], y_pred: NDArray[Any], target_names: Sequence[str], path: Path, *, title: str = ""
) -> None:
    """Plot predicted against true numbers, and how the errors are spread, for each target.

    Args:
        y_true: True values in original units, shape (rows, targets).
        y_pred: Predictions, same shape.
        target_names: Names of the targets; empty if they have none.
        path: PNG file to write; of more than four targets it shows the first four.
        title: What was predicted, such as `test`.
    """
    names, fonts = drawable(target_names or [f"target {n}" for n in range(y_true.shape[1])], _LONGEST_TARGET)
    shown = min(_MOST_TARGETS, y_true.shape[1])
    with figure(10, 0.6 + 4.1 * shown, path) as canvas:
        panels = grid(canvas, 2 * shown, 2)
        for target in range(shown):
            true, predicted = y_true[:, target], y_pred[:, target]
            _plot_predicted(panels[2 * target], true, predicted)
            _plot_errors(panels[2 * target + 1], predicted - true)
            panels[2 * target].set_title(names[target], fontfamily=fonts)
        if title:
            heading(canvas, title)


def _plot_predicted(panel: Axes, true: NDArray[Any], predicted: NDArray[Any]) -> None:
    step = -(-len(true) // _MOST_POINTS)
    points = slice(None, None, step)
    low, high = float(min(true.min(), predicted.min())), float(max(true.max(), predicted.max()))
    panel.plot([low, high], [low, high], color=MARK, linewidth=1, linestyle=(0, (4, 3)), label="exact")
    label = "rows" if step == 1 else f"every {step}th row"
    alpha = 0.8 if len(true) < 300 else 0.35
    panel.plot(true[points], predicted[points], "o", color=TRAINING, markersize=4, alpha=alpha, mew=0, label=label)
    panel.set_xlabel("true value")
    panel.set_ylabel("predicted value")
    panel.legend(loc="upper left")


def _plot_errors(panel: Axes, errors: NDArray[Any]) -> None:
    bins = int(np.clip(np.sqrt(len(errors)), 8, 50))
    panel.hist(errors, bins=bins, color=TRAINING, alpha=0.85)
    mean = float(errors.mean())
    panel.axvline(0, color=MARK, linewidth=1)
    panel.axvline(mean, color=VALIDATION, linewidth=2, label=f"mean {number(mean)}")
    panel.set_title(f"errors, standard deviation {number(float(errors.std()))}")
    panel.set_xlabel("predicted - true")
    panel.set_ylabel("rows")
    panel.legend(loc="upper left")


def plot_labels(
    y_true: NDArray[Any], y_pred: NDArray[Any], label_names: Sequence[str], path: Path, *, title: str = ""
) -> None:
    """Plot how well each label is found: its recall and precision.

    Args:
        y_true: 0/1, shape (rows, labels).
        y_pred: Probabilities, same shape.
        label_names: Names of the labels.
        path: PNG file to write; of more than 40 labels it shows the most frequent.
        title: What was predicted, such as `test`.
    """
    true, decided = y_true > 0, decide_labels(y_pred)
    frequency = true.sum(axis=0)
    order: list[int] = np.argsort(-frequency, kind="stable")[:_MOST_LABELS].tolist()
    found = (true & decided).sum(axis=0)
    recall = found / np.maximum(frequency, 1)
    precision = found / np.maximum(decided.sum(axis=0), 1)
    names, fonts = drawable([label_names[label] for label in order])
    margin = 0.5 + max(len(f"{name} (0000)") for name in names) * 0.078
    height = 1.4 + 0.32 * len(order)
    with figure(8, height, path) as canvas:
        panel = canvas.add_axes((margin / 8, 0.6 / height, (8 - margin - 0.3) / 8, 1 - 1.3 / height))
        places = np.arange(len(order))
        panel.barh(places - 0.19, recall[order], 0.36, color=TRAINING, label="recall")
        panel.barh(places + 0.19, precision[order], 0.36, color=VALIDATION, label="precision")
        labels = [f"{name} ({frequency[label]:,})" for name, label in zip(names, order, strict=True)]
        panel.set_yticks(places, labels, fontfamily=fonts)
        panel.set_ylim(len(order) - 0.4, -0.6)
        panel.set_xlim(0, 1)
        panel.set_xlabel("share")
        panel.grid(visible=False, axis="y")
        panel.set_title(f"{plain(title, _LONGEST_TARGET)}: labels (rows)" if title else "labels (rows)")
        panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
