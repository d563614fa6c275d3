"""A lock on a file, on disks that know locks and on those that do not."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlrun.base import files
from dlrun.base.inside import inside
from dlrun.errors import StorageError, UsageError
from dlrun.records.exclusive import HELD, Busy, Lock
from dlrun.records.folder import RunFolder
from dlrun.records.lock import locked
from dlrun.studies.state.journal import Journal, StudyLocked

HOLDER = """
import errno, fcntl, sys, time
from pathlib import Path
if sys.argv[2] != "0":
    def refuse(*_): raise OSError(int(sys.argv[2]), "no locks here")
    fcntl.flock = refuse
from dlrun.records.exclusive import Lock
from dlrun.base.inside import inside
lock = Lock(inside(Path(sys.argv[1])) / "lock")
print("held", flush=True)
time.sleep(60)
"""
NO_LOCKS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL]


def refuse_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.parametrize("number", [0, *NO_LOCKS])
def test_one_process_holds_it_and_its_death_gives_it_back(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    if number:
        refuse_locks(monkeypatch, number)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), str(number)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(repository)},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=f"process {holder.pid} on "):
            Lock(inside(tmp_path) / "lock")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    Lock(inside(tmp_path) / "lock").close()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["lock"]


def test_without_locks_a_holder_on_another_machine_is_left_alone_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_locks(monkeypatch, errno.ENOLCK)
    held = tmp_path / f"lock{HELD}"
    held.write_text(json.dumps({"host": "else\x1bwhere", "pid": 7, "process": "another-boot pid:[1] 5"}))
    with pytest.raises(Busy) as caught:
        Lock(inside(tmp_path) / "lock")
    assert caught.value.holder == "process 7 on else\\x1bwhere"
    assert f"remove {held}" in caught.value.remedy
    held.write_text('{"host"')
    with pytest.raises(Busy):
        Lock(inside(tmp_path) / "lock")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("a long text that nobody has a copy of\n")
    (tmp_path / "lock").symlink_to(precious)
    with pytest.raises(StorageError, match="is a link"):
        Lock(inside(tmp_path) / "lock")
    assert precious.read_text() == "a long text that nobody has a copy of\n"


def test_other_refusals_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_locks(monkeypatch, errno.EIO)
    with pytest.raises(StorageError, match="cannot lock"):
        Lock(inside(tmp_path) / "lock")


def test_runs_and_studies_work_on_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_locks(monkeypatch, errno.ENOLCK)
    folder = RunFolder.claim(tmp_path, "x")
    with locked(folder), pytest.raises(UsageError, match="in the hands of"), locked(folder):
        pass
    with locked(folder):
        pass
    journal = Journal(folder.path)
    with pytest.raises(StudyLocked, match="is being carried out by process"):
        Journal(folder.path)
    journal.close()
    Journal(folder.path).close()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF])
def test_a_disk_that_cannot_sync_folders_takes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    synced = os.fsync

    def fsync(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(number, os.strerror(number))
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    RunFolder.claim(tmp_path, "x").write_text("config.yaml", "seed: 1\n")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(number, os.strerror(number))))
    with pytest.raises(StorageError):
        files.write_bytes(tmp_path / "a", b"")
