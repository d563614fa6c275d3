"""`dlrun rm`, `dlrun gc` and `dlrun reproduce`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from dlrun.cli.app import run
from dlrun.errors import UsageError
from dlrun.records.lock import locked
from dlrun.records.removal import parse_bytes

FOREST = "dataset: {kind: iris}\nmodel: {kind: random_forest, num_trees: 3}\n"


@pytest.fixture
def runs(dlrun: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(dlrun.folder)
    monkeypatch.delenv("DLRUN_RUNS", raising=False)
    return Path(dlrun.folder) / "runs"


class Terminal:
    """Standard input with somebody who answers."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.answer


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 1), ("yes\n", 0, 1), ("n\n", 1, 2), ("", 1, 2)])
def test_rm_asks(
    runs: Path,
    make_run: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    code: int,
    left: int,
) -> None:
    first = make_run(runs)
    make_run(runs, minute=1)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert run(["rm", first.id]) == code
    told = capsys.readouterr().out
    assert "Remove 1 run for good? [y/N]" in told
    assert ("nothing was removed" in told) == (code == 1)
    assert len(list(runs.iterdir())) == left


def test_rm_without_anybody_to_ask(dlrun: Any, make_run: Any) -> None:
    folder = make_run(dlrun.folder / "runs")
    ended = dlrun("rm", "latest")
    assert ended.code == 2
    assert "Say yes with -y." in ended.err
    assert folder.path.is_dir()
    removed = dlrun("rm", "latest", folder.id, "-y", "--json")
    assert json.loads(removed.out)["removed"] == [str(folder.path)]
    assert list(folder.path.parent.iterdir()) == []


def test_rm_leaves_alone_what_links_lead_to(runs: Path, make_run: Any, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "bird").write_text("alive")
    folder = make_run(runs)
    (folder.path / "link").symlink_to(canary)
    (folder.path / ".lock").symlink_to(canary / "bird")
    assert run(["rm", "-y", folder.id]) == 1
    (folder.path / ".lock").unlink()
    assert run(["rm", "-y", folder.id]) == 0
    assert (canary / "bird").read_text() == "alive"
    assert not folder.path.exists()


