"""A run folder in which a file is cut off or changed: it is named, and every other run is read as before."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlrun.cli.commands.logs import logs
from dlrun.cli.commands.ls import ls
from dlrun.cli.commands.show import show
from dlrun.errors import DlrunError

Shares = st.floats(0, 1, exclude_max=True)


class TwoRuns:
    """A folder with a whole run and one to be damaged."""

    def __init__(self, folder: Path, run: Path) -> None:
        self.runs_dir = folder
        self.good = folder / run.name
        self.bad = folder / f"{run.name[:-4]}ffff"
        self._source = run
        for copy in (self.good, self.bad):
            shutil.copytree(run, copy)
        self.names = sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())

    @contextlib.contextmanager
    def damaged(self, name: str, content: bytes) -> Iterator[None]:
        """Let a file of one run hold something else."""
        (self.bad / name).write_bytes(content)
        try:
            yield
        finally:
            (self.bad / name).write_bytes((self._source / name).read_bytes())

    def content(self, name: str) -> bytes:
        return (self._source / name).read_bytes()

    def command(self, function: Callable[..., None], *arguments: str, json: bool = False) -> tuple[str, str]:
        """Run a command as the command line does; return what it printed, and the error that it told if it failed.

        An error that is none of dlrun's own is an internal error, and ends the test.
        """
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            try:
                function(*arguments, runs_dir=self.runs_dir, json=json)
            except DlrunError as error:
                return out.getvalue(), str(error)
        return out.getvalue(), ""

    def check(self, name: str) -> None:
        """Check that the commands live with the damage: they name it or read what is there, and show the good run."""
        out, error = self.command(ls, json=True)
        assert not error
        found = {run["id"]: run for run in json.loads(out)["runs"]}
        assert found[self.good.name]["state"] == "finished"
        assert found[self.good.name]["validation"]["accuracy"] > 0.8
        problem = found[self.bad.name]["problem"]
        assert problem is None or name in problem
        out, error = self.command(ls)
        assert self.good.name in out
        assert not error
        for command in (show, logs):
            for as_json in (False, True):
                _, error = self.command(command, self.bad.name, json=as_json)
                assert not error or name in error, error
        self.command(show, "best")


@pytest.fixture(scope="module")
def two_runs(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> TwoRuns:
    return TwoRuns(tmp_path_factory.mktemp("two") / "runs", finished)


READ = ("config.yaml", "dataset.json", "metrics.json", "output.log", "source.yaml", "status.json")
"""Files that the commands look into."""


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.999])
def test_every_file_cut_off(two_runs: TwoRuns, share: float) -> None:
    for name in two_runs.names:
        content = two_runs.content(name)
        with two_runs.damaged(name, content[: int(len(content) * share)]):
            two_runs.check(name)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(READ), Shares)
def test_a_file_cut_off_anywhere(two_runs: TwoRuns, name: str, share: float) -> None:
    content = two_runs.content(name)
    with two_runs.damaged(name, content[: int(len(content) * share)]):
        two_runs.check(name)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(READ), st.lists(st.tuples(Shares, st.integers(1, 255)), min_size=1, max_size=8))
def test_bytes_flipped(two_runs: TwoRuns, name: str, flips: list[tuple[float, int]]) -> None:
    content = bytearray(two_runs.content(name))
    for share, bits in flips:
        content[int(len(content) * share)] ^= bits
    with two_runs.damaged(name, bytes(content)):
        two_runs.check(name)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a JSON value in which another stands at a path."""
    if not path:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


ODD: tuple[Any, ...] = (
    None, True, -1, 10**400, 1e308, "", "\x1b[31m$x$", [], {}, [[]], {"": None},
    "9999-99-99", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
)  # fmt: skip


@pytest.mark.parametrize("name", ["dataset.json", "metrics.json", "status.json"])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_another_value_in_a_json_file(two_runs: TwoRuns, name: str, data: st.DataObject) -> None:
    value = json.loads(two_runs.content(name))
    path = data.draw(st.sampled_from(list(places(value))))
    odd = data.draw(st.sampled_from(ODD))
    with two_runs.damaged(name, json.dumps(replaced(value, path, odd)).encode()):
        two_runs.check(name)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize(
    "content",
    [b"\x00" * 1000, b"[" * 100_000, b"{" * 100_000, b"\xff\xfe", b"null", b"- " * 100_000, b'"' + b"a" * 2_000_000],
    ids=["zeros", "brackets", "braces", "not text", "null", "dashes", "long"],
)
def test_a_file_with_other_content(two_runs: TwoRuns, name: str, content: bytes) -> None:
    with two_runs.damaged(name, content):
        two_runs.check(name)


@pytest.mark.parametrize("name", READ)
def test_a_folder_in_place_of_a_file(two_runs: TwoRuns, name: str) -> None:
    path = two_runs.bad / name
    path.unlink()
    path.mkdir()
    try:
        two_runs.check(name)
    finally:
        path.rmdir()
        path.write_bytes(two_runs.content(name))


@pytest.mark.parametrize("name", READ)
def test_a_file_that_is_missing(two_runs: TwoRuns, name: str) -> None:
    path = two_runs.bad / name
    path.unlink()
    try:
        two_runs.check(name)
    finally:
        path.write_bytes(two_runs.content(name))
