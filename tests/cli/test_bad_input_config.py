"""Configs and command lines that ask for something impossible: all problems at once, before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOOD = """\
name: flowers
dataset: iris
model: {kind: network, layers: [dense: 8]}
"""

FILES = {
    "good.yaml": GOOD,
    "settings.yaml": """\
name: flowers
dataset: iris
model:
  kind: network
  layers:
    - dense: {units: 0, activation: relo}
    - dropout: 1.5
    - denze: 8
optimizer: {kind: sgd, learning_rate: -0.1}
training:
  epochs: 0
  batch_size: 0
  threads: 0
  early_stopping: {patience: -1}
  class_weights: {setosa: -2}
validation: {kind: kfold, folds: 1}
evaluation: {bootstrap: 10000000}
""",
    "slash.yaml": GOOD.replace("flowers", "a/b"),
    "parent.yaml": GOOD.replace("flowers", "../../flowers"),
    "dots.yaml": GOOD.replace("flowers", '".."'),
    "empty.yaml": "",
    "nothing.csv": "a,b\n",
}

FAULTS: dict[str, list[str]] = {
    "every wrong setting at once": ["settings.yaml"],
    "in a file and on the command line": ["good.yaml", "training.epochs=0", "optimizer.learning_rate=-1"],
    "name with a slash": ["slash.yaml"],
    "name that leads elsewhere": ["parent.yaml"],
    "name of dots": ["dots.yaml"],
    "name with a slash, as an option": ["good.yaml", "--name", "a/b"],
    "name that leads elsewhere, as an option": ["good.yaml", "--name", "../../flowers"],
    "name of dots, as an option": ["good.yaml", "--name", ".."],
    "name with dots inside, as an option": ["good.yaml", "--name", "a..b"],
    "no name, as an option": ["good.yaml", "--name", ""],
    "monitor that nothing measures": ["good.yaml", "training.monitor=val_acc"],
    "monitor of early stopping that nothing measures": ["good.yaml", "training.early_stopping={monitor: accuracy}"],
    "monitor that would be measured if it were asked for": [
        "good.yaml", "training.monitor=val_macro_f1", "evaluation.metrics=[accuracy]",
    ],
    "two monitors": ["good.yaml", "training.monitor=val_loss", "training.early_stopping={monitor: val_accuracy}"],
    "metric of another task": ["good.yaml", "evaluation.metrics=[accuracy, mae]"],
    "loss of another task": ["good.yaml", "training.loss=mse"],
    "stratified regression": ["good.yaml", "dataset=diabetes", "validation.stratify=true"],
    "config that is missing": ["goood.yaml"],
    "config in a folder that is missing": ["configs/good.yaml"],
    "config that is a folder": ["folder"],
    "config that leads nowhere": ["dangling.yaml"],
    "config that is empty": ["empty.yaml"],
    "config that is a table": ["nothing.csv"],
    "two configs": ["good.yaml", "slash.yaml"],
    "override with spaces and without quotes": ["good.yaml", "validation={kind:", "kfold,", "folds:", "3}"],
    "override of an unknown setting": ["good.yaml", "training.epoch=3"],
    "runs folder that is a file": ["good.yaml", "--runs-dir", "good.yaml"],
    "runs folder below a file": ["good.yaml", "--runs-dir", "good.yaml/deeper/runs"],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad-config")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "folder").mkdir()
    (folder / "dangling.yaml").symlink_to("nowhere.yaml")
    return folder


def test_every_fault_of_a_config_is_one_clear_error(
    folder: Path, several: Callable[..., Any], golden: Callable[[str, str], None]
) -> None:
    before = sorted(folder.rglob("*"))
    ended = several(folder, {title: ["train", *arguments] for title, arguments in FAULTS.items()})
    assert "tensorflow" not in ended.heavy
    assert sorted(folder.rglob("*")) == before
    for title, told in ended.told.items():
        assert told.code == (1 if title.startswith("runs folder") else 2), f"{title}: {told.err}"
        assert told.err.startswith("error: "), title
    golden("bad_input/config.txt", ended.errors)


def test_errors_in_json_hold_every_problem(folder: Path, several: Callable[..., Any]) -> None:
    commands = {
        "settings": ["train", "settings.yaml", "--json"],
        "check": ["check", "settings.yaml", "--json"],
        "name": ["train", "good.yaml", "--name", "..", "--json"],
        "quiet": ["train", "good.yaml", "training.epochs=0", "--quiet"],
    }
    told = several(folder, commands).told
    problems = json.loads(told["settings"].out)["error"]["problems"]
    assert {problem["path"] for problem in problems} >= {
        "model.layers.0.dense.units", "model.layers.0.dense.activation", "model.layers.1.dropout.rate",
        "optimizer.learning_rate", "training.epochs", "training.class_weights.setosa", "validation.folds",
    }  # fmt: skip
    assert [problem["place"] for problem in problems][:2] == ["settings.yaml:6:22", "settings.yaml:6:37"]
    assert problems[1]["hint"] == "Did you mean 'relu'?"
    assert json.loads(told["check"].out) == json.loads(told["settings"].out)
    error = json.loads(told["name"].out)["error"]
    assert error["message"] == "'..' cannot be the name of a run"
    assert error["problems"] == []
    assert told["quiet"].out == ""
    assert told["quiet"].err.startswith(
        "error: override 'training.epochs=0': training.epochs: expected an integer >= 1"
    )


def test_the_folder_of_runs_may_be_named_by_the_environment(folder: Path, program: Any) -> None:
    ended = program(folder)("train", "good.yaml", environment={"DLRUN_RUNS": "good.yaml"})
    assert (ended.code, ended.out) == (1, "config good.yaml\n")
    assert ended.err == (
        f"error: cannot create a run in {folder}/good.yaml: {folder}/good.yaml is no folder\n"
        "Choose another folder with --runs-dir.\n"
    )


def test_an_unknown_option_is_pointed_out(dlrun: Any) -> None:
    ended = dlrun("train", "--epochs", "3")
    assert (ended.code, ended.out) == (2, "")
    assert "No such option: --epochs" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", [["schema"], ["check", "good.yaml", "--json"]])
def test_output_to_a_full_disk_is_told(folder: Path, program: Any, command: list[str]) -> None:
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("needs /dev/full")
    with device.open("wb") as full, program(folder).start(*command, stdout=full.fileno()) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.endswith("error: cannot write to standard output: No space left on device\n")
    assert "Traceback" not in err


def test_an_error_is_told_even_if_its_json_has_nowhere_to_go(folder: Path, program: Any) -> None:
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("needs /dev/full")
    command = ["train", "good.yaml", "training.epochs=0", "--json"]
    with device.open("wb") as full, program(folder).start(*command, stdout=full.fileno()) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "error: override 'training.epochs=0': training.epochs: expected an integer >= 1, found 0\n"


def test_streams_that_the_parent_has_closed_do_no_harm(folder: Path, program: Any) -> None:
    """The next file to be opened must not take the place of stdout."""
    close = (
        "import os, sys; os.closerange(0, 3); os.execv(sys.executable, [sys.executable, '-m', 'dlrun', *sys.argv[1:]])"
    )
    arguments = ["train", "good.yaml", "model=linear", "evaluation.bootstrap=10", "--runs-dir", "closed"]
    with program(folder).python("-c", close, *arguments) as process:
        assert process.wait(timeout=120) == 0
    (run,) = (folder / "closed").glob("2*")
    assert (run / "history.csv").read_bytes() == b""
    assert json.loads((run / "status.json").read_text())["state"] == "finished"


LEAVING = """
import os, runpy
os.rmdir(os.getcwd())
runpy.run_module("dlrun", run_name="__main__", alter_sys=True)
"""


def test_a_folder_that_is_gone_is_called_that(dlrun: Any) -> None:
    with dlrun.python("-c", LEAVING, "train", "--quiet") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err == "error: the current folder is gone\nChange to another folder, or make this one anew.\n"