@pytest.mark.parametrize("status", ['{"service": "up"}', "[]", "{"])
def test_rm_removes_no_folder_that_dlrun_has_not_made(
    runs: Path, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    project = runs.parent / "project"
    project.mkdir(parents=True)
    (project / "status.json").write_text(status)
    (project / "thesis.tex").write_text("precious")
    assert run(["rm", "-y", str(project)]) == 2
    assert "is no run folder" in capsys.readouterr().err
    assert (project / "thesis.tex").read_text() == "precious"


def test_rm_removes_damaged_runs_and_renamed_ones(runs: Path, make_run: Any) -> None:
    damaged, renamed = make_run(runs), make_run(runs, minute=1)
    (damaged.path / "status.json").write_text("{")
    renamed.path.rename(runs / "champion")
    assert run(["rm", "-y", damaged.id, str(runs / "champion")]) == 0
    assert list(runs.iterdir()) == []


def test_rm_and_gc_leave_a_study_alone_whose_lock_is_held(
    runs: Path, make_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_run(runs)
    study.write_json("study.json", {"trials": 3})
    study.write_text("shared/x.npy", "data that the workers share")
    study.write_text(".config-0123abcd.tmp.yaml", "half")
    with locked(study):
        assert run(["gc"]) == 0
        assert run(["rm", "-y", study.id]) == 2
    assert "in the hands of" in capsys.readouterr().err
    assert study.file("shared/x.npy").is_file()
    assert study.file(".config-0123abcd.tmp.yaml").is_file()


def test_gc_takes_only_what_nobody_needs(runs: Path, make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    finished, failed = make_run(runs), make_run(runs, minute=1, state="failed")
    for folder in (finished, failed):
        folder.write_text("checkpoints/fits/fold-0.safetensors", "x" * 100)
        folder.write_text("checkpoints/best/fold-0.safetensors", "best")
        folder.write_text("checkpoints/last/state.safetensors", "last")
        (folder.path / ".config-0123abcd.tmp.yaml").write_text("half")
    (runs / ".removed-20261121-191502-digits-0000").mkdir()
    failed.write_json("study.json", {"trials": 3})
    failed.write_text("shared/x.npy", "data that a killed driver left")
    assert run(["gc", "--dry-run"]) == 0
    assert "would free" in capsys.readouterr().out
    assert finished.file("checkpoints/fits").is_dir()
    assert run(["gc"]) == 0
    assert not finished.file("checkpoints/fits").exists()
    assert failed.file("checkpoints/fits/fold-0.safetensors").is_file()
    assert not failed.file("shared").exists()
    for folder in (finished, failed):
        assert {path.name for path in (folder.path / "checkpoints").rglob("*.*")} >= {
            "fold-0.safetensors",
            "state.safetensors",
        }
        assert not folder.file(".config-0123abcd.tmp.yaml").exists()
    assert sorted(path.name for path in runs.iterdir()) == [finished.id, failed.id]
    capsys.readouterr()
    assert run(["gc", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == []


def test_gc_keeps_best_latest_and_interrupted_runs(runs: Path, make_run: Any) -> None:
    metrics = {"monitor": "val_accuracy", "task": "multiclass"}
    scores = [0.5, 0.9, 0.6, 0.7]
    folders = [
        make_run(runs, minute=minute, metrics=metrics | {"validation": {"accuracy": score}})
        for minute, score in enumerate(scores)
    ]
    stopped = make_run(runs, minute=len(scores), metrics=None, state="interrupted")
    latest = make_run(runs, minute=len(scores) + 1, metrics=metrics | {"validation": {"accuracy": 0.1}})
    size = sum(file.stat().st_size for file in folders[0].path.rglob("*"))
    assert run(["gc", "--budget", str(5 * size), "-y"]) == 0
    assert not folders[0].path.exists()
    assert folders[2].path.exists()
    assert run(["gc", "--budget", "0", "-y"]) == 0
    assert sorted(path.name for path in runs.iterdir()) == [folders[1].id, stopped.id, latest.id]


def test_members_stay_as_long_as_their_ensemble(runs: Path, make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"monitor": "val_accuracy", "task": "multiclass", "validation": {"accuracy": 0.5}}
    member, study, other = (make_run(runs, minute=minute, metrics=metrics) for minute in range(3))
    trial = study.path / "trials/0003"
    trial.mkdir(parents=True)
    ensemble = make_run(runs, minute=3, metrics=metrics)
    paths = {member.id: f"../{member.id}", "0003": f"../{study.id}/trials/0003"}
    ensemble.write_json("members.json", {"members": [{"id": name, "path": path} for name, path in paths.items()]})
    best = make_run(runs, minute=4, metrics=metrics | {"validation": {"accuracy": 0.9}})

    def budget(num_bytes: int) -> list[str]:
        assert run(["gc", "--budget", str(num_bytes), "-y", "--dry-run", "--json"]) == 0
        return [Path(item["path"]).name for item in json.loads(capsys.readouterr().out)["removed"]]

    size = sum(file.stat().st_size for folder in runs.iterdir() for file in folder.rglob("*") if file.is_file())
    assert budget(size - 1) == [other.id]
    assert budget(0) == [other.id, ensemble.id, member.id, study.id]
    (runs.parent / "sub").mkdir()
    told = f"{member.id} is a member of {ensemble.id}, which then cannot predict any more"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(runs.parent / "sub")
        patch.setattr(sys, "stdin", Terminal("n\n"))
        assert run(["rm", member.id, "--runs-dir", "../runs"]) == 1
        assert told in capsys.readouterr().out
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", Terminal("n\n"))
        assert run(["rm", member.id]) == 1
        assert told in capsys.readouterr().out
        assert run(["rm", member.id, ensemble.id]) == 1
        assert told not in capsys.readouterr().out
        assert run(["rm", member.id, "--json"]) == 1
        assert json.loads(capsys.readouterr().out) == {"removed": [], "bytes": 0}
        assert run(["gc", "--budget", "0", "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["removed"] == []
    assert run(["rm", "-y", ensemble.id]) == 0
    capsys.readouterr()
    assert budget(0) == [member.id, study.id, other.id]
    assert best.path.exists()


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("1kB", 1000), ("1.5 KiB", 1536), ("2GB", 2 * 10**9), ("3GiB", 3 * 2**30), ("0", 0)],
)
def test_bytes(text: str, number: int) -> None:
    assert parse_bytes(text) == number


@pytest.mark.parametrize("text", ["", "GB", "-1", "1XB", "1e9", "nan"])
def test_no_bytes(text: str) -> None:
    with pytest.raises(UsageError, match="number of bytes"):
        parse_bytes(text)


def test_reproduce_says_whether_and_what_differs(
    dlrun: Any, runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (dlrun.folder / "forest.yaml").write_text(FOREST)
    assert run(["train", "forest.yaml", "--json"]) == 0
    original = json.loads(capsys.readouterr().out)["id"]
    assert run(["reproduce", original, "--json"]) == 0
    captured = capsys.readouterr()
    made = json.loads(captured.out)
    assert (made["exact"], made["differences"], made["original"]) == (True, [], original)
    assert f"the same to the last bit as {original}" in captured.err
    assert made["id"] != original

    config = runs / original / "config.yaml"
    config.write_text(config.read_text().replace("max_depth: null", "max_depth: 1"))
    environment = runs / original / "environment.json"
    recorded = json.loads(environment.read_text())
    recorded["packages"]["scikit-learn"] = "0.1"
    environment.write_text(json.dumps(recorded))
    assert run(["reproduce", original, "--json"]) == 1
    made = json.loads(capsys.readouterr().out)
    assert made["exact"] is False
    assert any(line.startswith("metrics: ") for line in made["differences"])
    assert "predictions: predictions/test.npz is not the same" in made["differences"]
    assert any(line.startswith("environment: packages.scikit-learn: 0.1 -> ") for line in made["causes"])


def test_reproduce_wants_a_finished_run(runs: Path, make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run(runs, state="failed", metrics=None)
    assert run(["reproduce", folder.id]) == 2
    assert f"the run {folder.id} is failed" in capsys.readouterr().err
