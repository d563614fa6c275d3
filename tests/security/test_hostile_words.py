"""Words from strangers on screens, in logs, tables and plots: column and class names, errors, scores."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

WORDS = (
    "<script>alert(1)</script>",
    "\x1b]0;title\x07\x1b[2J\x1b[31mred",
    "[bold red]x[/bold red][link=file:///etc/passwd]",
    "$\\frac{1}{0}$ ${}_{",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe\u2066",
    "a\r\nb\tc",
    "{0.__class__} %s%n {a}",
    "\x9b31m\x85",
)


def text_file(path: Path, *, hostile_columns: bool) -> None:
    """Write a table whose classes, and columns if asked, have hostile names."""
    generator = np.random.default_rng(0)
    columns = [*WORDS] if hostile_columns else [f"x{position}" for position in range(len(WORDS))]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "kind", "constant" + WORDS[1]])
        for row in range(12 * len(WORDS)):
            label = row % len(WORDS)
            writer.writerow([*(generator.normal(size=len(WORDS)) + label), WORDS[label], WORDS[0]])


def harmless(text: str) -> None:
    """Check that a text has nothing in it that a terminal obeys."""
    hidden = [character for character in text if not character.isprintable() and character != "\n"]
    assert not hidden, hidden


def test_names_of_columns_and_classes(guarded: Any, run_commands: list[str]) -> None:
    text_file(guarded.folder / "data.csv", hostile_columns=True)
    (guarded.folder / "config.yaml").write_text(
        "dataset: {kind: csv, path: data.csv, target: kind}\nmodel: {kind: linear}\n", encoding="utf-8"
    )
    ended = guarded("train", "config.yaml", refused=False)
    assert ended.code == 0, ended.err
    harmless(ended.out + ended.err)
    (run,) = (guarded.folder / "runs").glob("2*")
    assert {path.name for path in (run / "plots").iterdir()} == {"confusion-validation.png", "confusion-test.png"}
    for command in (["ls"], ["ls", "--json"], ["show", run.name], ["show", run.name, "--json"], ["logs", run.name]):
        ended = guarded(*command, refused=False)
        assert ended.code == 0
        harmless(ended.out + ended.err)
    harmless((run / "output.log").read_text(encoding="utf-8"))


def test_a_network_that_is_told_of_hostile_columns_is_checked_alike(guarded: Any) -> None:
    text_file(guarded.folder / "data.csv", hostile_columns=True)
    for target in (WORDS[1], "kind", "\x1b[31m"):
        ended = guarded("check", "dataset.kind=csv", "dataset.path=data.csv", f"dataset.target={json.dumps(target)}",
                        "model=linear", refused=False)  # fmt: skip
        harmless(ended.out + ended.err)


@pytest.mark.parametrize("word", WORDS)
def test_words_in_the_files_of_a_run(guarded: Any, finished: Path, word: str) -> None:
    run = guarded.folder / "runs" / finished.name
    shutil.copytree(finished, run)
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    metrics["validation"][word] = 0.5
    metrics["diagnosis"] = {"finding": word, "summary": word, "evidence": [word], "suggestions": [word]}
    metrics["baseline"]["kind"] = metrics["monitor"] = word
    (run / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    status = json.loads((run / "status.json").read_text(encoding="utf-8"))
    (run / "status.json").write_text(json.dumps({**status, "state": "failed", "error": word}), encoding="utf-8")
    for name in ("source.yaml", "output.log"):
        (run / name).write_text(f"{word}\n", encoding="utf-8", newline="")
    (run / "config.yaml").write_text(f"dataset: {json.dumps(word)}\nmodel: {{kind: {json.dumps(word)}}}\n")
    (run / "plots" / word.replace("/", "")).write_text("")
    for command in (["ls"], ["ls", "--json"], ["show", run.name], ["show", run.name, "--json"], ["logs", run.name],
                    ["logs", run.name, "--json"]):  # fmt: skip
        ended = guarded(*command, refused=False)
        assert ended.code == 0, ended.err
        harmless(ended.out + ended.err)
