"""selection.json: read as it was written, and refused where a stranger has changed it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlrun.errors import StorageError
from dlrun.records.folder import RunFolder
from dlrun.studies.state.selection import FILE, Selected

FINAL = "20260101-000000-winner-0003-abcd"


@pytest.mark.parametrize(
    "selected",
    [
        Selected(),
        Selected({"3": {"1": 0.5, "2": None}}, {"3": FINAL}),
        Selected({"0": {}}, {}, reason="the loss was NaN"),
    ],
)
def test_it_comes_back_as_it_was_written(tmp_path: Path, selected: Selected) -> None:
    folder = RunFolder(tmp_path)
    selected.write(folder)
    assert Selected.read(folder) == selected
    assert ("reason" in folder.read_json(FILE)) == (selected.reason is not None)


def test_a_study_that_has_settled_nothing_has_no_file(tmp_path: Path) -> None:
    assert Selected.read(RunFolder(tmp_path)) == Selected()


@pytest.mark.parametrize(
    "changed",
    [
        {"finals": {"3": f"../../{FINAL}"}},
        {"finals": {"3": "/etc"}},
        {"finals": {"3": f"{FINAL}/../{FINAL}"}},
        {"finals": {"3": f"{FINAL}\0"}},
        {"finals": {"3": 7}},
        {"finals": [FINAL]},
        {"finals": None},
        {"rescored": {"3": {"1": "0.5"}}},
        {"rescored": {"3": {"1": True}}},
        {"rescored": {"3": [0.5]}},
        {"rescored": 1},
        {"reason": {}},
    ],
)
def test_what_leads_elsewhere_or_is_no_score_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json(FILE, {"format": 1, "rescored": {}, "finals": {}} | changed)
    with pytest.raises(StorageError, match="does not hold what a study has selected"):
        Selected.read(folder)


def test_a_file_without_its_parts_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for content in ("[]", "{}", '{"finals": {}}', "7"):
        folder.write_text(FILE, content)
        with pytest.raises(StorageError, match="does not hold what a study has selected"):
            Selected.read(folder)
