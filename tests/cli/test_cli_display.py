"""What a screen shows while a run goes on."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from dlrun.cli.output import Output, fitted_table, table, width_of
from dlrun.cli.screens.run import LiveDisplay, PlainDisplay, Progress, bar, display, duration
from dlrun.learners.listener import REFIT, EpochReport


def report(epoch: int, num_epochs: int = 10, fold: int = 0) -> EpochReport:
    return EpochReport(fold, epoch, num_epochs, {"loss": 0.5, "val_loss": 0.25}, "val_loss", 2, 0.2, 0.1)


def test_progress_knows_the_folds_to_come() -> None:
    now = [0.0]
    progress = Progress(clock=lambda: now[0])
    assert progress.seconds_left is None
    progress.begin(1, 4, 10)
    assert progress.seconds_left is None
    now[0] = 5.0
    progress.reach(2.5)
    assert progress.done == 0.25
    assert progress.seconds_left == 15 + 2 * 20
    progress.begin(REFIT, 4, 10)
    now[0] = 6.0
    progress.reach(10)
    assert progress.seconds_left == 0


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (59.6, "1:00"), (61, "1:01"), (3661, "1:01:01")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_table_leaves_out_columns_until_it_fits() -> None:
    header, rows = ["name", "size", "kind"], [["a" * 10, "1234", "東京"]]
    whole = fitted_table(header, rows, width=None, expendable=(2, 1), right=[1])
    assert whole == (["name        size  kind", "aaaaaaaaaa  1234  東京"], [])
    assert fitted_table(header, rows, width=22, expendable=(2, 1), right=[1]) == whole
    assert fitted_table(header, rows, width=21, expendable=(2, 1), right=[1])[1] == ["kind"]
    lines, missing = fitted_table(header, rows, width=12, expendable=(2, 1), right=[1])
    assert (lines, missing) == (["name", "aaaaaaaaaa"], ["size", "kind"])
    assert fitted_table(header, rows, width=3, expendable=(2, 1)) == (lines, missing)


def test_bar() -> None:
    assert bar(0) == "·" * 30
    assert bar(0.5) == "━" * 15 + "·" * 15
    assert bar(1) == "━" * 30


def test_live_block() -> None:
    now, said = [0.0], []
    live = LiveDisplay(said.append, clock=lambda: now[0])
    live.stage("load")
    assert live.lines() == ["loading the data"]
    live.claimed(Path("runs/a"))
    live.note("12 rows dropped")
    live.stage("fit")
    live.fit_started(0, 2, 10)
    now[0] = 1.0
    live.slice_finished(0, 1, 0.5, {"loss": 0.75})
    assert live.lines() == [f"fold 1/2  epoch 0/10  {bar(0.05)}  at most 0:39 left", "loss 0.7500"]
    live.epoch_finished(report(2))
    assert live.lines() == [
        f"fold 1/2  epoch 2/10  {bar(0.2)}  at most 0:09 left",
        "loss 0.5000  val_loss 0.2500",
        "best val_loss 0.2000 at epoch 2",
    ]
    live.stage("evaluate")
    assert live.lines() == ["computing scores and intervals"]
    assert said == [f"run folder {Path('runs/a')}", "12 rows dropped"]


def test_plain_lines_go_where_the_words_go(capsys) -> None:
    with display(Output()) as listener:
        assert isinstance(listener, PlainDisplay)
        listener.stage("load")
    assert capsys.readouterr().out == "loading the data\n"
    with display(Output(json=True)) as listener:
        listener.stage("load")
    assert capsys.readouterr() == ("", "loading the data\n")
    with display(Output(quiet=True)) as listener:
        listener.stage("load")
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_live_block(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with display(Output()) as listener:
        assert isinstance(listener, LiveDisplay)
        listener.stage("fit")
        listener.note("[red]not a colour[/red] \x1b[31m")
    shown = sys.stdout.getvalue()
    assert "[red]not a colour[/red] \\x1b[31m" in shown
    monkeypatch.setenv("TERM", "dumb")
    with display(Output()) as listener:
        assert isinstance(listener, PlainDisplay)


def test_a_run_goes_on_when_nobody_reads(monkeypatch) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    with display(Output()) as listener:
        listener.stage("load")
        listener.stage("fit")


def test_tables_align_wide_characters_and_escape_controls() -> None:
    lines = table(["name", "n"], [["東京", "1"], ["e\u0301", "22"], ["a\x1b", "333"]], right=[1])
    assert lines == ["name     n", "東京     1", "e\u0301       22", "a\\x1b  333"]
    assert [width_of(text) for text in ("東京", "e\u0301", "abc")] == [4, 1, 3]
