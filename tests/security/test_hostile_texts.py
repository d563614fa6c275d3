"""Configs, names and links from strangers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TextBait = Callable[[Path], str]

CONFIG = "name: small\ndataset: {kind: iris}\nmodel: {kind: linear}\n"


def test_as_a_config(guarded: Any, canary: Path, text_bait: TextBait) -> None:
    (guarded.folder / "config.yaml").write_text(text_bait(canary), encoding="utf-8")
    ended = guarded("train", "config.yaml")
    assert ended.code == 2
    assert "config.yaml:" in ended.err or "config.yaml" in ended.err.split("\n")[0]
    assert not (guarded.folder / "runs").exists()


def test_as_an_override(guarded: Any, canary: Path, text_bait: TextBait) -> None:
    (guarded.folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    ended = guarded("train", "config.yaml", f"dataset={text_bait(canary)[:100_000]}")
    assert ended.code == 2
    assert not (guarded.folder / "runs").exists()


def test_in_place_of_the_texts_of_a_run(
    guarded: Any, canary: Path, finished: Path, stopped: Path, run_commands: list[str], text_bait: TextBait
) -> None:
    runs = guarded.folder / "runs"
    text = text_bait(canary)
    names = ("config.yaml", "source.yaml", "overrides.yaml", "metrics.json", "status.json", "dataset.json")
    for number, name in enumerate(names):
        shutil.copytree(finished, runs / f"{finished.name[:-4]}{number:04x}")
        (runs / f"{finished.name[:-4]}{number:04x}" / name).write_text(text, encoding="utf-8")
    last = runs / f"{finished.name[:-4]}ffff"
    shutil.copytree(stopped, last)
    (last / "config.yaml").write_text(text, encoding="utf-8")
    answer = guarded("ls", refused=False)
    assert answer.code == 0
    for command in set(run_commands) - {"logs", "show"}:
        guarded(command, last.name)
    guarded("show", f"{finished.name[:-4]}0000", refused=False)


def names_under(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_as_the_name_of_a_run(guarded: Any, canary: Path, bad_name: str) -> None:
    (guarded.folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    before = names_under(guarded.folder.parent)
    ended = guarded("train", "config.yaml", f"--name={bad_name}")
    assert ended.code == 2
    ended = guarded("train", "config.yaml", f"name={bad_name}")
    assert ended.code == 2
    assert names_under(guarded.folder.parent) == before


def test_as_a_reference_to_a_run(guarded: Any, finished: Path, run_commands: list[str], bad_name: str) -> None:
    shutil.copytree(finished, guarded.folder / "runs" / finished.name)
    before = names_under(guarded.folder.parent)
    for command in run_commands:
        assert guarded(command, "--", bad_name).code == 2
    assert names_under(guarded.folder.parent) == before


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of the user's that no run folder may lead to."""
    folder = tmp_path / "private"
    folder.mkdir()
    path = folder / "secret.txt"
    path.write_text("name: TOP-SECRET\n", encoding="utf-8")
    return path


def test_a_link_in_place_of_a_run_is_not_followed(guarded: Any, finished: Path, run_commands: list[str]) -> None:
    runs = guarded.folder / "runs"
    runs.mkdir()
    elsewhere = guarded.folder / "elsewhere"
    shutil.copytree(finished, elsewhere)
    (runs / finished.name).symlink_to(elsewhere, target_is_directory=True)
    assert finished.name not in guarded("ls", refused=False).out
    for command in run_commands:
        ended = guarded(command, finished.name)
        assert ended.code == 2


def linked_run(runs: Path, source: Path, name: str, target: Path) -> Path:
    """Copy a run and let one of its files or folders be a link."""
    run = runs / source.name
    shutil.copytree(source, run)
    path = run / name
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True, parents=True)
    path.symlink_to(target)
    return run


FILES = ("status.json", "config.yaml", "source.yaml", "metrics.json", "dataset.json", "output.log", "history.csv")


@pytest.mark.parametrize("name", FILES)
def test_links_out_of_a_finished_run_are_not_read(
    guarded: Any, finished: Path, secret: Path, run_commands: list[str], name: str
) -> None:
    run = linked_run(guarded.folder / "runs", finished, name, secret)
    for command in ("ls", *run_commands):
        ended = guarded(command, *([] if command == "ls" else [run.name]), refused=False)
        assert "TOP-SECRET" not in ended.out + ended.err
    assert secret.read_text(encoding="utf-8") == "name: TOP-SECRET\n"


WRITTEN = (
    "output.log", "history.csv", "resumed.jsonl", ".lock", "metrics.json", "split.npz", "environment.json",
    "predictions", "plots", "model", "tensorboard", "checkpoints", "checkpoints/fits", "checkpoints/best",
)  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_links_out_of_a_stopped_run_are_not_written(
    guarded: Any, stopped: Path, secret: Path, run_commands: list[str], name: str
) -> None:
    if "resume" not in run_commands:
        pytest.skip("there is no resume yet")
    folder = Path(name).suffix == "" and name != ".lock"
    run = linked_run(guarded.folder / "runs", stopped, name, secret.parent if folder else secret)
    guarded("resume", run.name, refused=False)
    assert [path.name for path in secret.parent.iterdir()] == ["secret.txt"], "something was written through a link"
    assert secret.read_text(encoding="utf-8") == "name: TOP-SECRET\n"


def test_a_pipe_or_device_in_place_of_a_file_does_not_hang(guarded: Any, finished: Path) -> None:
    os.mkfifo(guarded.folder / "pipe.npz")
    for path in ("pipe.npz", "/dev/zero", "/dev/stdin", "."):
        guarded("check", "dataset.kind=npz", f"dataset.path={path}", "model=linear")
    run = guarded.folder / "runs" / finished.name
    shutil.copytree(finished, run)
    for name in ("metrics.json", "source.yaml", "dataset.json", "output.log"):
        (run / name).unlink()
        os.mkfifo(run / name)
    guarded("ls", refused=False)
    guarded("show", run.name, refused=False)
    assert "no regular file" in guarded("logs", run.name).err
