"""The table of trials, for people and spreadsheets."""

from __future__ import annotations

import csv
from pathlib import Path

from dlrun.records.folder import RunFolder
from dlrun.studies.report import FILE, write_table
from dlrun.studies.state.trial import Outcome, Trial


def test_text_cells_are_no_formulas_and_numbers_stay_numbers(tmp_path: Path) -> None:
    point = {"=model": "=cmd|' /C calc'!A0", "dataset.path": "@SUM(1)", "threshold": -0.5, "shift": "-1e-3"}
    outcome = Outcome("failed", -1.5, "run", "+1 is no score\t")
    write_table(RunFolder(tmp_path), [Trial(0, point, point, state="failed", outcome=outcome)])
    with (tmp_path / FILE).open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["'=model"] == "'=cmd|' /C calc'!A0"
    assert row["dataset.path"] == "'@SUM(1)"
    assert row["reason"] == "'+1 is no score\t"
    assert (row["value"], row["threshold"], row["shift"]) == ("-1.5", "-0.5", "-1e-3")
