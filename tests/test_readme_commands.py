"""README.md and configs/README.md: their commands, as printed and in order, do what the pages say in a fresh folder."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.records.find import find_run

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGS = (ROOT / "configs" / "README.md").read_text(encoding="utf-8")

SMALLER = {"50": "7", "10": "3"}
"""Numbers of the pages that would take minutes."""

NETWORK = "model: {kind: network, layers: [dense: 8]}\ntraining: {epochs: 4}\n"


def section(page: str, heading: str) -> str:
    return page.split(f"## {heading}\n")[1].split("\n## ")[0]


def commands(text: str) -> list[list[str]]:
    """Return the command lines of dlrun in blocks and in line, in their order, without the program's name."""
    found = re.findall(r"^```sh\n(.*?)^```$|`(dlrun [^`\n]+)`", text, re.MULTILINE | re.DOTALL)
    lines = [part for block, inline in found for line in (inline or block).splitlines() for part in line.split("&&")]
    split = [shlex.split(line, comments=True) for line in lines if line.strip().startswith("dlrun ")]
    return [words[1:] for words in split]


def carry_out(program: Any, text: str, names: Mapping[str, str] | None = None) -> list[str]:
    """Run every command of a text, but for single words that a sentence speaks of; return what each has printed."""
    printed = []
    for words in commands(text):
        if len(words) == 1 and words[0] in ("tune", "ensemble", "predict"):
            continue
        file = words[words.index(">") + 1] if ">" in words else None
        arguments = words[: words.index(">")] if ">" in words else words
        replaced = [(SMALLER | dict(names or {})).get(word, word) for word in arguments]
        ended = program(*replaced, seconds=300)
        assert ended.code == 0, f"dlrun {shlex.join(replaced)}\n{ended.out}\n{ended.err}"
        if file is not None:
            (program.folder / file).write_text(ended.out)
        printed.append(ended.out + ended.err)
    return printed


@pytest.fixture
def houses(dlrun: Any) -> Any:
    """A folder with the README's own config of a table, and the tables that it speaks of."""
    generator = np.random.default_rng(0)
    rooms, age, town = generator.integers(1, 8, 220), generator.integers(0, 90, 220), generator.choice(["A", "B"], 220)
    price = (60 * rooms - age + 80 * (town == "A") + generator.normal(0, 25, 220)).round(1)
    sales = generator.integers(1, 4, 220)
    columns = zip(rooms, age, town, sales, strict=True)
    rows = [f"{number},{r},{a},{t},{s}" for number, (r, a, t, s) in enumerate(columns)]
    labelled = [f"{row},{value}" for row, value in zip(rows, price, strict=True)]
    header = "house,rooms,age,town,sales"
    for name, lines in (
        ("houses.csv", [f"{header},price", *labelled[:180]]),
        ("labelled.csv", [f"{header},price", *labelled[180:]]),
        ("new.csv", [header, *rows[180:]]),
    ):
        (dlrun.folder / name).write_text("\n".join(lines) + "\n")
    config = re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[1]
    assert "model: gradient_boosting" in config
    (dlrun.folder / "config.yaml").write_text(config)
    return dlrun


def of_three_jobs() -> str:
    """Return the block of commands, and the sentences about studies and ensembles behind it."""
    text = section(README, "Three jobs")
    return text[text.index("```sh") : text.index("A run that was interrupted")]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["as printed", "network"])
