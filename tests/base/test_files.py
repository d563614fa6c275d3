"""Atomic files: complete or not there, also when the disk fails."""

from __future__ import annotations

import errno
import io
import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrun.base import files
from dlrun.base.inside import inside
from dlrun.base.text import json_text, printable
from dlrun.errors import StorageError

FAULTS = {
    "ENOSPC": "the disk is full",
    "EIO": "input/output error",
    "EACCES": "permission denied",
    "EROFS": "read-only",
}
STEPS = ["open", "write", "fsync", "replace"]


def failing(code: str) -> Callable[..., int]:
    def fail(*arguments: object, **options: object) -> int:
        number = getattr(errno, code)
        raise OSError(number, os.strerror(number))

    return fail


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("code", FAULTS)
@pytest.mark.parametrize("step", STEPS)
def test_failing_disk_leaves_old_content_and_no_traces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: str
) -> None:
    path = tmp_path / "metrics.json"
    files.write_bytes(path, b"old")
    monkeypatch.setattr(files.os, step, failing(code))
    with pytest.raises(StorageError) as caught:
        files.write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["metrics.json"]
    assert str(path) in caught.value.message
    assert FAULTS[code] in caught.value.message
    assert caught.value.remedy


def test_disk_that_fills_up_halfway_leaves_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.npz"
    files.write_bytes(path, b"old")
    system_write = os.write
    room = [3, 4]

    def write(descriptor: int, content: memoryview) -> int:
        if not room:
            return failing("ENOSPC")()
        return system_write(descriptor, content[: room.pop()])

    monkeypatch.setattr(files.os, "write", write)
    with pytest.raises(StorageError, match="disk is full"):
        files.write_bytes(path, b"a longer text")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["weights.npz"]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system_write = os.write
    monkeypatch.setattr(files.os, "write", lambda descriptor, content: system_write(descriptor, content[:3]))
    files.write_bytes(tmp_path / "text", b"0123456789")
    assert (tmp_path / "text").read_bytes() == b"0123456789"


def test_publish_keeps_the_suffix_and_removes_a_failed_attempt(tmp_path: Path) -> None:
    path = tmp_path / "model" / "network.keras"

    def fail() -> None:
        with files.publish(path) as temporary:
            assert temporary.suffix == ".keras"
            assert temporary.parent == path.parent
            temporary.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names(path.parent) == []
    with files.publish(path) as temporary:
        temporary.write_bytes(b"whole")
    assert names(path.parent) == ["network.keras"]
    assert path.read_bytes() == b"whole"


@pytest.mark.parametrize(
    "name", ["予測" * 41 + ".csv", "a" * 251 + ".npz", "." + "é" * 127, "a." + "b" * 253, "x\ny" + "z" * 250]
)
def test_whatever_name_the_system_takes_can_be_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    with files.publish(path) as temporary:
        assert files.TEMPORARY.fullmatch(temporary.name)
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert len(names(tmp_path)) == 1


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = [".lock", "a.tmp", ".hidden.tmp", "metrics-0123abcd.tmp.json", ".x-0123abcd.json"]
    for name in (*kept, "checkpoints/last/.state-0123abcd.tmp.safetensors", ".status-00ff00ff.tmp.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "plots" / ".folder-0123abcd.tmp").mkdir(parents=True)
    inside(tmp_path).discard_temporaries()
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left == {*kept, "checkpoints", "checkpoints/last", "plots"}


def test_publish_without_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"plot\.png"), files.publish(tmp_path / "plot.png"):
        pass


def test_parent_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        files.write_bytes(tmp_path / "run" / "config.yaml", b"")


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_files_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_bytes(tmp_path / "text", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "text").stat().st_mode & 0o777 == 0o640


def test_reading_names_the_file_and_its_limit(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="absent"):
        files.read_bytes(tmp_path / "absent")
    (tmp_path / "long").write_bytes(b"12345")
    with pytest.raises(StorageError, match="longer than 4 bytes"):
        files.read_bytes(tmp_path / "long", limit=4)
    assert files.read_bytes(tmp_path / "long", limit=5) == b"12345"


def test_npz_is_deterministic_and_plain() -> None:
    arrays = {"row": np.arange(5), "y_pred": np.eye(3, dtype=np.float32), "names": np.array(["a", "ü"])}
    content = files.npz_bytes(arrays)
    assert content == files.npz_bytes({name: array.copy() for name, array in arrays.items()})
    with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
        assert list(loaded) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded[name], array)
            assert loaded[name].dtype == array.dtype


def test_npz_refuses_python_objects() -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        files.npz_bytes({"x": np.array([{}], dtype=object)})


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters()))
def test_printable_never_controls_the_terminal(text: str) -> None:
    shown = printable(text)
    assert "\x1b" not in shown
    assert "\n" not in shown
    assert shown.isprintable() or all(character.isprintable() or character.isspace() for character in shown)
    shown.encode("utf-8")


def test_printable_keeps_what_people_read() -> None:
    assert printable("Müller 東京 [bold]") == "Müller 東京 [bold]"
    assert printable("a\x1b[31mred\r\n\u202e") == "a\\x1b[31mred\\r\\n\\u202e"
    assert printable("\ud800") == "\\ud800"


def test_json_text_knows_arrays_paths_and_missing_numbers() -> None:
    value = {
        "loss": np.float32(0.5),
        "scores": np.array([1.0, math.nan]),
        "path": Path("a/b"),
        "n": np.int64(3),
        1: (True,),
    }
    assert json.loads(json_text(value)) == {
        "loss": 0.5,
        "scores": [1.0, None],
        "path": str(Path("a/b")),
        "n": 3,
        "1": [True],
    }
    with pytest.raises(TypeError, match="object cannot be written"):
        json_text({"x": object()})
