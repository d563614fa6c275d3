"""Overlap: which labelled rows a run has learned from, by their inputs; scores on these flatter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlrun.datasets.npz import Npz
from dlrun.datasets.row_hashes import row_hashes
from dlrun.datasets.table import Table
from dlrun.errors import DlrunError
from dlrun.predicting.predictor import Description
from dlrun.predicting.stored import Stored

_LARGEST = 2**28
"""Bytes of a file that is read again for the comparison."""


def overlap_note(stored: Stored, description: Description, hashes: NDArray[np.uint64], test: NDArray[np.uint64]) -> str:
    """Say how many rows have the inputs of rows that the run learned from or was chosen by; empty if none has.

    Args:
        stored: The run's files.
        description: What it predicts, from what.
        hashes: Hashes of the rows that were scored.
        test: Hashes of the test rows of the run, which it has not learned from.
    """
    source = description.experiment.dataset
    if not isinstance(source, Table | Npz):  # a function's own code is not run for this
        return ""
    paths = [Path(path).expanduser() for path in (source.path, getattr(source, "test_path", None)) if path]
    if not all(path.is_file() for path in paths):
        return ""
    if sum(path.stat().st_size for path in paths) > _LARGEST:
        return "not compared with the rows that the run learned from, as these are many"
    learned = _learned(stored, description)
    number = int((np.isin(hashes, learned) & ~np.isin(hashes, test)).sum())
    if not number:
        return ""
    return (
        f"{number:,} of these {len(hashes):,} rows have the inputs of rows that the run learned from or was chosen by: "
        "scores on these flatter"
    )


def _learned(stored: Stored, description: Description) -> NDArray[np.uint64]:
    """Return the hashes of all rows of the run but its test rows; none if its data are not those of the time."""
    nothing: NDArray[np.uint64] = np.empty(0, np.uint64)
    try:
        dataset = description.experiment.dataset.load()
    except DlrunError:
        return nothing
    if dataset.fingerprint != stored.json("dataset.json").get("fingerprint"):
        return nothing
    (test,) = stored.arrays("split.npz", "test")
    rows = np.setdiff1d(np.arange(dataset.num_rows), test)
    return row_hashes(dataset.x[rows], tuple(description.columns))
