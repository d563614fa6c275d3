"""Row hashes: equal for equal rows alone."""

from __future__ import annotations

import numpy as np
import polars as pl

from dlrun.experiment.datasets.row_hashes import row_hashes


def test_rows_of_tables_are_known_whatever_stands_around_them() -> None:
    table = pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "y|z"], "c": [True, False, True]})
    hashes = row_hashes(table)
    assert hashes.dtype == np.uint64
    assert len(set(hashes.tolist())) == 3
    turned = table[::-1].with_columns(more=pl.lit(1)).select("c", "more", "b", "a")
    assert np.array_equal(row_hashes(turned, table.columns)[::-1], hashes)
    for form in (pl.Float64, pl.String):
        assert np.array_equal(row_hashes(table.with_columns(pl.col("a").cast(form))), hashes)
    for changed in (table.with_columns(a=pl.Series([1, 3, None])), table.with_columns(b=pl.Series(["x", "", "y|z"]))):
        assert (row_hashes(changed) == hashes).tolist() == [True, False, True]


def test_cells_do_not_run_together() -> None:
    one, other = pl.DataFrame({"a": ["x'|'y"], "b": ["z"]}), pl.DataFrame({"a": ["x"], "b": ["y'|'z"]})
    assert row_hashes(one) != row_hashes(other)


def test_rows_of_arrays_are_known_by_their_numbers() -> None:
    x = np.array([[0.5, -0.0], [np.nan, 2.0]])
    assert np.array_equal(row_hashes(x), row_hashes(np.array([[0.5, 0.0], [np.nan, 2.0]], np.float32)))
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    assert np.array_equal(row_hashes(pixels)[1:], row_hashes(pixels[1:]))
    assert len(set(row_hashes(pixels).tolist())) == 3
    assert len(row_hashes(pixels[:0])) == 0
