"""README.md: its commands and configs are valid, and what it says about jobs, output and files is so."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlrun.cli.commands.init import templates
from dlrun.experiment.load import load, load_text

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "configs/README.md"]


PLACEHOLDERS = {
    *(
        "latest",
        "best",
        "runs/*",
        "STUDY",
        "RUN",
        "config.yaml",
        "new.csv",
        "labelled.csv",
        "predictions.csv",
        "bundle",
    ),
    *("model.zip", "best.yaml", "10", "50"),
}
"""Words of the examples that stand for the user's own files, runs and numbers."""


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def jobs() -> dict[str, bool]:
    """Return the commands of the table of jobs, and whether they are said to exist."""
    rows = re.findall(r"^\|[^|]+\| `dlrun (\w+)` \| (exists|not yet)", README, re.MULTILINE)
    return {command: state == "exists" for command, state in rows}


def commands() -> list[list[str]]:
    """Return every command line of dlrun on the page, without the program's name; those to come left out."""
    lines = [part for block in blocks("sh") for line in block.splitlines() for part in line.split("&&")]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL))
    split = [shlex.split(line, comments=True) for line in lines if line.strip().startswith("dlrun ")]
    return [words[1:] for words in split if jobs().get(words[1], True)]


def table(heading: str) -> list[list[str]]:
    """Return the names in code in the first column of the table under a heading."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [re.findall(r"`([^`]+)`", row.split("|")[1]) for row in section.splitlines() if row.startswith("| `")]


def test_there_is_something_to_check() -> None:
    assert len(commands()) >= 10
    assert len(blocks("yaml")) == 2
    assert jobs() == {"train": True, "tune": True, "ensemble": True}


@pytest.mark.parametrize("text", blocks("yaml"), ids=["quickstart", "table"])
def test_configs_are_valid(text: str) -> None:
    load_text(text, "README.md")


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_can_be_typed(words: list[str], dlrun: Callable[..., Any]) -> None:
    command, *arguments = words
    ended = dlrun(command, "--help")
    assert ended.code == 0, ended.err
    arguments = arguments[: arguments.index(">")] if ">" in arguments else arguments
    options = [word for word in arguments if word.startswith("-")]
    assert all(re.search(rf"(^|[ ,]){option}\b", ended.out, re.MULTILINE) for option in options)
    others = [word for word in arguments if not word.startswith("-")]
    if command in ("train", "check"):
        config = ROOT / others.pop(0) if others and "=" not in others[0] else ROOT / "configs" / "default.yaml"
        load(config, others)
    elif command == "init":
        assert set(others) <= {template.name for template in templates()}
    else:
        assert set(others) <= PLACEHOLDERS


@pytest.mark.parametrize(("command", "exists"), jobs().items())
def test_jobs_are_as_far_as_the_page_says(command: str, exists: bool, dlrun: Callable[..., Any]) -> None:
    assert dlrun(command, "--help").code == (0 if exists else 2)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    path = ROOT / page
    targets = [
        target for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")) if "://" not in target
    ]
    assert not [target for target in targets if not (path.parent / target).is_file()]


@pytest.fixture(scope="module")
def quickstart(program: Callable[[Path], Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """What `dlrun train` prints in the repository, and the run's folder."""
    ended = program(ROOT)("train", "--runs-dir", str(tmp_path_factory.mktemp("runs")))
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    return lines, Path(lines[-1].removeprefix("run folder "))


def form(lines: list[str]) -> list[str]:
    """Keep what does not depend on the machine: no figures, folders or epochs, and not the diagnosis."""
    kept = [re.sub(r"^run folder .*", "run folder", line) for line in lines]
    kept = kept[: next(number for number, line in enumerate(kept) if line.startswith("baseline:")) + 1]
    return [re.sub(r"[\d.,]+", "#", line) for line in kept if not line.startswith("epoch")]


def test_the_output_is_what_the_command_prints(quickstart: tuple[list[str], Path]) -> None:
    (shown,) = blocks("text")
    assert form(shown.splitlines()) == form(quickstart[0])
    assert [line for line in shown.splitlines() if line.startswith("epoch")]
    assert {"What to try next"} <= set(shown.splitlines()) & set(quickstart[0])


def test_the_scores_are_those_of_the_run(quickstart: tuple[list[str], Path]) -> None:
    (shown,) = blocks("text")
    (accuracy,) = re.findall(r"^accuracy +([\d.]+)", shown, re.MULTILINE)
    low, high = json.loads((quickstart[1] / "metrics.json").read_text())["intervals"]["validation"]["accuracy"]
    assert low <= float(accuracy) <= high


def test_the_table_of_files_is_complete(quickstart: tuple[list[str], Path]) -> None:
    named = [name for row in table("Where things land") for name in row]
    found = [path.name + "/" * path.is_dir() for path in quickstart[1].iterdir()]
    assert sorted(named) == sorted([*found, "snapshots/"]), "snapshots/ is there if the config asks for it"
