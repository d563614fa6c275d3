from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.reports import canvas as canvas_module
from dlrun.reports.canvas import drawable, one_line, plain, shorten
from dlrun.reports.plots import plot_confusion, plot_curves, plot_labels, plot_residuals

Draw = Callable[[Path], None]


def history(num_epochs: int, num_folds: int = 1, start: float = 1.0) -> list[dict[str, float]]:
    rows = []
    for fold in range(num_folds):
        for epoch in range(1, num_epochs + fold + 1):
            loss = start / epoch
            rows.append(
                {"fold": fold, "epoch": epoch, "loss": loss, "val_loss": loss + 0.1, "accuracy": 1 - loss / 2}
                | {"val_accuracy": 0.9 - loss / 2, "learning_rate": 0.001, "seconds": 0.1}
            )
    return rows


def classes(num_classes: int, num_rows: int = 400) -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    y_true = generator.integers(0, num_classes, num_rows)
    return y_true, 0.3 * np.eye(num_classes)[y_true] + generator.dirichlet(np.ones(num_classes), num_rows)


def numbers(num_targets: int, num_rows: int = 200) -> tuple[Any, Any]:
    y_true = np.random.default_rng(0).normal(size=(num_rows, num_targets))
    return y_true, y_true + np.random.default_rng(1).normal(0, 0.3, (num_rows, num_targets))


def labels(num_labels: int) -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    y_true = (generator.random((100, num_labels)) < 0.3).astype(np.float32)
    return y_true, np.clip(0.4 * y_true + 0.6 * generator.random((100, num_labels)), 0, 1)


def names(count: int) -> list[str]:
    return [f"name {number}" for number in range(count)]


NASTY = [
    "costs $5 or $10",
    "two\nlines\x1b[31m",
    "${x_1}^2$",
    "a name that is longer than any label may be, much longer",
]

PLOTS: dict[str, Draw] = {
    "curves": lambda path: plot_curves(history(30), path, best_epoch=12, title="digits-dense"),
    "curves of one epoch": lambda path: plot_curves(history(1), path, best_epoch=1),
    "curves of folds and a refit": lambda path: plot_curves(
        [*history(8, 3), {"fold": -1, "epoch": 1, "loss": 5.0}], path, best_epoch=4
    ),
    "curves of many metrics": lambda path: plot_curves([row | {"auc": 0.5, "f1": 0.1} for row in history(3)], path),
    "curves from very high": lambda path: plot_curves(history(40, start=1e5), path),
    "curves without validation": lambda path: plot_curves([{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5}], path),
    "curves with gaps": lambda path: plot_curves([{"epoch": 1, "loss": 1.0, "auc": None}], path),
    "curves of nothing": lambda path: plot_curves([], path, title="empty"),
    "confusion of 2": lambda path: plot_confusion(
        np.array([0, 1, 1]), np.array([[0.2], [0.7], [0.5]]), ["no", "yes"], path
    ),
    "confusion of 4": lambda path: plot_confusion(*classes(4), NASTY, path, title="test $x$"),
    "confusion of 24": lambda path: plot_confusion(*classes(24), names(24), path),
    "confusion of 100": lambda path: plot_confusion(*classes(100), names(100), path),
    "confusion of 150": lambda path: plot_confusion(*classes(150), names(150), path),
    "residuals": lambda path: plot_residuals(*numbers(1), ["price in $"], path, title="test"),
    "residuals of many targets": lambda path: plot_residuals(*numbers(6, 12_000), names(6), path),
    "residuals of one row": lambda path: plot_residuals(*numbers(1, 1), [], path),
    "labels": lambda path: plot_labels(*labels(4), NASTY, path),
    "many labels": lambda path: plot_labels(*labels(60), names(60), path),
}


def pixels(path: Path) -> tuple[int, int, dict[bytes, bytes]]:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunks[data[at + 4 : at + 8]] = chunks.get(data[at + 4 : at + 8], b"") + data[at + 8 : at + 8 + length]
        at += length + 12
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (4 * width + 1)
    return width, height, chunks


@pytest.mark.parametrize("name", PLOTS)
def test_plots_are_the_same_bytes_each_time(name: str, tmp_path: Path) -> None:
    PLOTS[name](tmp_path / "first")
    PLOTS[name](tmp_path / "second.png")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second.png").read_bytes()
    width, height, chunks = pixels(tmp_path / "first")
    assert 400 <= width <= 2000
    assert 300 <= height <= 2400
    assert not {b"tEXt", b"iTXt", b"tIME"} & set(chunks)


