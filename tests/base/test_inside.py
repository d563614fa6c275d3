"""Inside: what lies in the folder of a run is reached without following a link, wherever on the way it stands."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dlrun.base.inside import FINAL, SNAPSHOTS, TRAINED, TRIALS, Inside, inside
from dlrun.errors import StorageError
from dlrun.records.folder import RunFolder

SECRET = b"what nobody else may read\n"

ACTS: dict[str, Callable[[Inside], object]] = {
    "read": lambda file: file.read_bytes(),
    "look": lambda file: file.is_file(),
    "append": lambda file: os.close(file.open_to_append()),
    "append a line": lambda file: file.append_line("line"),
    "write over": lambda file: file.overwrite(b"other"),
    "open": lambda file: os.close(file.open(os.O_RDWR | os.O_CREAT)),
}
"""What is refused where the file itself is a link, too."""

CHANGES: dict[str, Callable[[Inside], object]] = {
    "write": lambda file: file.write_bytes(b"other"),
    "publish": lambda file: publish(file),
    "make a folder": lambda file: (file / "deeper").make_folder(),
    "remove": lambda file: file.remove(),
    "rename": lambda file: file.rename("other"),
}
"""What changes the link at the end of a way, and not what it leads to; behind a link it is refused as well."""


def publish(file: Inside) -> None:
    with file.publish() as temporary:
        temporary.write_bytes(b"other")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a file in it, of which nothing may change."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_bytes(SECRET)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def untouched(outside: Path) -> bool:
    return [path.name for path in outside.iterdir()] == ["file"] and (outside / "file").read_bytes() == SECRET


@pytest.mark.parametrize("act", [*ACTS, *CHANGES])
@pytest.mark.parametrize("deep", [0, 1, 2])
def test_nothing_behind_a_link_is_reached(run: Path, outside: Path, act: str, deep: int) -> None:
    place = run.joinpath(*["folder"] * deep)
    place.mkdir(parents=True, exist_ok=True)
    (place / "link").symlink_to(outside)
    with pytest.raises(StorageError, match="link is a link, and no file of a run"):
        (ACTS | CHANGES)[act](inside(run) / f"{'folder/' * deep}link/file")
    assert untouched(outside)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("dangling", [False, True])
def test_a_file_that_is_a_link_is_refused(run: Path, outside: Path, act: str, dangling: bool) -> None:
    (run / "link").symlink_to(outside / ("absent" if dangling else "file"))
    with pytest.raises(StorageError, match="link is a link, and no file of a run"):
        ACTS[act](inside(run) / "link")
    assert untouched(outside)


@pytest.mark.parametrize("act", ["write", "publish", "remove", "rename"])
def test_a_link_is_replaced_and_removed_itself(run: Path, outside: Path, act: str) -> None:
    (run / "link").symlink_to(outside / "file")
    CHANGES[act](inside(run) / "link")
    assert untouched(outside)
    assert not (run / "link").is_symlink()


def test_a_folder_with_links_in_it_is_removed_without_following_them(run: Path, outside: Path) -> None:
    (run / "folder").mkdir()
    (run / "folder" / "file").symlink_to(outside / "file")
    (run / "folder" / "deeper").symlink_to(outside)
    (inside(run) / "folder").remove()
    assert untouched(outside)
    assert not list(run.iterdir())


def test_links_are_listed_nowhere_and_not_descended(run: Path, outside: Path) -> None:
    (run / "folder").mkdir()
    (run / "folder" / "own").write_bytes(b"1234")
    (run / "to-file").symlink_to(outside / "file")
    (run / "to-folder").symlink_to(outside)
    content = inside(run)
    assert content.files() == []
    assert [found.name for found in content.folders()] == ["folder"]
    assert [found.relative for found, _ in content.walk()] == ["folder", "to-file", "to-folder", "folder/own"]
    assert [found.relative for found, _ in content.walk(lambda _: False)] == ["folder", "to-file", "to-folder"]
    assert content.num_bytes() == 4 + sum((run / name).lstat().st_size for name in ("to-file", "to-folder"))
    assert not (content / "to-folder").is_own()
    assert not (content / "to-folder/file").is_own_folder()


def test_a_run_that_is_a_link_is_refused_and_what_lies_around_it_is_followed(run: Path, tmp_path: Path) -> None:
    (run / "file").write_bytes(b"own")
    (tmp_path / "runs").symlink_to(tmp_path)
    assert (inside(tmp_path / "runs" / "run") / "file").read_bytes() == b"own"
    (tmp_path / "alias").symlink_to(run)
    with pytest.raises(StorageError, match="alias is a link"):
        (inside(tmp_path / "alias") / "file").read_bytes()
    assert RunFolder.at(tmp_path / "alias").file("file").read_bytes() == b"own"  # the user has named it


@pytest.mark.parametrize("holder", [TRIALS, FINAL, SNAPSHOTS, TRAINED])
def test_the_way_to_an_inner_run_begins_at_the_outermost(run: Path, outside: Path, holder: str) -> None:
    (run / "status.json").write_text("{}")
    inner = outside / "20260101-000000-inner-abcd"
    inner.mkdir()
    (inner / "file").write_bytes(SECRET)
    (run / holder).symlink_to(outside)
    folder = RunFolder(run / holder / inner.name)
    for act in (folder.file("file").read_bytes, folder.content.remove, lambda: folder.write_text("new", "text")):
        with pytest.raises(StorageError, match=f"{holder} is a link"):
            act()
    with pytest.raises(StorageError, match=f"{holder} is a link"):
        RunFolder.claim(run / holder, "new")
    assert sorted(path.name for path in outside.iterdir()) == [inner.name, "file"]
    assert [path.name for path in inner.iterdir()] == ["file"]


def test_folders_inside_a_run_are_made_and_that_of_the_run_is_not(run: Path) -> None:
    (inside(run) / "a/b/file").write_bytes(b"content")
    assert (run / "a/b/file").read_bytes() == b"content"
    gone = inside(run / "gone")
    for act in (
        lambda: (gone / "file").write_bytes(b""),
        lambda: (gone / "a").make_folder(),
        (gone / "f").open_to_append,
    ):
        with pytest.raises(StorageError, match="gone is gone"):
            act()
    (run / "status.json").write_text("{}")
    (run / TRIALS).mkdir()
    with pytest.raises(StorageError, match="trial is gone"):
        RunFolder(run / TRIALS / "trial").write_text("file", "text")
    assert not list((run / TRIALS).iterdir())


def test_no_pipe_keeps_anybody_waiting(run: Path) -> None:
    os.mkfifo(run / "pipe")
    for act in ("read", "append", "write over"):
        with pytest.raises(StorageError, match=r"pipe: (it is no regular file|No such device)"):
            ACTS[act](inside(run) / "pipe")
    assert not (inside(run) / "pipe").is_file()
    assert (inside(run) / "pipe").exists()


@pytest.mark.parametrize("relative", ["", "/etc/passwd", "../x", "a/../../x", "a\0b", "."])
def test_paths_that_lead_out_are_a_fault_of_the_program(run: Path, relative: str) -> None:
    with pytest.raises(ValueError, match="no path inside a run folder"):
        inside(run) / relative


def test_a_file_in_the_way_is_no_folder(run: Path) -> None:
    (run / "file").write_bytes(b"x")
    assert not (inside(run) / "file/deeper").exists()
    with pytest.raises(StorageError, match="Not a directory"):
        (inside(run) / "file/deeper").write_bytes(b"y")
    (inside(run) / "file/deeper").remove()
    assert (run / "file").read_bytes() == b"x"
