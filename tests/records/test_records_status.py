"""status.json: how a run ended, and that a dead process is noticed."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrun.base import files
from dlrun.errors import DataError, Interrupted, RunFailed, StorageError
from dlrun.records.folder import RunFolder
from dlrun.records.status import Heartbeat, Status, exit_code, read_status, seconds_in_all


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.claim(tmp_path, "x")


def test_a_run_that_ends_well(folder: RunFolder) -> None:
    with Heartbeat(folder) as heartbeat:
        status = read_status(folder)
        assert status.state == "running"
        assert status.pid == os.getpid()
        assert status.finished is None
    status = read_status(folder)
    assert status == heartbeat.status
    assert (status.state, status.exit_code, status.error) == ("finished", 0, None)
    assert status.finished is not None
    assert 0 <= status.seconds < 60


@pytest.mark.parametrize(
    ("error", "state", "code", "text"),
    [
        (
            RunFailed("the loss became NaN", remedy="Lower the rate."),
            "failed",
            1,
            "the loss became NaN\nLower the rate.",
        ),
        (DataError("no rows"), "failed", 2, "no rows"),
        (Interrupted(signal.SIGINT), "interrupted", 130, "stopped by SIGINT"),
        (Interrupted(signal.SIGTERM), "interrupted", 143, "stopped by SIGTERM"),
        (KeyboardInterrupt(), "interrupted", 130, "stopped by SIGINT"),
        (ZeroDivisionError("division by zero"), "failed", 1, "internal error: ZeroDivisionError: division by zero"),
    ],
)
def test_a_run_that_an_error_ends(folder: RunFolder, error: BaseException, state: str, code: int, text: str) -> None:
    with pytest.raises(type(error)), Heartbeat(folder):
        raise error
    status = read_status(folder)
    assert (status.state, status.exit_code, status.error) == (state, code, text)
    assert exit_code(error) == code


def test_getting_ready_counts(folder: RunFolder) -> None:
    with Heartbeat(folder, before=11.5):
        assert 11.5 <= read_status(folder).seconds < 60
    assert 11.5 <= read_status(folder).seconds < 60


def test_a_run_has_one_duration_once_its_summary_tells_it(folder: RunFolder) -> None:
    with Heartbeat(folder, before=6.9):
        pass
    status = read_status(folder)
    assert seconds_in_all(status, {"seconds": {"total": 17.7}}) == 17.7
    for of_no_use in (None, {}, [], {"seconds": 3}, {"seconds": {"total": "x"}}, {"seconds": {"total": float("nan")}}):
        assert seconds_in_all(status, of_no_use) == status.seconds
    assert seconds_in_all(status, {"study": {"trials": {}}, "seconds": {"total": 0.5}}) == status.seconds


def test_a_state_that_no_error_stands_for(folder: RunFolder) -> None:
    with Heartbeat(folder) as heartbeat:
        heartbeat.end("pruned")
    assert read_status(folder).state == "pruned"


def test_the_heart_beats(folder: RunFolder) -> None:
    with Heartbeat(folder, interval=0.01):
        first = read_status(folder).heartbeat
        deadline = time.monotonic() + 10
        while read_status(folder).heartbeat == first:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_full_disk_in_between_does_not_stop_the_heart(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = []

    def full(*arguments: object) -> int:
        failures.append(1)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Heartbeat(folder, interval=0.01):
        monkeypatch.setattr(files.os, "write", full)
        while len(failures) < 3:
            time.sleep(0.01)
        monkeypatch.undo()
    assert read_status(folder).state == "finished"


def test_last_words_need_no_room_for_a_second_file(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise StorageError("the disk is full")

    with pytest.raises(RunFailed), Heartbeat(folder):  # noqa: PT012 - the disk fills up while the run goes on
        monkeypatch.setattr(files, "write_bytes", full)
        raise RunFailed("the disk is full")
    status = read_status(folder)
    assert (status.state, status.error, status.exit_code) == ("failed", "the disk is full", 1)
    assert [path.name for path in folder.path.iterdir()] == ["status.json"]


def test_a_full_disk_at_the_end_is_told_unless_the_run_failed_for_another_reason(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def carry_out(error: BaseException | None) -> None:
        with Heartbeat(folder):
            monkeypatch.setattr(files.os, "write", full)
            if error is not None:
                raise error

    with pytest.raises(StorageError, match=r"status\.json: the disk is full"):
        carry_out(None)
    monkeypatch.undo()
    with pytest.raises(RunFailed, match="NaN"):
        carry_out(RunFailed("NaN"))


def claimed_by(folder: RunFolder, **changes: object) -> RunFolder:
    """Rewrite the status of a run that goes on."""
    with Heartbeat(folder):
        values = folder.read_json("status.json")
    folder.write_json("status.json", {**values, **changes})
    return folder


def test_a_killed_process_is_lost_at_once(folder: RunFolder, repository: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from dlrun.records.folder import RunFolder;"
        "from dlrun.records.status import Heartbeat; Heartbeat(RunFolder(Path(sys.argv[1]))).__enter__();"
        "print('up', flush=True); time.sleep(60)"
    )
    surroundings = os.environ | {"PYTHONPATH": str(repository)}
    arguments = [sys.executable, "-c", program, str(folder.path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=surroundings) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        assert read_status(folder).state == "running"
        process.kill()
    assert read_status(folder).state == "lost"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_later_process_with_the_same_number_is_not_the_run(folder: RunFolder) -> None:
    values = claimed_by(folder).read_json("status.json")
    where, _, start = values["process"].rpartition(" ")
    folder.write_json("status.json", {**values, "process": f"{where} {int(start) - 1}"})
    assert read_status(folder).state == "lost"


@pytest.mark.parametrize(("age", "state"), [(59, "running"), (61, "lost"), (-59, "running"), (-61, "lost")])
def test_a_run_on_another_machine_is_judged_by_its_heartbeat(folder: RunFolder, age: float, state: str) -> None:
    claimed_by(folder, process="another-boot pid:[1] 5", host="elsewhere", pid=1)
    heartbeat = datetime.fromisoformat(folder.read_json("status.json")["heartbeat"])
    assert read_status(folder, now=heartbeat + timedelta(seconds=age)).state == state


def test_a_clock_that_is_set_back_gives_no_negative_seconds(folder: RunFolder) -> None:
    with Heartbeat(folder):
        time.sleep(0.01)
    values = folder.read_json("status.json")
    assert 0.01 <= values["elapsed"] < 60
    folder.write_json("status.json", values | {"started": "2031-01-01T00:00:00.000+00:00"})
    assert read_status(folder).seconds == values["elapsed"]
    del values["elapsed"]  # as older versions wrote it
    folder.write_json("status.json", values | {"started": "2031-01-01T00:00:00.000+00:00"})
    assert read_status(folder).seconds == 0


def test_an_ended_run_is_never_lost(folder: RunFolder) -> None:
    with Heartbeat(folder):
        pass
    assert read_status(folder, now=datetime.now(UTC) + timedelta(days=400)).state == "finished"


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from(["state", "started", "heartbeat", "finished", "pid", "host", "process", "error", "exit_code"]),
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.just([])
        | st.sampled_from(["running", "finished", "2026-11-21T19:15:02+00:00", "2026-11-21"]),
    ).map(lambda values: json.dumps(values).encode())
)  # fmt: skip
def test_any_content_is_a_status_or_a_named_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    folder.file("status.json").write_bytes(content)
    try:
        status = read_status(folder)
    except StorageError as error:
        assert "status.json is damaged" in error.message  # noqa: PT017 - either end is right
    else:
        assert isinstance(status, Status)
        assert isinstance(status.seconds, float)


def test_no_status(folder: RunFolder) -> None:
    with pytest.raises(StorageError, match=r"status\.json"):
        read_status(folder)
