"""Overlap: which labelled rows a run has learned from, by their inputs; scores on these flatter."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DlrunError
from dlrun.experiment.datasets.row_hashes import row_hashes
from dlrun.predictions.predictor import Description
from dlrun.records.stored import Stored

_MOST_VALUES = 20_000_000
"""Values that are read again and compared; they take some seconds."""

_ROWS_AT_ONCE = 65_536


def overlap_note(stored: Stored, description: Description, hashes: NDArray[np.uint64], test: NDArray[np.uint64]) -> str:
    """Say how many rows have the inputs of rows that the run learned from or was chosen by; empty if none has.

    Args:
        stored: The run's files.
        description: What it predicts, from what.
        hashes: Hashes of the rows that were scored.
        test: Hashes of the test rows of the run, which it has not learned from.
    """
    facts, source = description.facts, description.experiment.dataset
    if source.runs_code:  # which nobody has vouched for here
        return ""
    name = getattr(source, "path", source.kind)
    if facts.num_rows * prod(facts.input_shape) > _MOST_VALUES:
        return _not_compared("they are too many")
    try:
        dataset = source.load()
    except DlrunError:
        return _not_compared(f"'{name}' cannot be read any more")
    if dataset.fingerprint != stored.json("dataset.json").get("fingerprint"):
        return _not_compared(f"'{name}' has changed since")
    (test_rows,) = stored.arrays("split.npz", "test")
    learned = np.setdiff1d(np.arange(dataset.num_rows), test_rows)
    known = np.zeros(len(hashes), bool)
    for first in range(0, len(learned), _ROWS_AT_ONCE):
        x = dataset.x[learned[first : first + _ROWS_AT_ONCE]]
        known |= np.isin(hashes, row_hashes(x, tuple(description.columns)))
    number = int((known & ~np.isin(hashes, test)).sum())
    if not number:
        return ""
    rows = f"{number:,} of these {len(hashes):,} rows {'has' if number == 1 else 'have'}"
    return f"{rows} the inputs of rows that the run learned from or was chosen by: scores on these flatter"


def _not_compared(why: str) -> str:
    return f"not compared with the rows that the run learned from: {why}"
