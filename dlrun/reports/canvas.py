"""Canvas: figures that look alike and come out the same bytes, without pyplot and its windows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING = "#4c78a8"
VALIDATION = "#e4761b"
MARK = "#555555"
"""Colours of training, validation, and marks such as the best epoch."""

_DOTS_PER_INCH = 120
_LONGEST_NAME = 18
_LONGEST_TITLE = 90

_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#999999",
    "axes.formatter.limits": (-3, 5),
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelcolor": "#333333",
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titley": 1.0,
    "font.size": 10,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "text.parse_math": False,
    "xtick.color": "#666666",
    "xtick.labelcolor": "#333333",
    "xtick.labelsize": 9,
    "ytick.color": "#666666",
    "ytick.labelcolor": "#333333",
    "ytick.labelsize": 9,
}

_FONT = "DejaVu Sans"
"""The font that comes with matplotlib."""

_MORE_FONTS = (
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans CJK TC",
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Hiragino Sans",
    "Yu Gothic",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Arial Unicode MS",
)
"""Fonts that have the letters which the first one lacks, on the systems where they are installed."""


@contextlib.contextmanager
def figure(width: float, height: float, path: Path) -> Iterator[Figure]:
    """Open an empty figure, and write it as PNG when the block ends.

    Args:
        width: Inches.
        height: Inches.
        path: File to write, whatever its suffix.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        drawn = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH)
        FigureCanvasAgg(drawn)
        yield drawn
        drawn.savefig(path, format="png", metadata={"Software": None})


def grid(figure: Figure, num_panels: int, num_columns: int) -> list[Axes]:
    """Divide a figure into panels with fixed margins, filled row by row.

    Args:
        figure: Empty figure.
        num_panels: Panels wanted.
        num_columns: Panels beside each other.
    """
    num_rows = -(-num_panels // num_columns)
    width, height = figure.get_size_inches()
    axes = figure.subplots(num_rows, num_columns, squeeze=False)
    figure.subplots_adjust(
        left=0.75 / width,
        right=1 - 0.25 / width,
        bottom=0.6 / height,
        top=1 - 0.55 / height,
        wspace=0.75 / (width / num_columns - 0.9),
        hspace=0.95 / (height / num_rows - 0.9),
    )
    panels: list[Axes] = list(axes.flat)
    for unused in panels[num_panels:]:
        unused.remove()
    return panels[:num_panels]


def one_line(text: str) -> str:
    """Make a text safe to draw: one line, without control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def heading(drawn: Figure, title: str) -> None:
    """Write a title over all panels."""
    drawn.suptitle(plain(title), x=0.012, y=0.985, ha="left", va="top", fontsize=10)


def plain(title: str, longest: int = _LONGEST_TITLE) -> str:
    """Make a title fit for any font: short, on one line, ASCII."""
    return shorten(one_line(title), longest).encode("ascii", "replace").decode()


def shorten(text: str, longest: int) -> str:
    """Cut the middle out of a text that is longer than allowed."""
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


def drawable(names: Sequence[str], longest: int = _LONGEST_NAME) -> tuple[list[str], list[str]]:
    """Make names fit for labels: short, on one line, and in letters that an installed font has.

    Args:
        names: Names of classes, labels or targets.
        longest: Letters that a name may have.

    Returns:
        The names, with the position in place of those that no font can draw; and the fonts to draw them in.
    """
    from matplotlib import font_manager

    short = [shorten(one_line(name), longest) for name in names]
    letters = {ord(letter) for name in short for letter in name}
    missing = letters - _letters_of(_FONT)
    fonts = [_FONT]
    if missing:
        installed = {font.name for font in font_manager.fontManager.ttflist}
        for font in (name for name in _MORE_FONTS if name in installed):
            if found := missing & _letters_of(font):
                fonts.append(font)
                missing -= found
    lost = {chr(letter) for letter in missing}
    return [str(position) if lost & set(name) or not name else name for position, name in enumerate(short)], fonts


def _letters_of(font: str) -> set[int]:
    from matplotlib import font_manager

    return set(font_manager.get_font(font_manager.findfont(font)).get_charmap())
