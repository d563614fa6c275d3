"""A study over kinds of model: `dlrun ls` names the winner's, and all that are tried while it goes on."""

from __future__ import annotations

import json
from typing import Any


def test_ls_names_the_model_of_the_winner(dlrun: Any, config: Any, studies: Any) -> None:
    name = config(
        "dataset: breast_cancer\nmodel: {kind: linear, l2: 1.0e+6}\nevaluation: {bootstrap: 20}\n"
        "tuner: {kind: grid, space: {model: {choice:"
        " [{kind: linear, l2: 1.0e+6}, {kind: random_forest, num_trees: 20}]}},"
        " selection: {finalists: 1, rescorings: 0}}\n"
    )
    ended = dlrun("tune", name, "--time", "0s", "--json")
    assert ended.code == 0, ended.err
    assert listed(dlrun) == ["linear | random_forest"]
    ended = dlrun("tune", name, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["best"]["params"]["model"] != "linear"
    assert listed(dlrun) == ["random_forest"]
    assert "random_forest, 2 trials" in dlrun("ls", environment={"COLUMNS": "200"}).out

    (study,) = studies()
    facts = json.loads((study.path / "study.json").read_text())
    del facts["models"]  # as an older dlrun left it
    (study.path / "study.json").write_text(json.dumps(facts))
    assert listed(dlrun) == ["linear"]


def listed(dlrun: Any) -> list[str]:
    return [run["model"] for run in json.loads(dlrun("ls", "--json").out)["runs"]]
