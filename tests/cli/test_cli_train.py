"""`dlrun train`: the real program, from the command line to the run folder."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path

import pytest

QUICK = ["training.epochs=2", "training.early_stopping=false", "model.layers=[dense: 8]"]


@pytest.fixture(scope="module")
def trained(program, tmp_path_factory):
    """The packaged quickstart, trained for two epochs with --json; and the program in the same folder."""
    dlrun = program(tmp_path_factory.mktemp("trained"))
    return dlrun, dlrun("train", *QUICK, "--json", "--name", "first-steps", "--seed", "7")


def test_json_holds_the_run_and_words_go_to_stderr(trained) -> None:
    dlrun, ended = trained
    assert ended.code == 0, ended.err
    run = json.loads(ended.out)
    assert list(run) == ["id", "path", "state", "metrics"]
    assert "-first-steps-" in run["id"]
    assert Path(run["path"]) == dlrun.folder / "runs" / run["id"]
    assert run["state"] == "finished"
    assert run["metrics"] == json.loads(Path(run["path"], "metrics.json").read_text())
    assert run["metrics"]["monitor"] == "val_loss"
    lines = ended.err.splitlines()
    assert lines[0] == "config quickstart.yaml (packaged with dlrun)"
    assert any(line.startswith("epoch 2/2  loss ") for line in lines)
    assert f"run folder {run['path']}" in lines


def test_the_record_is_complete(trained) -> None:
    _, ended = trained
    folder = Path(json.loads(ended.out)["path"])
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {
        "config.yaml", "source.yaml", "overrides.yaml", "status.json", "history.csv", "metrics.json", "output.log",
        "environment.json", "dataset.json", "split.npz", "test_rows.npz",
        "predictions/validation.npz", "predictions/test.npz",
    } <= names  # fmt: skip
    assert not [name for name in names if ".tmp" in name]
    status = json.loads((folder / "status.json").read_text())
    assert (status["state"], status["exit_code"], status["error"]) == ("finished", 0, None)
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["argv"][:2] == ["dlrun", "train"]
    assert "epoch 2/2" in (folder / "output.log").read_text()


def test_the_run_is_found_again(trained) -> None:
    dlrun, ended = trained
    run = json.loads(ended.out)
    listed = json.loads(dlrun("ls", "--json").out)["runs"]
    mine = next(entry for entry in listed if entry["id"] == run["id"])
    assert (mine["state"], mine["dataset"], mine["model"]) == ("finished", "digits", "network")
    assert mine["test"] == run["metrics"]["test"]
    shown = dlrun("show", run["id"])
    assert shown.code == 0
    assert "plots/" in shown.out
    assert "epoch 2/2" in dlrun("logs", run["id"]).out
    assert json.loads(dlrun("show", "best", "--json").out)["id"] == run["id"]


def test_the_resolved_config_trains_the_same(trained) -> None:
    dlrun, ended = trained
    first = Path(json.loads(ended.out)["path"])
    again = dlrun("train", str(first / "config.yaml"), "--quiet", "--runs-dir", "again")
    assert (again.code, again.err) == (0, "")
    second = Path(again.out.removesuffix("\n"))
    assert second.parent == dlrun.folder / "again"
    assert (second / "history.csv").read_bytes() == (first / "history.csv").read_bytes()
    for name in ("predictions/validation.npz", "predictions/test.npz", "split.npz"):
        assert (second / name).read_bytes() == (first / name).read_bytes()


@pytest.mark.parametrize("name", ["a/b", "../a", ".a", "a\nb", "x" * 65])
def test_names_that_cannot_be_a_folder(dlrun, name: str) -> None:
    ended = dlrun("train", "--name", name)
    assert (ended.code, ended.out) == (2, "")
    assert "cannot be the name of a run" in ended.err
    assert "Use 1 to 64 letters" in ended.err
    assert list(dlrun.folder.iterdir()) == []


def test_a_name_is_a_text_even_if_it_looks_like_a_number(dlrun) -> None:
    ended = dlrun("train", "--name", "2026", "--seed", "-1")
    assert ended.code == 2
    assert ended.err.startswith("error: override 'seed=-1': seed: ")


def test_a_runs_folder_that_cannot_be_made(dlrun) -> None:
    runs = dlrun.folder / "runs"
    runs.write_text("")
    ended = dlrun("train", "dataset=wine", "model=linear", "--json")
    assert ended.code == 1
    error = json.loads(ended.out)["error"]
    assert error["message"] == f"cannot create a run in {runs}: {runs} is no folder"
    assert "--runs-dir" in error["remedy"]


def test_a_terminal_shows_a_block_and_then_the_summary(dlrun) -> None:
    parent, child = pty.openpty()
    process = dlrun.start("train", *QUICK, environment={"TERM": "xterm"}, stdout=child)
    os.close(child)
    shown = b""
    with process:
        while True:
            try:
                piece = os.read(parent, 4096)
            except OSError:  # Linux says so when the last writer has closed the terminal
                break
            if not piece:
                break
            shown += piece
    os.close(parent)
    assert process.returncode == 0
    text = shown.decode()
    assert "\x1b[" in text
    last = text.rstrip().rpartition("\x1b")[2]
    assert "run folder" in last
    assert "loss" in last


@pytest.mark.parametrize("environment", [{"PYTHONWARNINGS": "error"}, {"PYTHONDEVMODE": "1"}])
def test_warnings_of_libraries_end_no_run(dlrun, environment) -> None:
    (dlrun.folder / "config.yaml").write_text(
        "dataset: iris\nmodel: {kind: network, layers: [{dense: 4}]}\n"
        "training: {epochs: 1}\nevaluation: {bootstrap: 10}\n"
    )
    ended = dlrun("train", "-q", environment=environment)
    assert ended.code == 0
    assert "internal error" not in ended.err
