"""output.log and plain lines: what is told, and when."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dlrun.base import files
from dlrun.base.inside import inside
from dlrun.errors import StorageError
from dlrun.learners.listener import REFIT, EpochReport
from dlrun.records.log import Lines, LogWriter, epoch_line, number


def report(epoch: int, num_epochs: int = 50, fold: int = 0, monitor: str | None = "val_loss") -> EpochReport:
    values = {"loss": 0.5, "val_loss": 0.25, "learning_rate": 1e-3}
    return EpochReport(fold, epoch, num_epochs, values, monitor, 1, None if monitor is None else 0.25, 0.0234)


def test_numbers_for_people() -> None:
    values = [0.0, 0.97216, -12.5, 9.87654e-6, 123456.0, float("nan"), float("-inf")]
    assert [number(value) for value in values] == [
        "0.0000",
        "0.9722",
        "-12.5000",
        "9.877e-06",
        "1.235e+05",
        "nan",
        "-inf",
    ]


def test_epoch_lines() -> None:
    assert (
        epoch_line(report(3), 1)
        == "epoch  3/50  loss 0.5000  val_loss 0.2500  learning_rate 0.001  best val_loss 0.2500 at 1  0.02 s"
    )
    assert epoch_line(report(3, fold=1), 5).startswith("fold 2/5  epoch  3/50  loss")
    refit = epoch_line(report(3, fold=REFIT, monitor=None), 5)
    assert refit == "refit  epoch  3/50  loss 0.5000  val_loss 0.2500  learning_rate 0.001  0.02 s"


def test_every_epoch_is_told_unless_throttled() -> None:
    said: list[str] = []
    lines = Lines(said.append)
    for epoch in range(1, 4):
        lines.epoch_finished(report(epoch))
    assert [line[:11] for line in said] == ["epoch  1/50", "epoch  2/50", "epoch  3/50"]


def test_throttled_lines_keep_the_first_and_last_epoch_of_each_fit() -> None:
    said: list[str] = []
    now = [0.0]
    lines = Lines(said.append, seconds_between=1.0, clock=lambda: now[0])
    for fold in (0, 1):
        lines.fit_started(fold, 2, 50)
        for epoch in range(1, 31):
            now[0] += 0.125
            lines.epoch_finished(report(epoch, fold=fold))
    lines.finished({})
    told = [(int(line[5]), int(line.split("epoch")[1].split("/")[0])) for line in said]
    assert told == [(1, 1), (1, 9), (1, 17), (1, 25), (1, 30), (2, 1), (2, 9), (2, 17), (2, 25), (2, 30)]


def test_the_last_number_is_told_at_once() -> None:
    said: list[str] = []
    lines = Lines(said.append, seconds_between=1000.0)
    for epoch in (1, 2, 3):
        lines.epoch_finished(report(epoch, num_epochs=3))
    assert [line[:9] for line in said] == ["epoch 1/3", "epoch 3/3"]


def test_stages_notes_and_fits_without_epochs() -> None:
    said: list[str] = []
    lines = Lines(said.append)
    lines.stage("load")
    lines.note("class \x1b[31m1")
    lines.claimed(Path("runs/a"))
    lines.fit_started(1, 3, 1)
    lines.fit_started(0, 1, 1)
    lines.stage("something new")
    assert said == [
        "loading the data",
        "class \\x1b[31m1",
        f"run folder {Path('runs/a')}",
        "fold 2/3",
        "something new",
    ]


def test_the_log_grows_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    path.write_text("before\n")
    with LogWriter(inside(path.parent) / path.name) as log:
        log.stage("load")
        assert path.read_text() == "before\nloading the data\n"
        log.write("Traceback:\n  \ud800")
    assert path.read_text() == "before\nloading the data\nTraceback:\n  \\ud800\n"


def test_a_log_that_cannot_be_written_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match="absent is gone"):
        LogWriter(inside(tmp_path / "absent") / "output.log")

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with LogWriter(inside(tmp_path) / "output.log") as log:
        monkeypatch.setattr(files.os, "write", full)
        with pytest.raises(StorageError, match=r"output\.log: the disk is full"):
            log.stage("load")
        monkeypatch.undo()
