"""Shell completion, asked as bash does."""

from __future__ import annotations

import pytest

from dlrun.cli.completion import complete_config


def offers(dlrun, line: str, **environment: str) -> list[str]:
    words = {"_DLRUN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    return dlrun("", environment=words | environment).out.split()


def test_commands(dlrun) -> None:
    assert offers(dlrun, "dlrun s") == ["show", "schema"]


def test_configs(dlrun) -> None:
    for name in ("config.yaml", "other.yml", "data.csv", ".hidden.yaml"):
        (dlrun.folder / name).write_text("")
    (dlrun.folder / "configs").mkdir()
    (dlrun.folder / "configs" / "default.yaml").write_text("")
    assert offers(dlrun, "dlrun train ") == ["config.yaml", "configs/", "other.yml"]
    assert offers(dlrun, "dlrun check con") == ["config.yaml", "configs/"]
    assert offers(dlrun, "dlrun train configs/d") == ["configs/default.yaml"]
    assert offers(dlrun, "dlrun train absent/") == []


def test_overrides_are_left_alone(tmp_path, monkeypatch) -> None:
    (tmp_path / "seed=1.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert complete_config("seed=") == []
    assert complete_config("se") == ["seed=1.yaml"]
    assert complete_config(f"{tmp_path}/") == [f"{tmp_path}/seed=1.yaml"]


@pytest.mark.parametrize("command", ["show", "logs", "resume", "reproduce", "rm", "export", "predict", "evaluate"])
def test_runs(dlrun, make_run, command: str) -> None:
    first, second = make_run(dlrun.folder / "there"), make_run(dlrun.folder / "there", minute=1)
    assert offers(dlrun, f"dlrun {command} 2", DLRUN_RUNS="there") == [second.id, first.id]
    assert offers(dlrun, f"dlrun {command} l", DLRUN_RUNS="there") == ["latest"]
    assert offers(dlrun, f"dlrun {command} ", DLRUN_RUNS="absent") == ["latest", "best"]


def test_runs_bundles_and_data(dlrun, make_run) -> None:
    run = make_run(dlrun.folder / "runs")
    for name in ("a.csv", "a.parquet", "a.npz", "a.yaml", "b.zip"):
        (dlrun.folder / name).write_text("")
    assert offers(dlrun, "dlrun predict ") == ["latest", "best", run.id]
    assert offers(dlrun, "dlrun evaluate b") == ["best", "b.zip"]
    assert offers(dlrun, "dlrun predict latest ") == ["a.csv", "a.npz", "a.parquet", "runs/"]


def test_templates(dlrun) -> None:
    assert offers(dlrun, "dlrun init csv") == ["csv-classification", "csv-regression"]
