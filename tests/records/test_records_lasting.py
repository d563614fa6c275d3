"""What lets a run go on: histories that are set back, logs of one line an event, locks, environments."""

from __future__ import annotations

import math
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from dlrun.base.inside import inside
from dlrun.errors import StorageError, UsageError
from dlrun.records import lock
from dlrun.records.environment import environment_changes
from dlrun.records.folder import RunFolder
from dlrun.records.history import HistoryWriter, read_history, rewrite_history
from dlrun.records.lock import LOCK, locked
from dlrun.records.status import Heartbeat, Status, read_status

ROWS = [
    {"fold": 0, "epoch": 1, "loss": 0.1 + 0.2, "val_loss": 1e-30, "learning_rate": 0.001},
    {"fold": 0, "epoch": 2, "loss": 3.0, "val_loss": math.nan, "learning_rate": 1e-4},
    {"fold": -1, "epoch": 1, "loss": math.inf, "learning_rate": 1.0},
]


def write(path: Path, rows: list[dict[str, float]]) -> None:
    with HistoryWriter(inside(path.parent) / path.name) as history:
        for row in rows:
            values = {name: value for name, value in row.items() if name not in {"fold", "epoch"}}
            history.write(int(row["fold"]), int(row["epoch"]), values)


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_a_history_that_is_set_back_and_continued_has_the_same_bytes(tmp_path: Path, kept: int) -> None:
    whole, path = tmp_path / "whole.csv", tmp_path / "history.csv"
    write(whole, ROWS)
    write(path, ROWS)
    rewrite_history(inside(path.parent) / path.name, ROWS[:kept])
    assert path.is_file() == (kept > 0)
    assert kept == 0 or len(read_history(inside(path.parent) / path.name)) == kept
    write(path, ROWS[kept:])
    assert path.read_bytes() == whole.read_bytes()


def test_a_damaged_history_does_not_matter_when_it_is_set_back(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.csv", tmp_path / "history.csv"
    write(whole, ROWS)
    path.write_bytes(b"\xff\x00garbage\n")
    rewrite_history(inside(path.parent) / path.name, ROWS)
    assert path.read_bytes() == whole.read_bytes()


def test_a_torn_line_spoils_none_but_itself(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    (inside(path.parent) / path.name).append_line('{"a": 1}')
    with path.open("a") as file:
        file.write('{"b"')
    (inside(path.parent) / path.name).append_line('{"c": 3}')
    assert path.read_text().split("\n") == ['{"a": 1}', '{"b"', '{"c": 3}', ""]


def test_a_lock_holds_until_its_block_ends(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with locked(folder):
        with pytest.raises(UsageError, match=f"in the hands of process {os.getpid()} on "), locked(folder):
            pass
        assert (tmp_path / LOCK).is_file()
    with locked(folder):
        pass


def test_a_sign_of_life_from_elsewhere_counts_as_a_lock(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with (
        Heartbeat(folder) as heartbeat,
        pytest.raises(UsageError, match=f"in the hands of process {heartbeat.status.pid} on "),
        locked(folder),
    ):
        pass
    with locked(folder):
        assert read_status(folder).state == "finished"


def test_a_lock_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK).symlink_to(tmp_path / "canary")
    with pytest.raises(StorageError), locked(RunFolder(tmp_path / "run")):
        pass
    assert not (tmp_path / "canary").exists()


FAR_AHEAD = {"state": "running", "process": "another-boot pid:[1] 5", "heartbeat": "2931-01-01T00:00:00.000+00:00"}


def test_a_sign_of_life_in_the_future_holds_nobody_up_for_ever(tmp_path: Path, monkeypatch: Any) -> None:
    folder = RunFolder.claim(tmp_path, "x")
    with Heartbeat(folder):
        pass
    folder.write_json("status.json", folder.read_json("status.json") | FAR_AHEAD)
    monkeypatch.setattr(lock, "WATCH", 0.3)
    with locked(folder):
        pass


def test_a_run_whose_clock_is_ahead_is_left_alone(tmp_path: Path, monkeypatch: Any) -> None:
    folder = RunFolder.claim(tmp_path, "x")
    with Heartbeat(folder):
        pass
    values = folder.read_json("status.json") | FAR_AHEAD
    folder.write_json("status.json", values)
    later = values | {"heartbeat": "2931-01-01T00:00:05.000+00:00"}
    timer = threading.Timer(0.3, folder.write_json, ("status.json", later))
    monkeypatch.setattr(lock, "WATCH", 20.0)
    timer.start()
    with pytest.raises(UsageError, match="in the hands of"), locked(folder):
        pass
    timer.join()


def test_a_resumed_run_keeps_its_beginning_and_counts_the_seconds_of_all_processes(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    began, heard = "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:30+00:00"
    for earlier in (0.0, 600.0):  # resumed for the first time, and once more
        with Heartbeat(folder, earlier=Status("lost", began, heard, earlier=earlier)):
            pass
        status = read_status(folder)
        assert status.started == began
        assert status.resumed is not None
        assert status.earlier == earlier + 30
        assert 0 <= status.seconds - status.earlier < 60


@pytest.mark.parametrize("number", [0, 2, "1", None, [1]])
def test_a_status_of_another_format_is_refused_by_name(tmp_path: Path, number: object) -> None:
    folder = RunFolder(tmp_path)
    with Heartbeat(folder):
        pass
    folder.write_json("status.json", folder.read_json("status.json") | {"format": number})
    with pytest.raises(StorageError, match=r"status\.json has the record format .*this dlrun reads format 1"):
        read_status(folder)


def test_environments_are_told_apart() -> None:
    before = {"dlrun": "1", "packages": {"keras": "3.14", "numpy": "2"}, "argv": ["a"], "git": None}
    now = {"dlrun": "1", "packages": {"keras": "3.15", "numpy": "2"}, "argv": ["b"], "git": {"commit": "c"}}
    assert environment_changes(before, now) == ["packages.keras: 3.14 -> 3.15", "git: None -> {'commit': 'c'}"]
    assert environment_changes(now, now) == []
