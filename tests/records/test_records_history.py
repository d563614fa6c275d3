"""history.csv: what was written reads back, and no content of the file makes reading crash."""

from __future__ import annotations

import errno
import math
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrun.base import files
from dlrun.base.inside import inside
from dlrun.errors import StorageError
from dlrun.records.history import HistoryWriter, read_history

ROWS = st.lists(
    st.tuples(st.integers(-1, 20), st.integers(1, 500), st.floats(), st.none() | st.floats(width=32)),
    min_size=1,
    max_size=8,
)


def values(loss: float, val_loss: float | None) -> dict[str, float]:
    return {"loss": loss} if val_loss is None else {"loss": loss, "val_loss": val_loss}


def same(left: list[dict[str, float]], right: list[dict[str, float]]) -> bool:
    return repr(left).replace("-0.0", "0.0") == repr(right).replace("-0.0", "0.0")


@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(min_value=0))
def test_a_torn_file_reads_as_its_whole_rows_and_can_be_continued(
    rows: list[tuple[int, int, float, float | None]], cut: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "history.csv")
        expected = []
        with HistoryWriter(inside(path.parent) / path.name) as writer:
            for fold, epoch, loss, val_loss in [(0, 1, 0.5, 0.5), *rows]:
                writer.write(fold, epoch, values(loss, val_loss))
                expected.append({"fold": fold, "epoch": epoch, **values(float(loss), val_loss)})
        whole = path.read_bytes()
        assert same(read_history(inside(path.parent) / path.name), expected)
        path.write_bytes(whole[: cut % (len(whole) + 1)])
        kept = read_history(inside(path.parent) / path.name)
        assert same(kept, expected[: len(kept)])
        with HistoryWriter(inside(path.parent) / path.name) as writer:
            writer.write(0, 9, {"loss": 0.25})
        assert same(read_history(inside(path.parent) / path.name), [*kept, {"fold": 0, "epoch": 9, "loss": 0.25}])


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"fold,epoch,loss\n0,1,0.5\n" + tail))
def test_any_bytes_read_as_rows_or_as_a_named_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "history.csv")
        path.write_bytes(content)
        try:
            rows = read_history(inside(path.parent) / path.name)
        except StorageError as error:
            assert "history.csv is damaged: line" in error.message  # noqa: PT017 - either end is right
        else:
            assert all(type(row["fold"]) is int and type(row["epoch"]) is int for row in rows)


def test_the_file_is_plain_csv(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    with HistoryWriter(inside(path.parent) / path.name) as writer:
        writer.write(0, 1, {"loss": np.float32(0.25), "val_loss": math.nan, "learning_rate": 1e-3})
        writer.write(-1, 1, {"learning_rate": 1.0, "loss": math.inf})
    assert path.read_text() == "fold,epoch,loss,val_loss,learning_rate\n0,1,0.25,nan,0.001\n-1,1,inf,,1\n"


def test_rows_are_on_their_way_before_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    writer = HistoryWriter(inside(path.parent) / path.name)
    writer.write(0, 1, {"loss": 1.5})
    assert read_history(inside(path.parent) / path.name) == [{"fold": 0, "epoch": 1, "loss": 1.5}]
    writer.close()


@pytest.mark.parametrize("values", [{"accuracy": 1.0}, {"loss": 1.0, "new": 2.0}])
def test_later_rows_bring_no_new_columns(tmp_path: Path, values: dict[str, float]) -> None:
    with HistoryWriter(inside(tmp_path) / "history.csv") as writer:
        writer.write(0, 1, {"loss": 1.0})
        with pytest.raises(ValueError, match="no columns of this history"):
            writer.write(0, 2, values)


@pytest.mark.parametrize("name", ["a,b", "a\nb", "", "fold", "ä", '"'])
def test_column_names_that_could_not_be_read_back(tmp_path: Path, name: str) -> None:
    with (
        HistoryWriter(inside(tmp_path) / "history.csv") as writer,
        pytest.raises(ValueError, match="cannot be columns"),
    ):
        writer.write(0, 1, {name: 1.0})


def test_another_file_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("something else\n")
    with pytest.raises(StorageError, match="line 1 is no row"):
        HistoryWriter(inside(path.parent) / path.name)
    assert path.read_text() == "something else\n"


def test_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with HistoryWriter(inside(tmp_path) / "history.csv") as writer:
        monkeypatch.setattr(files.os, "write", full)
        with pytest.raises(StorageError, match=r"history\.csv: the disk is full"):
            writer.write(0, 1, {"loss": 1.0})
        monkeypatch.undo()


def test_no_history(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot read .*history\.csv"):
        read_history(inside(tmp_path) / "history.csv")
    (tmp_path / "history.csv").write_bytes(b"")
    assert read_history(inside(tmp_path) / "history.csv") == []
