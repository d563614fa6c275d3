"""A run folder that was handed over may name code to load its data with; nobody runs it unasked."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CODE = """
from pathlib import Path

def load():
    mark = Path(__file__).parent / "ran"
    mark.write_text(mark.read_text() + "x" if mark.exists() else "x")
    return [[float(row)] for row in range(40)], [row % 2 for row in range(40)]
"""
CONFIG = """
dataset: {{kind: python, path: {path}}}
model: linear
evaluation: {{bootstrap: 10}}
"""


@pytest.fixture
def handed_over(tmp_path: Path, saboteur: Any) -> Path:
    """A folder with a finished run whose data come from code; the code has run once."""
    (tmp_path / "code.py").write_text(CODE)
    (tmp_path / "mine.yaml").write_text(CONFIG.format(path=tmp_path / "code.py"))
    ended = saboteur("train", "mine.yaml", "--json", folder=tmp_path)
    assert ended.code == 0, ended.err
    (tmp_path / "ran").unlink()
    return Path(json.loads(ended.out)["path"])


def refused(ended: Any) -> bool:
    return ended.code == 2 and "by running the code in" in ended.err and "--trust" in ended.err


@pytest.mark.parametrize("command", [["reproduce"], ["train"], ["check", "--model"]])
def test_code_runs_only_with_trust(handed_over: Path, saboteur: Any, tmp_path: Path, command: list[str]) -> None:
    target = handed_over.name if command == ["reproduce"] else str(handed_over / "config.yaml")
    ended = saboteur(command[0], target, *command[1:], folder=tmp_path)
    assert refused(ended), ended
    assert not (tmp_path / "ran").exists()
    trusted = saboteur(command[0], target, *command[1:], "--trust", folder=tmp_path)
    assert trusted.code == 0, trusted.err
    assert (tmp_path / "ran").exists()


def test_a_stopped_run_is_resumed_only_with_trust(handed_over: Path, saboteur: Any, tmp_path: Path) -> None:
    status = json.loads((handed_over / "status.json").read_text())
    (handed_over / "status.json").write_text(json.dumps(status | {"state": "interrupted"}))
    assert refused(saboteur("resume", handed_over.name, folder=tmp_path))
    assert not (tmp_path / "ran").exists()
    trusted = saboteur("resume", handed_over.name, "--trust", folder=tmp_path)
    assert trusted.code == 0, trusted.err
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "command", [["show"], ["ls"], ["logs"], ["ensemble"], ["export", "--to", "bundle"], ["rm", "-y"]]
)
def test_looking_runs_nothing(handed_over: Path, saboteur: Any, tmp_path: Path, command: list[str]) -> None:
    arguments = [] if command == ["ls"] else [handed_over.name]
    saboteur(command[0], *arguments, *command[1:], folder=tmp_path)
    assert not (tmp_path / "ran").exists()


def test_predictions_need_no_code(handed_over: Path, saboteur: Any, tmp_path: Path) -> None:
    import numpy as np

    np.savez(tmp_path / "new.npz", x=np.arange(3.0).reshape(3, 1))
    shutil.rmtree(tmp_path / "code.py", ignore_errors=True)
    ended = saboteur("predict", handed_over.name, "new.npz", "-o", "out.csv", folder=tmp_path)
    assert ended.code == 0, ended.err
    assert not (tmp_path / "ran").exists()


STUDY = """
dataset: iris
model: linear
evaluation: {bootstrap: 10}
tuner:
  kind: random
  trials: 2
  space: {model.l2: {loguniform: [0.01, 10]}}
  selection: {finalists: 1, rescorings: 0}
"""

CANARY = """
from pathlib import Path
Path(__file__).with_name("ran").write_text("x")
def load():
    return [[float(row)] for row in range(60)], [row % 2 for row in range(60)]