def test_from_a_study_to_a_bundle(houses: Any, model: str) -> None:
    """A study keeps the models of its best trials only; the ensemble of all of them predicts none the less."""
    config = houses.folder / "config.yaml"
    if model == "network":
        config.write_text(config.read_text().replace("model: gradient_boosting\n", NETWORK))
    block, after = of_three_jobs().split("```\n")[0] + "```\n", of_three_jobs().split("```\n")[1]
    printed = carry_out(houses, block)
    assert len(printed) == len(re.findall(r"^dlrun ", block, re.MULTILINE)) == 6
    runs = houses.folder / "runs"
    study, ensemble = (next(iter(runs.glob(pattern))) for pattern in ("*-experiment-*", "*-ensemble-*"))
    assert (houses.folder / "best.yaml").read_text() == (study / "best.yaml").read_text()
    assert len((houses.folder / "predictions.csv").read_text().splitlines()) == 41
    assert f"{ensemble.name} on 40 rows of labelled.csv" in printed[4]
    best = re.search(r"best of 2 by validation [a-z ]+ [\d.e+]+: (\S+)", printed[5])
    assert best is not None
    assert best[1] == find_run(runs, "best", higher_is_better=lambda name: name == "r2").id
    assert houses("predict", "model.zip", "new.csv").code == 0

    members = json.loads((ensemble / "members.json").read_text())["members"]
    trained_again = [member for member in members if "trained_again" in member]
    assert ("trained again 1 of" in printed[2]) == bool(trained_again)

    carry_out(houses, after, {"STUDY": study.name})
    newest = max(runs.glob("*-ensemble-*"))
    assert newest != ensemble
    assert houses("predict", "latest", "new.csv").code == 0


@pytest.mark.slow
def test_the_first_steps(dlrun: Any) -> None:
    """The block that trains the quickstart, and the table of what to run, where the repository's configs are."""
    shutil.copytree(ROOT / "configs", dlrun.folder / "configs")
    printed = carry_out(dlrun, section(README, "Start").split("The tests need no")[0].split("(Measured")[0])
    assert "config configs/default.yaml" in printed[0]
    text = section(README, "A config, line by line")
    printed = carry_out(dlrun, text)
    assert len(printed) == 9
    assert json.loads((dlrun.folder / "dlrun.schema.json").read_text())["type"] == "object"


@pytest.mark.slow
def test_what_the_page_of_configs_says_of_ensembles(dlrun: Any, program: Any) -> None:
    """Several seeds of one split, and the snapshots of one training; then the lines of the Python interface."""
    shutil.copytree(ROOT / "configs", dlrun.folder / "configs")
    carry_out(dlrun, CONFIGS.split("\n## ")[0], {"configs/NAME.yaml": "configs/iris-linear.yaml"})
    text = section(CONFIGS, "Studies and ensembles")
    (seeds,) = [words for words in commands(text) if words[0] == "train"]
    assert "then `seed=2`" in text
    smaller = ["training.epochs=4"]
    for seed in ("seed=1", "seed=2"):
        ended = dlrun(*[seed if word == "seed=1" else word for word in seeds], *smaller)
        assert ended.code == 0, ended.err
    combined = dlrun("ensemble", "runs/*digits-dense*")
    assert combined.code == 0, combined.err

    changes = [re.search(pattern, text)[1] for pattern in (r"`(training\.snap[^`]+)`", r"`(optimizer\.sched[^`]+)`")]  # type: ignore[index]
    ended = dlrun("train", "configs/default.yaml", *changes, "training.early_stopping=null", "training.epochs=8")
    assert ended.code == 0, ended.err
    (snapshots,) = [words for words in commands(text) if "--snapshots" in words]
    ended = dlrun(*["latest" if word == "RUN" else word for word in snapshots])
    assert ended.code == 0, ended.err


@pytest.mark.slow
def test_the_lines_of_python(houses: Any) -> None:
    text = section(CONFIGS, "Studies and ensembles").split("From Python: ")[1]
    lines = re.findall(r"`(dlrun\.[^`]+)`", text)
    assert len(lines) == 5
    made = ["x = polars.read_csv('new.csv')", "frame = polars.read_csv('houses.csv').drop('house', 'sales')"]
    program = "\n".join(["import dlrun, polars", *made, "if __name__ == '__main__':"])
    program += "".join(f"\n    print({line.replace('trials=50', 'trials=4')})" for line in lines) + "\n"
    (houses.folder / "lines.py").write_text(program)
    process: subprocess.Popen[str] = houses.python("lines.py")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, f"{program}\n{out}\n{err}"
