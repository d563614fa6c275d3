"""The run folder: claimed by one process alone, and nothing is written outside of it."""

from __future__ import annotations

import errno
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrun.errors import StorageError, UsageError
from dlrun.records import folder as folder_module
from dlrun.records.folder import RunFolder, check_name, check_place, is_id

NOW = datetime(2026, 11, 21, 19, 15, 2, tzinfo=UTC)


def test_id_tells_time_and_name(tmp_path: Path) -> None:
    folder = RunFolder.claim(tmp_path / "deep" / "runs", "digits-dense", now=NOW)
    assert re.fullmatch(r"20261121-191502-digits-dense-[0-9a-f]{4}", folder.id)
    assert is_id(folder.id)
    assert folder.path == tmp_path / "deep" / "runs" / folder.id
    assert folder.path.is_dir()


def test_ids_state_utc(tmp_path: Path) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=9)))
    assert RunFolder.claim(tmp_path, "x", now=there).id.startswith("20261121-191502-x-")


def test_claims_at_the_same_moment_never_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = iter(["aaaa", "aaaa", "bbbbbb", "aaaa", "aaaaaa"])
    monkeypatch.setattr(folder_module.os, "urandom", lambda size: bytes.fromhex(next(tokens)))
    ids = [RunFolder.claim(tmp_path, "x", now=NOW).id for _ in range(3)]
    assert [run[-6:].lstrip("-x") for run in ids] == ["aaaa", "bbbbbb", "aaaaaa"]
    monkeypatch.undo()
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: RunFolder.claim(tmp_path, "y", now=NOW).id, range(200)))
    assert len(set(claimed)) == 200


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "../a",
        "..",
        "a..b",
        ".hidden",
        "-rf",
        "a\0b",
        "a\nb",
        "a b",
        "ä",
        "a\\b",
        "x" * 65,
        "a\n",
        "\x1b[31m",
    ],
)
def test_names_that_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        RunFolder.claim(tmp_path / "runs", name)
    assert caught.value.exit_code == 2
    assert "64 letters, digits" in str(caught.value.remedy)
    assert caught.value.message.isprintable()
    assert not (tmp_path / "runs").exists()


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80))
def test_a_name_that_passes_stays_one_part_of_a_path(name: str) -> None:
    try:
        check_name(name)
    except UsageError:
        return
    assert Path("runs", name).parts == ("runs", name)
    assert is_id(f"20261121-191502-{name}-3fa9")


def test_runs_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    for place in ("runs", "runs/deeper/still"):
        with pytest.raises(StorageError, match=r"cannot create a run in .*: .*/runs is no folder"):
            RunFolder.claim(tmp_path / place, "x")


def test_a_place_is_checked_without_making_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_place(tmp_path / "runs" / "deeper")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StorageError, match="permission denied"):
        check_place(tmp_path / "runs")


@pytest.mark.parametrize(
    ("code", "reason"), [(errno.EROFS, "read-only"), (errno.ENOSPC, "full"), (errno.EACCES, "permission")]
)
def test_runs_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    def mkdir(self: Path, *arguments: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(StorageError, match=reason) as caught:
        RunFolder.claim(tmp_path, "x")
    assert str(tmp_path) in caught.value.message
    assert "--runs-dir" in str(caught.value.remedy)


@pytest.mark.parametrize("relative", ["", "/etc/passwd", "../x", "a/../../x", ".."])
def test_files_stay_inside(tmp_path: Path, relative: str) -> None:
    with pytest.raises(ValueError, match="no path inside"):
        RunFolder(tmp_path).file(relative)


def test_written_values_read_back(tmp_path: Path) -> None:
    folder = RunFolder.claim(tmp_path, "x")
    folder.write_json("metrics.json", {"loss": float("nan"), "accuracy": np.float64(0.5)})
    assert folder.read_json("metrics.json") == {"loss": None, "accuracy": 0.5}
    folder.write_text("config.yaml", "name: ä\n")
    assert folder.read_text("config.yaml") == "name: ä\n"
    folder.write_npz("predictions/test.npz", row=np.arange(3), y_true=np.zeros(3))
    with np.load(folder.path / "predictions/test.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"row", "y_true"}


def test_damaged_files_are_named(tmp_path: Path) -> None:
    folder = RunFolder.claim(tmp_path, "x")
    for content in (b"{", b"[" * 100_000, b'{"a": \xff}'):
        folder.write_bytes("metrics.json", content)
        with pytest.raises(StorageError, match=r"metrics\.json is damaged"):
            folder.read_json("metrics.json")
    with pytest.raises(StorageError, match=r"absent\.json"):
        folder.read_json("absent.json")


def test_at_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run folder"):
        RunFolder.at(tmp_path / "absent")
    assert RunFolder.at(tmp_path).path == tmp_path


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_a_ledger_of_another_user_is_told_before_anything_begins(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").touch(0o444)
    with pytest.raises(StorageError, match="every look at a test set is counted"):
        check_place(tmp_path)


def test_something_else_in_the_place_of_the_ledger_is_told_before_anything_begins(tmp_path: Path) -> None:
    check_place(tmp_path)
    (tmp_path / "ledger.jsonl").touch()
    check_place(tmp_path)
    (tmp_path / "ledger.jsonl").unlink()
    (tmp_path / "ledger.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"cannot write .*ledger\.jsonl, in which every look") as caught:
        check_place(tmp_path)
    assert "chmod" in str(caught.value.remedy)


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    folder = RunFolder.claim(tmp_path, "x")
    folder.path.rmdir()
    with pytest.raises(StorageError, match="is gone"):
        folder.write_text("metrics.json", "{}")
    with pytest.raises(StorageError, match="is gone"), folder.publish("plots/curves.png"):
        pass
    assert list(tmp_path.iterdir()) == []