def test_other_data_give_another_picture(tmp_path: Path) -> None:
    plot_curves(history(5), tmp_path / "one.png", best_epoch=2)
    plot_curves(history(5), tmp_path / "two.png", best_epoch=3)
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()


def test_plots_leave_the_settings_of_matplotlib_alone_and_ignore_them(tmp_path: Path) -> None:
    import matplotlib as mpl

    plot_curves(history(5), tmp_path / "plain.png")
    with mpl.rc_context({"axes.facecolor": "red", "figure.dpi": 30}):
        plot_curves(history(5), tmp_path / "styled.png")
        assert mpl.rcParams["axes.facecolor"] == "red"
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "styled.png").read_bytes()


def test_the_parts_of_a_curve_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*history(6, 2), {"fold": -1, "epoch": 1, "loss": 5.0, "refit_only": 1.0}]
    axes = _drawn(monkeypatch, lambda: plot_curves(rows, tmp_path / "a.png", best_epoch=3))
    assert [panel.get_title(loc="left") for panel in axes] == ["loss", "accuracy"]
    loss = axes[0]
    thin = [line for line in loss.lines if line.get_linewidth() == 0.8]
    bold = {line.get_label(): line for line in loss.lines if line.get_linewidth() == 2}
    assert len(thin) == 4
    assert list(bold) == ["training, mean of 2 folds", "validation, mean of 2 folds"]
    assert bold["training, mean of 2 folds"].get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(bold["training, mean of 2 folds"].get_ydata()[1], 0.5)
    assert [text.get_text() for text in loss.get_legend().get_texts()][-1] == "best epoch 3"
    assert [line.get_xdata() for panel in axes for line in panel.lines if line.get_label() == "best epoch 3"] == [
        [3, 3]
    ] * 2


def test_a_confusion_shows_counts_and_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y_true = np.array([0, 0, 0, 0, 1, 1])
    y_pred = np.array([[0.1], [0.4], [0.5], [0.9], [0.8], [0.51]])
    panel, _ = _drawn(
        monkeypatch, lambda: plot_confusion(y_true, y_pred, ["no", "yes"], tmp_path / "a.png", title="test")
    )
    np.testing.assert_allclose(panel.images[0].get_array(), [[0.75, 0.25], [0, 1]])
    assert {text.get_position(): text.get_text() for text in panel.texts} == {(0, 0): "3", (1, 0): "1", (1, 1): "2"}
    assert panel.get_title(loc="left") == "test: 5 of 6 rows right"
    assert [label.get_text() for label in panel.get_yticklabels()] == ["no", "yes"]


def test_dollars_in_names_are_no_formulas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel, _ = _drawn(monkeypatch, lambda: plot_confusion(*classes(4), NASTY, tmp_path / "a.png"))
    shown = panel.get_yticklabels()
    assert [label.get_text() for label in shown[:3]] == ["costs $5 or $10", "two lines [31m", "${x_1}^2$"]
    assert not any(label.get_parse_math() for label in shown)


def _drawn(monkeypatch: pytest.MonkeyPatch, draw: Callable[[], None]) -> list[Any]:
    from matplotlib.figure import Figure

    kept: list[Figure] = []
    original = Figure.savefig

    def keep(figure: Figure, *arguments: Any, **options: Any) -> None:
        kept.append(figure)
        original(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    draw()
    return kept[0].axes


def test_names_are_cut_in_the_middle() -> None:
    assert shorten("short", 18) == "short"
    assert shorten("a very long name of class 12", 18) == "a very long…ass 12"
    assert len(shorten("x" * 100, 18)) == 18
    assert one_line(" a\tb\r\n c\x00 ") == "a b c"
    assert plain("é\n" + "x" * 200, 10) == "? xxxx?xxx"


def test_letters_without_a_font_give_way_to_the_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canvas_module, "_MORE_FONTS", ())
    assert drawable(["건강", "sick", "", "\x00"]) == (["0", "sick", "2", "3"], ["DejaVu Sans"])


def test_plots_need_no_pyplot_nor_keras(repository: Path, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from dlrun.reports.plots import plot_curves\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"plot_curves([{{'epoch': 1, 'loss': 1.0}}], Path({str(tmp_path / 'a.png')!r}))\n"
        "heavy = {'matplotlib.pyplot', 'keras', 'tensorflow', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