"""


def tuned(folder: Path, saboteur: Any, config: str) -> Path:
    (folder / "study.yaml").write_text(config)
    ended = saboteur("tune", "study.yaml", "-q", folder=folder)
    assert ended.code == 0, ended.err
    (study,) = (path for path in (folder / "runs").iterdir() if (path / "study.json").is_file())
    return study


def unfinished(study: Path, **event: Any) -> None:
    """Add a trial that was asked for to a study, as if it had been stopped then."""
    asked = {"format": 1, "event": "asked", "trial": 2, "point": {"model.l2": 0.5}, "seen": {}, **event}
    with (study / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps(asked) + "\n")
    facts = json.loads((study / "study.json").read_text()) | {"complete": False, "trials": 3}
    (study / "study.json").write_text(json.dumps(facts))


@pytest.mark.parametrize("command", [["--study"], ["--study", "--trust"], ["study.yaml"]])
def test_a_journal_names_no_code(saboteur: Any, tmp_path: Path, command: list[str]) -> None:
    """Whoever vouches for the code of a study vouches for what its config names, not for what its journal adds."""
    (tmp_path / "evil.py").write_text(CANARY)
    study = tuned(tmp_path, saboteur, STUDY)
    section = {"kind": "python", "path": str(tmp_path / "evil.py")}
    unfinished(study, overrides={"model.l2": 0.5, "dataset": section})
    arguments = [*command[:1], study.name, *command[1:]] if command[0] == "--study" else command
    ended = saboteur("tune", *arguments, "-q", folder=tmp_path)
    assert ended.code == 1, ended
    assert "trial 2 sets what the search does not" in ended.err
    assert not (tmp_path / "ran").exists()


def test_a_journal_goes_on_with_points_of_its_space(saboteur: Any, tmp_path: Path) -> None:
    study = tuned(tmp_path, saboteur, STUDY)
    unfinished(study, overrides={"model.l2": 0.5})
    ended = saboteur("tune", "--study", study.name, "-q", folder=tmp_path)
    assert ended.code == 0, ended.err


def test_points_of_a_list_are_those_of_the_config(saboteur: Any, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(CANARY)
    manual = "dataset: iris\nmodel: linear\nevaluation: {bootstrap: 10}\n"
    manual += "tuner: {kind: manual, points: [{model.l2: 2}], selection: {finalists: 1, rescorings: 0}}\n"
    study = tuned(tmp_path, saboteur, manual)
    point = {"dataset": {"kind": "python", "path": str(tmp_path / "evil.py")}}
    unfinished(study, point=point, overrides=point)
    ended = saboteur("tune", "--study", study.name, "-q", folder=tmp_path)
    assert "trial 2 sets what the search does not" in ended.err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("command", [["--study"], ["--study", "--trust"], ["study.yaml"]])
def test_a_trial_that_goes_on_names_no_code(saboteur: Any, tmp_path: Path, command: list[str]) -> None:
    """A stopped trial goes on by the config in its own folder, for which nobody has vouched."""
    (tmp_path / "evil.py").write_text(CANARY)
    study = tuned(tmp_path, saboteur, STUDY)
    unfinished(study, overrides={"model.l2": 0.5})
    finished = sorted((study / "trials").iterdir())[-1]
    stopped = finished.with_name("20260101-000000-trial-0002-abcd")
    shutil.copytree(finished, stopped)
    (stopped / "metrics.json").unlink()
    status = json.loads((stopped / "status.json").read_text())
    (stopped / "status.json").write_text(json.dumps(status | {"state": "interrupted"}))
    section = f"dataset: {{kind: python, path: '{tmp_path / 'evil.py'}'}}\n"
    config = re.sub(r"^dataset:.*\n(?: .*\n)*", section, (stopped / "config.yaml").read_text(), flags=re.MULTILINE)
    (stopped / "config.yaml").write_text(config)
    told = {"trial": 2, "outcome": {"state": "interrupted", "run": stopped.name}, "last_epoch": 0, "then": "again"}
    with (study / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps({"format": 1, "event": "told", **told}) + "\n")
    arguments = [*command[:1], study.name, *command[1:]] if command[0] == "--study" else command
    ended = saboteur("tune", *arguments, "-q", "--trials", "3", folder=tmp_path)
    assert ended.code == 0, ended
    assert not (tmp_path / "ran").exists()


def test_a_space_cannot_name_code(saboteur: Any, tmp_path: Path) -> None:
    """The config loads flowers; a choice of its space would load by code."""
    (tmp_path / "evil.py").write_text(CANARY)
    choice = f"dataset: {{choice: [{{kind: python, path: '{tmp_path / 'evil.py'}'}}]}}"
    (tmp_path / "study.yaml").write_text(STUDY.replace("{model.l2:", f"{{{choice}, model.l2:"))
    ended = saboteur("tune", "study.yaml", "-q", folder=tmp_path)
    assert ended.code == 2
    assert "dataset cannot be searched" in ended.err
    assert not (tmp_path / "ran").exists()


def test_tune_imports_nothing_of_the_current_folder(tmp_path: Path) -> None:
    for name in ("random", "yaml", "numpy", "typing"):
        (tmp_path / f"{name}.py").write_text("open('PWNED-' + __name__, 'w').write('imported')\n")
    (tmp_path / "c.yaml").write_text(STUDY)
    for command in ("train", "tune"):
        ended = subprocess.run(
            [*installed(), command, "c.yaml", "-q"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
    assert not list(tmp_path.glob("PWNED*"))


def installed() -> list[str]:
    """Return what the command `dlrun` runs; `python -m` would look into the current folder first."""
    return [sys.executable, "-P", "-c", "from dlrun.__main__ import main; main()"]


def test_code_of_the_users_own_still_imports_what_lies_beside_it(saboteur: Any, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/beside.py").write_text("rows = 60\n")
    code = "from beside import rows\ndef load():\n    numbers = range(rows)\n"
    code += "    return [[float(number)] for number in numbers], [number % 2 for number in numbers]\n"
    (tmp_path / "data/code.py").write_text(code)
    study = tuned(tmp_path, saboteur, STUDY.replace("dataset: iris", "dataset: {kind: python, path: data/code.py}"))
    assert (study / "best.yaml").is_file()


API = """
import sys, dlrun
from dlrun.errors import UsageError
what, path, trust = sys.argv[1], sys.argv[2], sys.argv[3] == "trust"
call = {"tune": lambda: dlrun.tune(study=path, trials=2, trust=trust), "train": lambda: dlrun.train(path, trust=trust)}
try:
    call[what]()
