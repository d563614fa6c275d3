"""Words that nobody would type on purpose, and files that would be lost: one clear error, and everything stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dlrun.cli.app import run

LINEAR = "dataset: {kind: csv, path: rows.csv, target: y}\nmodel: linear\nevaluation: {bootstrap: 20}\n"
LONG = "a" * 300


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = [f"{row},{row % 7},{'name' * (row % 3)}{row},{row * 0.5 + row % 5}" for row in range(240)]
    (tmp_path / "rows.csv").write_text("a,b,text,y\n" + "\n".join(lines) + "\n")
    (tmp_path / "config.yaml").write_text(LINEAR)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "optimizer={kind: [a]}", "optimizer.learning_rate=1"], "optimizer.kind: expected one of"),
        (["check", "model={kind: {a: 1}}", "model.x=1"], "model.kind: expected one of"),
        (["check", "model={kind: network, layers: [flatten]}", f"model.layers.{'0' * 5000}9=flatten"], "has positions"),
        (["check", "dataset.path=~nobody-of-that-name/x.csv"], "cannot be a file"),
        (["check", f"dataset.path={LONG}.csv"], "cannot be a file: File name too long"),
        (["gc", "--budget", "9" * 400, "--dry-run"], "is no number of bytes"),
    ],
)
def test_odd_words_are_refused(folder: Path, capsys: Any, words: list[str], said: str) -> None:
    command, *rest = words
    assert run([command, *(["config.yaml"] if command == "check" else []), *rest]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "internal error" not in told


def test_advice_keeps_what_is_left_out_already(folder: Path, capsys: Any) -> None:
    assert run(["check", "config.yaml", "dataset.drop=[a]"]) == 2
    assert "dataset.drop=[a, text]" in capsys.readouterr().err
    assert run(["check", "config.yaml", "dataset.drop=[a, text]"]) == 0


def test_predictions_do_not_replace_the_data(folder: Path, capsys: Any) -> None:
    assert run(["train", "config.yaml", "dataset.drop=[text]", "--quiet"]) == 0
    before = (folder / "rows.csv").read_bytes()
    (folder / "same.csv").hardlink_to(folder / "rows.csv")
    for output in ("rows.csv", "same.csv"):
        assert run(["predict", "latest", "rows.csv", "--output", output]) == 2
        assert "the very data to predict" in capsys.readouterr().err
    assert run(["predict", "latest", "rows.csv", "--output", f"{LONG}.csv"]) == 2
    assert "File name too long" in capsys.readouterr().err
    assert (folder / "rows.csv").read_bytes() == before


def test_columns_of_predictions_need_names_of_their_own(folder: Path, capsys: Any) -> None:
    text = (folder / "rows.csv").read_text().replace("a,b,text,y\n", "a,b,text,row\n")
    (folder / "rows.csv").write_text(text)
    assert run(["train", "config.yaml", "dataset.drop=[text]", "dataset.target=row", "--quiet"]) == 0
    capsys.readouterr()
    assert run(["predict", "latest", "rows.csv", "--rows"]) == 2
    assert "two columns of the predictions would be called 'row'" in capsys.readouterr().err
    assert run(["predict", "latest", "rows.csv", "--output", "made.csv"]) == 0
    assert (folder / "made.csv").read_text().startswith("row,row_low,row_high\n")
    assert run(["predict", "latest", "rows.csv", "--output", "made.npz"]) == 0


def test_show_tells_the_overrides(folder: Path, capsys: Any) -> None:
    assert run(["train", "config.yaml", "dataset.drop=[text]", "model.l2=3", "--quiet"]) == 0
    capsys.readouterr()
    assert run(["show", "latest"]) == 0
    assert "overrides\n  dataset.drop=[text]\n  model.l2=3\n" in capsys.readouterr().out
    assert run(["show", "latest", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["overrides"] == ["dataset.drop=[text]", "model.l2=3"]
