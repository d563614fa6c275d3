"""The order of calls to the system: SIGKILL does not show whether a file survives a loss of power, this does."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest


@pytest.fixture(scope="module")
def calls(saboteur: Any, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """The calls of a run, in order, without the name of its folder."""
    folder = tmp_path_factory.mktemp("traced")
    text = "name: small\ndataset: {kind: iris}\nmodel: {kind: linear}\n"
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    (folder / "runs").mkdir()
    ended = saboteur("train", "config.yaml", folder=folder, fault={"kind": "none", "trace": True})
    assert ended.code == 0, ended.err
    (run,) = (folder / "runs").glob("2*")
    return [(name, path.replace(f"{run.name}/", "").replace(run.name, "")) for name, path in ended.calls]


def renamed(calls: list[tuple[str, str]]) -> list[tuple[int, str, str]]:
    """Return position, old and new name of every renaming."""
    found = [(position, path.split(" -> ")) for position, (name, path) in enumerate(calls) if name == "rename"]
    return [(position, old, new) for position, (old, new) in found]


def parent(path: str) -> str:
    return str(PurePosixPath(path).parent).replace(".", "")


def test_a_file_is_synced_before_it_gets_its_name_and_its_folder_after(calls: list[tuple[str, str]]) -> None:
    renamings = renamed(calls)
    assert {new for _, _, new in renamings} >= {"config.yaml", "status.json", "metrics.json", "model/model.skops"}
    for position, old, new in renamings:
        before = [name for name, path in calls[:position] if path == old]
        assert before[0] == "open", new
        assert before[-1] == "fsync", f"{new} is renamed with writes that may not be on the disk"
        assert calls[position - 1] == ("fsync", old), new
        assert calls[position + 1] == ("fsync", parent(new)), f"the name of {new} may not be on the disk"
        assert parent(old) == parent(new), "a renaming between folders may be a copy"


def test_no_file_is_written_under_its_own_name_but_those_that_grow(calls: list[tuple[str, str]]) -> None:
    opened = {path for name, path in calls if name == "open" and ".tmp" not in path}
    events = {path for path in opened if path.startswith("tensorboard/")}
    assert opened - events == {".lock", "output.log", "history.csv", "ledger.jsonl"}
    assert not [path for name, path in calls if name == "truncate"]


def test_the_run_folder_itself_is_synced_before_anything_is_in_it(calls: list[tuple[str, str]]) -> None:
    made = calls.index(("mkdir", ""))
    assert ("fsync", ".") in calls[made:]
    first = next(position for position, (name, _) in enumerate(calls) if name == "open")
    assert made < calls.index(("fsync", "."), made) < first


def test_a_run_says_that_it_has_finished_when_everything_else_is_on_the_disk(calls: list[tuple[str, str]]) -> None:
    last = max(position for position, _, new in renamed(calls) if new == "status.json")
    assert calls[last + 1] == ("fsync", "")
    assert {name for name, _ in calls[last + 2 :]} <= {"remove", "rmdir", "fsync"}, "nothing is written after the end"
    grown = {path for name, path in calls if name == "write" and ".tmp" not in path}
    assert "output.log" in grown
    for path in grown:
        touched = [name for name, touched in calls[:last] if touched == path]
        assert touched[-1] == "fsync", f"the end of {path} may be lost"


def test_a_status_comes_after_the_config_that_it_is_about(calls: list[tuple[str, str]]) -> None:
    names = [new for _, _, new in renamed(calls)]
    assert names.index("config.yaml") < names.index("status.json") < names.index("split.npz")