except UsageError as error:
    sys.exit(f"refused: {error.message} {error.remedy}")
"""


def test_from_python_too_code_runs_only_with_trust(saboteur: Any, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(CANARY)
    own = STUDY.replace("dataset: iris", "dataset: {kind: python, path: evil.py}").replace("trials: 2", "trials: 1")
    study = tuned(tmp_path, saboteur, own)
    (trial,) = (study / "trials").iterdir()
    (tmp_path / "ran").unlink()
    (tmp_path / "link.yaml").symlink_to(trial / "config.yaml")
    named = [("tune", study.name), ("train", str(trial / "config.yaml")), ("train", "link.yaml")]
    for what, path in [*named, ("train", str(study / "best.yaml"))]:
        if what == "train" and not Path(tmp_path, path).exists():
            continue
        ended = subprocess.run(
            [sys.executable, "-c", API, what, path, "no"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert "refused:" in ended.stderr, ended.stderr
        assert "trust=True" in ended.stderr
        assert not (tmp_path / "ran").exists()
    for what, path in named[:2]:
        ended = subprocess.run(
            [sys.executable, "-c", API, what, path, "trust"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        (tmp_path / "ran").unlink()


def test_the_door_is_closed_until_somebody_has_vouched(tmp_path: Path) -> None:
    from dlrun.errors import UsageError
    from dlrun.experiment.datasets.sources.python import Python
    from dlrun.experiment.datasets.trust import deciding

    (tmp_path / "evil.py").write_text(CANARY)
    source = Python(path=str(tmp_path / "evil.py"))
    with deciding(), pytest.raises(UsageError, match="a config that nobody was asked about loads its data by running"):
        source.load()
    assert not (tmp_path / "ran").exists()
    with deciding(None):
        assert source.load().num_rows == 60


@pytest.mark.parametrize("command", ["train", "check", "tune"])
def test_a_config_that_is_a_link_is_neither_told_nor_recorded(
    handed_over: Path, saboteur: Any, tmp_path: Path, command: str
) -> None:
    (tmp_path / "private.yaml").write_text("dataset: iris\nmodel: linear\nname: secret\n")
    config = handed_over / "config.yaml"
    config.unlink()
    config.symlink_to(tmp_path / "private.yaml")
    ended = saboteur(command, str(config), folder=tmp_path)
    assert ended.code in (1, 2)
    assert "config.yaml is a link" in ended.err
    assert "secret" not in ended.out + ended.err
    assert len(list((tmp_path / "runs").glob("2*"))) == 1
    (tmp_path / "own.yaml").symlink_to(tmp_path / "private.yaml")  # the user's own link is followed
    assert saboteur("check", "own.yaml", folder=tmp_path).code == 0
