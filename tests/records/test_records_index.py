"""The list of runs, and the names that a run answers to."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlrun.base.inside import inside
from dlrun.errors import StorageError, UsageError
from dlrun.records import index as index_module
from dlrun.records.find import find_run
from dlrun.records.folder import RunFolder
from dlrun.records.index import RunSummary, index, run_folders, summarize
from dlrun.records.kinds import kinds
from dlrun.records.status import Heartbeat

START = datetime(2026, 11, 21, 19, 15, 2, tzinfo=UTC)


def finished(
    runs: Path,
    name: str = "x",
    *,
    minute: int = 0,
    metrics: dict[str, Any] | None = None,
    fingerprint: str = "f",
    task: str = "binary",
    state: str = "finished",
) -> RunFolder:
    folder = RunFolder.claim(runs, name, now=START + timedelta(minutes=minute))
    folder.write_text("config.yaml", "dataset: {kind: csv, path: a.csv}\nmodel:\n  kind: network\n")
    with Heartbeat(folder) as heartbeat:
        if state != "finished":
            heartbeat.end(state)  # type: ignore[arg-type]
    folder.write_json("dataset.json", {"fingerprint": fingerprint})
    scores = {"task": task, "monitor": "val_loss", "validation": {"loss": 0.5, "accuracy": 0.5}, "test": {"loss": 0.6}}
    folder.write_json("metrics.json", scores | (metrics or {}))
    return folder


def find(runs: Path, reference: str, **options: Any) -> RunFolder:
    return find_run(runs, reference, higher_is_better=lambda metric: metric == "accuracy", **options)


def test_a_list_without_runs(tmp_path: Path) -> None:
    assert index(tmp_path / "absent") == []
    assert index(tmp_path) == []


def test_a_runs_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(StorageError, match="cannot read"):
        index(tmp_path / "runs")


def test_runs_are_listed_by_time_with_their_scores(tmp_path: Path) -> None:
    later, earlier = finished(tmp_path, "a", minute=1), finished(tmp_path, "b", minute=0)
    (tmp_path / "notes").mkdir()
    (tmp_path / ".gitkeep").write_text("")
    runs = index(tmp_path)
    assert [run.id for run in runs] == [earlier.id, later.id]
    run = runs[0]
    assert (run.state, run.dataset, run.model, run.task, run.fingerprint) == (
        "finished",
        "csv",
        "network",
        "binary",
        "f",
    )
    assert (run.monitor, run.primary, run.validation) == ("val_loss", "loss", {"loss": 0.5, "accuracy": 0.5})
    assert run.test == {"loss": 0.6}
    assert run.problem is None
    assert [run.id for run in index(tmp_path, last=1)] == [later.id]
    assert index(tmp_path, last=0) == []


def test_a_run_that_just_began_has_no_scores_yet(tmp_path: Path) -> None:
    folder = RunFolder.claim(tmp_path, "x")
    folder.write_text("config.yaml", "dataset: digits\n")
    with Heartbeat(folder):
        run = summarize(folder)
    assert (run.state, run.dataset, run.model, run.validation, run.problem) == ("running", "digits", None, None, None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("status.json", b"{"),
        ("status.json", b"[" * 50_000),
        ("metrics.json", b"[1]"),
        ("metrics.json", b"\xff"),
        ("config.yaml", b"a: [\x00"),
        ("config.yaml", b"[" * 50_000),
        ("config.yaml", b"x" * 1_000_001),
        ("config.yaml", b"{" * 50_000),
        ("config.yaml", b"- " * 50_000 + b"a"),
    ],
)
def test_damaged_folders_are_listed_with_the_reason(tmp_path: Path, name: str, content: bytes) -> None:
    good = finished(tmp_path, minute=0)
    bad = finished(tmp_path, minute=1)
    bad.file(name).write_bytes(content)
    runs = index(tmp_path)
    assert [run.id for run in runs] == [good.id, bad.id]
    assert runs[0].problem is None
    assert name in str(runs[1].problem)
    assert runs[1].state is None


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["status.json", "metrics.json", "dataset.json", "config.yaml"]),
    content=st.binary(max_size=40) | st.recursive(
        st.none() | st.floats() | st.text(max_size=4), lambda inner: st.dictionaries(
            st.sampled_from(["validation", "test", "monitor", "task", "loss", "model", "kind"]), inner, max_size=3
        )
    ).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
def test_no_content_breaks_the_list(tmp_path: Path, name: str, content: bytes) -> None:
    folder = RunFolder(tmp_path / "20261121-191502-x-aaaa")
    if not folder.path.exists():
        finished(tmp_path).path.rename(folder.path)
    kept = folder.file(name).read_bytes()
    folder.file(name).write_bytes(content)
    try:
        assert isinstance(summarize(folder), RunSummary)
    finally:
        folder.file(name).write_bytes(kept)


def test_a_run_answers_to_its_id_and_its_beginning(tmp_path: Path) -> None:
    first, second = finished(tmp_path, "a"), finished(tmp_path, "b", minute=1)
    assert find(tmp_path, first.id) == first
    assert find(tmp_path, second.id[:15]) == second
    assert find(tmp_path, str(first.path)) == first
    assert find(tmp_path, str(first.path) + "/") == first


def test_an_id_that_is_the_beginning_of_another(tmp_path: Path) -> None:
    first = finished(tmp_path)
    longer = RunFolder(first.path.with_name(first.id + "ab"))
    longer.path.mkdir()
    assert find(tmp_path, first.id) == first


def test_ambiguous_beginnings_list_the_runs(tmp_path: Path) -> None:
    ids = [finished(tmp_path, minute=minute).id for minute in range(10)]
    with pytest.raises(UsageError, match="beginning of 10 runs") as caught:
        find(tmp_path, "2026")
    assert ids[0] in caught.value.message
    assert "and 2 more" in caught.value.message


def test_a_run_answers_to_any_part_of_its_id_that_no_other_has(tmp_path: Path) -> None:
    forest, network = finished(tmp_path, "titanic-rf"), finished(tmp_path, "titanic-net", minute=1)
    assert find(tmp_path, "titanic-rf") == forest
    assert find(tmp_path, network.id[-6:]) == network
    assert find(tmp_path, "191602-titanic") == network
    with pytest.raises(UsageError, match="'titanic' is a part of 2 runs") as caught:
        find(tmp_path, "titanic")
    assert forest.id in caught.value.message
    assert network.id in caught.value.message


def test_what_begins_an_id_goes_before_what_stands_inside_of_one(tmp_path: Path) -> None:
    inside = finished(tmp_path, "20261121")
    begun = RunFolder(tmp_path / "20261121-191503-x-0000")
    inside.path.rename(tmp_path / "20250101-000000-20261121-ffff")
    begun.path.mkdir()
    assert find(tmp_path, "20261121") == begun


def test_trials_answer_to_a_part_of_their_id_behind_the_runs(tmp_path: Path) -> None:
    study = finished(tmp_path, "study")
    study.write_json("study.json", {"trials": 2})
    trials = [finished(study.path / "trials", name, minute=1) for name in ("x-00001", "x-00002")]
    assert find(tmp_path, "00002") == trials[1]
    with pytest.raises(UsageError, match="'x-0000' is a part of 2 trials"):
        find(tmp_path, "x-0000")
    run = finished(tmp_path, "y-00002", minute=2)
    assert find(tmp_path, "00002") == run


def test_unknown_runs_suggest_near_ones(tmp_path: Path) -> None:
    folder = finished(tmp_path, "digits-dense")
    with pytest.raises(UsageError, match="there is no run") as caught:
        find(tmp_path, folder.id.replace("dense", "danse"))
    assert folder.id in str(caught.value.remedy)
    with pytest.raises(UsageError) as caught:
        find(tmp_path / "empty", "digits")
    assert "dlrun train" in str(caught.value.remedy)


@pytest.mark.parametrize("reference", ["", "../x", "a/../../b", "/etc/passwd", "/etc", "a\0b", "a\nb", ".", "..", "-x"])
def test_references_that_are_refused(tmp_path: Path, reference: str) -> None:
    finished(tmp_path)
    with pytest.raises(UsageError) as caught:
        find(tmp_path, reference)
    assert caught.value.message.isprintable()


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = finished(tmp_path / "outside")
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / outside.id).symlink_to(outside.path)
    assert run_folders(runs) == []
    with pytest.raises(UsageError, match="is a link"):
        find(runs, outside.id)
    with pytest.raises(UsageError, match="is a link"):
        find(runs, str(runs / outside.id))


def test_a_renamed_folder_answers_to_its_new_name(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    folder.path.rename(tmp_path / "champion")
    assert find(tmp_path, "champion").path == tmp_path / "champion"


def test_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError):
        find(tmp_path, "latest")
    finished(tmp_path, "b", minute=0)
    same_second = [finished(tmp_path, name, minute=1) for name in ("z", "a")]
    for folder, started in zip(same_second, ("19:15:02.100", "19:15:02.200"), strict=True):
        folder.write_json("status.json", folder.read_json("status.json") | {"started": f"2026-11-21T{started}+00:00"})
    assert find(tmp_path, "latest") == same_second[1]


def test_best_compares_validation_scores_of_runs_on_the_same_data(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no finished run"):
        find(tmp_path, "best")
    scores = [(0.3, 0.7), (0.4, 0.9), (0.5, 0.8)]
    runs = [
        finished(tmp_path, minute=minute, metrics={"validation": {"loss": loss, "accuracy": accuracy}})
        for minute, (loss, accuracy) in enumerate(scores)
    ]
    perfect = {"validation": {"loss": 0.0, "accuracy": 1.0}}
    finished(tmp_path, minute=0, metrics=perfect, fingerprint="other data")
    finished(tmp_path, minute=0, metrics=perfect, task="multiclass")
    finished(tmp_path, minute=0, metrics=perfect, state="failed")
    finished(tmp_path, minute=0, metrics={"validation": {"loss": None, "accuracy": None}})
    assert find(tmp_path, "best") == runs[0]
    assert find(tmp_path, "best", metric="accuracy") == runs[1]
    with pytest.raises(UsageError, match="no finished run has a validation score 'auc'") as caught:
        find(tmp_path, "best", metric="auc")
    assert "loss, accuracy" in str(caught.value.remedy)


def test_listing_is_fast_without_the_metrics_of_older_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for minute in range(5):
        finished(tmp_path, minute=minute)
    read: list[str] = []
    summarize_one = index_module.summarize
    monkeypatch.setattr(index_module, "summarize", lambda folder: (read.append(folder.id), summarize_one(folder))[1])
    assert len(index(tmp_path, last=2)) == 2
    assert len(read) == 2


def test_kinds_are_those_of_the_sections_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "dataset: {columns: {kind: wrong}, kind: csv, list: [{kind: wrong}]}\nmodel: linear\n"
        "training:\n  kinds: [kind, wrong]\n  kind: !!str right\n"
        "? [a, b]\n: wrong\nname: &anchor x\n? *anchor\n: *anchor\nlast: {}\nempty:\n"
    )
    found = kinds(inside(path.parent) / path.name)
    expected = {"dataset": "csv", "model": "linear", "training": "right", "name": "x", "empty": ""}
    assert {name: kind for name, kind in found.items() if name} == expected
