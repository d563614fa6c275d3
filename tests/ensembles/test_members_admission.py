"""Which runs become members, and what is said of the others."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlrun.ensembles.members.candidates import find_candidates
from dlrun.ensembles.members.members import admit
from dlrun.errors import UsageError
from dlrun.records.folder import RunFolder


@pytest.fixture
def runs(tmp_path: Path, make_stack, make_member) -> Path:
    stack = make_stack("binary", num_rows=80)
    for place in range(3):
        make_member(tmp_path / "runs", stack, place)
    return tmp_path / "runs"


def admitted(runs: Path):
    found, skipped = find_candidates(runs, [str(runs)], top=None, metric=None)
    taken = admit(found)
    return taken, {entry.id.split("-")[2]: entry.reason for entry in [*skipped, *taken.skipped]}


def test_members_are_stacked_in_order_of_their_ids(runs: Path, make_stack) -> None:
    taken, skipped = admitted(runs)
    stack = make_stack("binary", num_rows=80)
    assert [member.id[:15] for member in taken.members] == ["20261121-191502", "20261121-191602", "20261121-191702"]
    np.testing.assert_array_equal(taken.validation.y_pred, stack.y_pred[:3, :50])
    assert taken.test is not None
    np.testing.assert_array_equal(taken.test.y_pred, stack.y_pred[:3, 50:])
    assert skipped == {}


def test_another_order_of_rows_is_put_right(runs: Path, make_stack, make_member) -> None:
    folder = make_member(runs, make_stack("binary", num_rows=80), 3)
    with np.load(folder.path / "predictions/validation.npz") as stored:
        arrays = {name: stored[name][::-1] for name in stored.files}
    folder.write_npz("predictions/validation.npz", **arrays)
    taken, _ = admitted(runs)
    np.testing.assert_array_equal(taken.validation.y_pred[3], make_stack("binary", num_rows=80).y_pred[3, :50])


def spoil_state(folder: RunFolder) -> None:
    folder.write_json("status.json", folder.read_json("status.json") | {"state": "failed"})


def spoil_predictions(folder: RunFolder) -> None:
    folder.file("predictions/validation.npz").write_bytes(b"no archive")


def spoil_rows(folder: RunFolder) -> None:
    folder.write_npz("predictions/validation.npz", row=np.array([0.5]), fold=np.array([0]))


def spoil_numbers(folder: RunFolder) -> None:
    with np.load(folder.path / "predictions/validation.npz") as stored:
        arrays = {name: stored[name].copy() for name in stored.files}
    arrays["y_pred"][3] = np.nan
    folder.write_npz("predictions/validation.npz", **arrays)


def spoil_facts(folder: RunFolder) -> None:
    folder.write_json("dataset.json", [1])


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_state, "not finished: failed"),
        (spoil_predictions, "predictions/validation.npz is damaged"),
        (spoil_rows, "rows and folds must be whole numbers"),
        (spoil_numbers, "holds NaN or infinite predictions"),
        (spoil_facts, "dataset.json is damaged"),
        (lambda folder: folder.write_json("metrics.json", [1]), "metrics.json is damaged"),
        (lambda folder: (folder.path / "config.yaml").unlink(), "cannot read"),
        (lambda folder: (folder.path / "predictions/test.npz").unlink(), "another split: 30 rows are in only one"),
        (lambda folder: (folder.path / "dataset.json").unlink(), "cannot read"),
        (lambda folder: (folder.path / "dataset.json").write_text("{"), "is not JSON"),
        (lambda folder: folder.write_json("members.json", {}), "an ensemble, whose weights have seen"),
    ],
)
def test_a_run_that_cannot_be_a_member_is_named_with_the_reason(runs, make_stack, make_member, spoil, reason) -> None:
    spoil(make_member(runs, make_stack("binary", num_rows=80), 3, name="odd"))
    taken, skipped = admitted(runs)
    assert len(taken.members) == 3
    assert reason in skipped["odd"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fingerprint": "e" * 64}, "another dataset: made (eeeeeeeeeeee), where the members have made (ffffffffffff)"),
        ({"state": "running", "heartbeat": "2026-11-21T00:00:00+00:00"}, "not finished: lost"),
    ],
)
def test_other_data_and_states(runs, make_stack, make_member, change, reason) -> None:
    make_member(runs, make_stack("binary", num_rows=80), 3, name="odd", **change)
    taken, skipped = admitted(runs)
    assert len(taken.members) == 3
    assert skipped["odd"] == reason


def test_members_may_read_other_inputs_of_the_same_rows(tmp_path: Path, make_stack, make_member) -> None:
    """Runs from before targets had a fingerprint go with those that have the same whole dataset, and with no others."""
    stack = make_stack("binary", num_rows=80)
    for place, (fingerprint, targets) in enumerate(
        [("a" * 64, "t" * 64), ("b" * 64, "t" * 64), ("a" * 64, ""), ("c" * 64, ""), ("d" * 64, "u" * 64)]
    ):
        make_member(tmp_path, stack, place, name=f"m{place}", fingerprint=fingerprint, targets=targets)
    taken, skipped = admitted(tmp_path)
    assert [member.id.split("-")[2] for member in taken.members] == ["m0", "m1", "m2"]
    assert set(skipped) == {"m3", "m4"}
    assert all("another dataset: made" in reason for reason in skipped.values())


def test_models_can_be_needed(runs: Path) -> None:
    first = sorted(runs.iterdir())[0]
    (first / "model").rmdir()
    found, _ = find_candidates(runs, [str(runs)], top=None, metric=None)
    assert len(admit(found).members) == 3
    taken = admit(found, need_models=True)
    assert [(entry.id, entry.reason) for entry in taken.skipped] == [
        (first.name, "it keeps no model (missing_models=leave_out)")
    ]


def test_other_splits(runs, make_stack, make_member) -> None:
    stack = make_stack("binary", num_rows=80)
    make_member(runs, replace(stack, rows=np.roll(stack.rows, 10)), 3, name="rolled")
    make_member(runs, replace(stack, rows=np.where(stack.rows < 50, stack.rows + 100, stack.rows)), 4, name="other")
    make_member(runs, replace(stack, folds=(stack.rows >= 25).astype(np.int64)), 5, name="folds")
    _, skipped = admitted(runs)
    assert skipped["rolled"] == "another split: 20 rows are in only one of its test set and that of the members"
    assert skipped["other"] == "another split: 50 of its 50 validation rows are none of the members'"
    assert skipped["folds"] == "another split: the same rows are divided into other folds"


def test_other_true_values(runs, make_stack, make_member) -> None:
    stack = make_stack("binary", num_rows=80)
    make_member(runs, replace(stack, y_true=1 - stack.y_true), 3, name="flipped")
    _, skipped = admitted(runs)
    assert "other true values" in skipped["flipped"]


def test_the_larger_group_is_taken(tmp_path: Path, make_stack, make_member) -> None:
    binary, numbers = make_stack("binary", num_rows=80), make_stack("regression", num_rows=80)
    make_member(tmp_path, binary, 0, name="alone")
    make_member(tmp_path, numbers, 1)
    make_member(tmp_path, numbers, 2)
    taken, skipped = admitted(tmp_path)
    assert taken.members[0].task == "regression"
    assert skipped["alone"] == "another task: binary, where the members have regression"


def test_a_copied_run_counts_once(runs: Path) -> None:
    first = sorted(runs.iterdir())[0]
    shutil.copytree(first, runs / "saved" / first.name)
    found, _ = find_candidates(runs, [f"{runs}/*"], top=None, metric=None)
    taken = admit(found)
    assert len(found) == 4
    assert [member.run.path for member in taken.members] == sorted(
        path for path in runs.iterdir() if path.name[0] == "2"
    )
    assert [(entry.id, entry.reason) for entry in taken.skipped] == [(first.name, f"a copy of the run in {runs}")]


def test_references_of_all_kinds(runs: Path, monkeypatch) -> None:
    monkeypatch.chdir(runs.parent)
    (runs / "notes.txt").write_text("mine")
    (runs / "ledger.jsonl").write_text("")
    (runs / "folder").mkdir()
    (runs / "linked").symlink_to(runs / "folder")
    first = sorted(path.name for path in runs.iterdir())[0]
    for references in (["runs/*"], [str(runs)], ["latest", first, first[:15], f"runs/{first}", "runs/*1602*"]):
        found, _ = find_candidates(runs, references, top=None, metric=None)
        assert len(found) == 3
    _, skipped = find_candidates(runs, ["runs/*"], top=None, metric=None)
    assert {entry.id: entry.reason for entry in skipped} == {
        "notes.txt": "a file, not a run folder",
        "folder": "not a run folder: it holds no status.json",
        "linked": "a link; name the folder that it leads to",
    }


@pytest.mark.parametrize("reference", ["nothing", "nothing*", "", "a\0b", "../../nowhere"])
def test_references_to_nothing(runs: Path, reference: str) -> None:
    with pytest.raises(UsageError):
        find_candidates(runs, [reference], top=None, metric=None)


def test_the_best_trials_of_a_study(tmp_path: Path, make_stack, make_member) -> None:
    stack = make_stack("binary", num_rows=80, noise=(1.0, 1.0, 1.0, 1.0))
    trials = tmp_path / "study" / "trials"
    for place in range(4):
        folder = make_member(trials, stack, place)
        folder.write_json("metrics.json", {"monitor": "val_auc", "validation": {"auc": [0.7, 0.9, 0.6, 0.8][place]}})
    make_member(trials, stack, 4, name="stopped", state="pruned")
    (tmp_path / "study" / "status.json").write_text("{}")
    found, _ = find_candidates(tmp_path, [str(tmp_path / "study")], top=2, metric=None)
    assert [run.id[-1] for run in found] == ["1", "3", "0", "2"], "which ones count is told by rows, later"
    assert len(find_candidates(tmp_path, [str(tmp_path / "study")], top=None, metric=None)[0]) == 5
    with pytest.raises(UsageError, match="no finished trial of the study study has a validation score 'rmse'"):
        find_candidates(tmp_path, [str(tmp_path / "study")], top=2, metric="rmse")


def test_nobody_is_left(runs: Path) -> None:
    for path in runs.iterdir():
        spoil_state(RunFolder(path))
    with pytest.raises(UsageError, match="no run can be a member\n20261121-191502-network-0000: not finished: failed"):
        admit(find_candidates(runs, [str(runs)], top=None, metric=None)[0])
