"""Shell completion, asked as bash does."""

from __future__ import annotations

import pytest

from dlrun.cli.completion import complete_config
from dlrun.config.offers import offers as complete_offers
from dlrun.experiment.experiment import Experiment


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


CONFIG = "dataset: {kind: csv, path: a.csv, target: y}\nmodel: {kind: network, layers: [{dense: 32}, flatten]}\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("training.ep", ["training.epochs=", "training.epochs=20"]),
        ("training.dev", [f"training.device={word}" for word in ("", "cpu", "gpu", "auto")]),
        ("training.device = ", ["cpu", "gpu", "auto"]),
        ("training.device =", ["cpu", "gpu", "auto"]),
        ("training.device = c", ["cpu"]),
        ("training.refit = t", ["true"]),
        ("dataset.kind = p", ["parquet", "python"]),
        ("dataset.dec", ["dataset.decimal=", "dataset.decimal=.", "dataset.decimal=,"]),
        ("dataset.kind = npz dataset.x_", ["dataset.x_key=", "dataset.x_test_key="]),
        ("model.layers.", ["model.layers.0.", "model.layers.1."]),
        ("model.layers.0.dense.un", ["model.layers.0.dense.units="]),
        ("model.layers.0.dense.activation = ge", ["gelu"]),
        ("training.early_stopping.pat", ["training.early_stopping.patience=", "training.early_stopping.patience=5"]),
        ("optimizer = adam optimizer.bet", ["optimizer.beta_1=", "optimizer.beta_2="]),
        ("seed =", []),
        ("nothing.", []),
        ("= ", []),
    ],
)
def test_overrides(dlrun, line: str, expected: list[str]) -> None:
    (dlrun.folder / "config.yaml").write_text(CONFIG)
    (dlrun.folder / "other.yaml").write_text("dataset: wine\nmodel: linear\n")
    assert offers(dlrun, f"dlrun train config.yaml {line}") == expected
    assert offers(dlrun, f"dlrun tune {line}") == expected
    assert offers(dlrun, "dlrun check other.yaml model.layers.") == []


def test_overrides_of_shells_that_leave_words_whole(dlrun) -> None:
    (dlrun.folder / "config.yaml").write_text(CONFIG)
    words = {"_DLRUN_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "dlrun train config.yaml dataset.kind=c"}
    assert '"dataset.kind=csv"' in dlrun("", environment=words).out


def test_settings_are_offered_for_a_broken_config(dlrun) -> None:
    (dlrun.folder / "config.yaml").write_text("dataset: [\nmodel: ")
    assert "training.epochs=" in offers(dlrun, "dlrun train config.yaml training.e")
    assert offers(dlrun, "dlrun train absent.yaml training.ep")[0] == "training.epochs="


def test_every_setting_can_be_completed() -> None:
    for place in ("", "dataset.", "model.", "optimizer.", "training.", "validation.", "evaluation.", "tuner."):
        found = complete_offers(place, CONFIG, [], Experiment)
        assert found
        assert all(offer.startswith(place) and offer[-1] in "=." for offer in found), found
    assert {f"{name}=" for name in ("name", "seed")} < set(complete_offers("", CONFIG, [], Experiment))
