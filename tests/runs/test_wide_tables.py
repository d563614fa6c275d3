"""Wide tables: the work that names of columns make grows with their number, not with its square.

The work is counted instead of timed: comparisons of the names of headers and of data frames, and the lengths of the
lists of names that data frames make anew each time they are asked for their columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dlrun
from dlrun.base.words import absent, place_of
from dlrun.cli.app import run
from dlrun.experiment.datasets.readers.csv_lines import Layout

NARROW, WIDE = 100, 400
BOUND = 4.5
"""Work of the wide table over that of the narrow one; it is 16 where each name is looked for among all."""

CONFIG = "model: linear\nevaluation: {bootstrap: 10}\n"


class Work:
    """Counts what names of columns have cost."""

    def __init__(self) -> None:
        self.done = 0


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Have the names of headers and of data frames count what is done with them."""
    counted = Work()

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            counted.done += 1
            return str.__eq__(self, other)

        def __ne__(self, other: object) -> bool:
            return not self == other

    rows, columns = Layout.rows, pl.DataFrame.columns

    def counted_rows(*args: Any, **options: Any) -> Iterator[list[str]]:
        return ([Name(cell) for cell in row] for row in rows(*args, **options))

    def counted_columns(frame: pl.DataFrame) -> list[str]:
        names = columns.fget(frame)
        counted.done += len(names)
        return [Name(name) for name in names]

    monkeypatch.setattr(Layout, "rows", counted_rows)
    monkeypatch.setattr(pl.DataFrame, "columns", property(counted_columns, columns.fset))
    return counted


@pytest.fixture
def require_in_proportion(work: Work) -> Callable[[Callable[[int], object]], None]:
    """Do something with a narrow and a wide table, and compare the work."""

    def require(do: Callable[[int], object]) -> None:
        costs = []
        for width in (NARROW, WIDE):
            work.done = 0
            do(width)
            costs.append(work.done)
        assert costs[0] > 0
        assert costs[1] < BOUND * costs[0], costs

    return require


def frame_of(width: int) -> pl.DataFrame:
    """Make numbers and text, some of them missing, in a table of so many inputs."""
    inputs = {
        f"c{column}": [
            "abc"[(row + column) % 3] if column % 3 == 0 else None if (row + column) % 11 == 0 else row * column % 7
            for row in range(24)
        ]
        for column in range(width)
    }
    return pl.DataFrame({**inputs, "y": [row % 2 for row in range(24)]})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a table of each width as CSV and as Parquet."""
    monkeypatch.chdir(tmp_path)
    for width in (NARROW, WIDE):
        frame_of(width).write_csv(f"{width}.csv")
        frame_of(width).write_parquet(f"{width}.parquet")
    return tmp_path


def config(path: str, **options: Any) -> str:
    """Write a config for a table, and return its name."""
    settings = "".join(f", {name}: {value}" for name, value in options.items())
    kind = path.rpartition(".")[2]
    Path("c.yaml").write_text(f"dataset: {{kind: {kind}, path: {path}, target: y{settings}}}\n{CONFIG}")
    return "c.yaml"


def names(columns: Sequence[int]) -> str:
    return f"[{', '.join(f'c{column}' for column in columns)}]"


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_every_command_that_reads_columns(folder: Path, require_in_proportion, form: str) -> None:
    def commands(width: int) -> None:
        path, runs = f"{width}.{form}", f"runs{width}"
        assert run(["check", config(path), "--model"]) == 0
        assert run(["train", config(path), "-q", "--runs-dir", runs]) == 0
        for command in (["predict", "latest", path, "-o", "p.csv"], ["evaluate", "latest", path], ["show", "latest"]):
            assert run([*command, "--runs-dir", runs]) == 0

    require_in_proportion(commands)


def test_settings_that_name_half_of_the_columns(folder: Path, require_in_proportion) -> None:
    def check(width: int) -> None:
        half = range(1, width, 2)
        types = ", ".join(f"c{column}: categorical" for column in half if column % 4 == 1)
        dropped = names([column for column in half if column % 4 == 3])
        options = {"drop": dropped, "types": f"{{{types}}}", "test_path": f"{width}.csv", "strip": "true"}
        assert run(["check", config(f"{width}.csv", **options)]) == 0

    require_in_proportion(check)


def test_a_table_without_its_columns_is_refused(folder: Path, require_in_proportion) -> None:
    for width in (NARROW, WIDE):
        assert run(["train", config(f"{width}.csv"), "-q", "--runs-dir", f"runs{width}"]) == 0
        frame_of(width).rename({f"c{column}": f"d{column}" for column in range(0, width, 2)}).write_csv(f"{width}.csv")
    require_in_proportion(
        lambda width: run(["predict", "latest", f"{width}.csv", "-o", "p.csv", "--runs-dir", f"runs{width}"])
    )


def test_frames_from_python(folder: Path, require_in_proportion) -> None:
    def from_python(width: int) -> None:
        settings = {
            "dataset": {"kind": "memory", "target": "y", "drop": [f"c{column}" for column in range(1, width, 2)]},
            "model": "linear",
            "evaluation": {"bootstrap": 10},
        }
        trained = dlrun.train(settings, data=frame_of(width), runs_dir=f"runs{width}")
        assert len(dlrun.load(trained).predict(frame_of(width))) == 24

    require_in_proportion(from_python)


def test_names_are_found_as_lists_find_them() -> None:
    header = ["b", "", "a", "", "b"]
    assert place_of(header) == {name: header.index(name) for name in header}
    assert absent(["c", "a", "d", "c"], header) == ["c", "d", "c"]


def test_what_stands_in_for_timing_sees_a_list_that_is_searched(require_in_proportion) -> None:
    def search(width: int) -> list[str]:
        columns = frame_of(width).columns
        return [name for name in columns if str(name) not in columns]

    with pytest.raises(AssertionError):
        require_in_proportion(search)
