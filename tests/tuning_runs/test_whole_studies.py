"""Whole studies through the real program: what they print, what they leave, how they go on."""

from __future__ import annotations

import json
from typing import Any

import pytest


def test_a_study_finds_a_winner_and_leaves_plain_files(dlrun: Any, linear: str, studies: Any) -> None:
    ended = dlrun("tune", linear, "--trials", "12", "--jobs", "2", "--json")
    assert ended.code == 0, ended.err
    answer = json.loads(ended.out)
    (study,) = studies()
    assert answer["trials"] == {
        "total": 12, "finished": 12, "pruned": 0, "diverged": 0, "failed": 0, "pending": 0
    }  # fmt: skip
    assert (answer["id"], answer["state"]) == (study.path.name, "finished")
    values = {int(row["trial"]): float(row["value"]) for row in study.rows}
    assert answer["best"]["trial"] == min(values, key=lambda trial: values[trial])
    assert answer["best"]["value"] == min(values.values())
    assert answer["best"]["params"] == study.points[answer["best"]["trial"]]
    assert [len(study.runs), sorted(study.told)] == [12, list(range(12))]
    names = {path.name for path in study.path.iterdir()}
    assert names >= {"best.yaml", "config.yaml", "source.yaml", "environment.json", "status.json", "trials.csv"}
    assert {path.name for path in (study.path / "plots").iterdir()} == {"progress.png", "slices.png", "parallel.png"}
    assert study.metrics["study"]["importance"] == {"model.l2": 1.0}


def test_trial_0_is_the_config_as_written(dlrun: Any, linear: str, studies: Any) -> None:
    assert dlrun("tune", linear, "--trials", "2").code == 0
    trained = json.loads(dlrun("train", linear, "--json").out)
    (study,) = studies()
    assert float(study.rows[0]["value"]) == trained["metrics"]["validation"]["loss"]
    assert study.points[0] == {"model.l2": 1.0}


def test_no_trial_looks_at_the_test_rows_and_the_refits_do_once(dlrun: Any, linear: str, studies: Any) -> None:
    assert dlrun("tune", linear, "--trials", "4").code == 0
    (study,) = studies()
    for run in (study.path / "trials").iterdir():
        metrics = json.loads((run / "metrics.json").read_text())
        assert (metrics["test"], metrics["intervals"]["test"], metrics["baseline"]["test"]) == (None, None, None)
    finals = list((study.path / "final").iterdir())
    assert len(finals) == (1 if study.metrics["study"]["winner"]["trial"] == 0 else 2)
    for run in finals:
        metrics = json.loads((run / "metrics.json").read_text())
        assert metrics["test"]["accuracy"] > 0.5
        assert metrics["refit"] is not None


def test_the_winners_config_trains_to_the_winners_score(dlrun: Any, linear: str, studies: Any) -> None:
    assert dlrun("tune", linear, "--trials", "6").code == 0
    (study,) = studies()
    shown = dlrun("show", study.path.name, "--best-config")
    assert shown.out == (study.path / "best.yaml").read_text()
    trained = json.loads(dlrun("train", str(study.path / "best.yaml"), "--json").out)
    assert trained["metrics"]["validation"]["loss"] == study.metrics["study"]["winner"]["value"]


def test_ls_and_show_know_studies_and_their_trials(dlrun: Any, linear: str, studies: Any) -> None:
    assert dlrun("tune", linear, "--trials", "3").code == 0
    (study,) = studies()
    listed = json.loads(dlrun("ls", "--json").out)["runs"]
    assert [(run["id"], run["trials"], run["state"]) for run in listed] == [(study.path.name, 3, "finished")]
    shown = dlrun("show", "latest")
    assert "winner: trial" in shown.out
    assert "best trials" in shown.out
    trial = study.runs[1]
    assert dlrun("show", trial).out.startswith(f"{trial}  finished")


def test_running_it_again_with_more_trials_extends_the_study(dlrun: Any, linear: str, studies: Any) -> None:
    assert dlrun("tune", linear, "--trials", "3").code == 0
    again = dlrun("tune", linear, "--trials", "5")
    assert again.code == 0
    (study,) = studies()
    assert f"study {study.path.name} of this config goes on" in again.out
    assert sorted(study.told) == list(range(5))
    assert dlrun("tune", linear, "--trials", "5").code == 0
    assert len(studies()) == 2
    named = dlrun("tune", "--study", study.path.name, "--trials", "6")
    assert named.code == 0
    assert sorted(study.told) == list(range(6))


def test_another_config_begins_another_study(dlrun: Any, linear: str, studies: Any) -> None:
    assert dlrun("tune", linear, "--trials", "2").code == 0
    assert dlrun("tune", linear, "seed=7", "--trials", "4").code == 0
    assert [len(study.told) for study in studies()] == [2, 4]


def test_time_ends_a_study_that_goes_on_later(dlrun: Any, linear: str, studies: Any) -> None:
    ended = dlrun("tune", linear, "--trials", "400", "--time", "1s", "--json")
    assert ended.code == 0
    answer = json.loads(ended.out)
    assert answer["state"] == "interrupted"
    assert answer["best"] is None
    assert 0 < answer["trials"]["finished"] < 400
    assert answer["trials"]["pending"] == 0


def test_a_config_without_tuner_gets_a_space_of_its_own(dlrun: Any, config: Any, studies: Any) -> None:
    name = config("dataset: iris\nmodel: {kind: linear}\nevaluation: {bootstrap: 50}\n")
    ended = dlrun("tune", name, "--trials", "3", "tuner.selection.rescorings=0")
    assert ended.code == 2  # the override makes a tuner without a space
    ended = dlrun("tune", name, "--trials", "3")
    assert ended.code == 0, ended.err
    assert "  model.l2: {loguniform: [0.0001, 1000.0]}" in ended.out
    (study,) = studies()
    assert "loguniform" in (study.path / "config.yaml").read_text()


def test_only_the_best_trials_keep_their_weights(dlrun: Any, linear: str, studies: Any) -> None:
    assert dlrun("tune", linear, "tuner.keep_weights=2", "--trials", "6").code == 0
    (study,) = studies()
    values = {int(row["trial"]): float(row["value"]) for row in study.rows}
    best = sorted(values, key=lambda trial: values[trial])[:2]
    assert sorted(trial for trial in values if (study.run(trial) / "model").exists()) == sorted(best)
    assert all((study.run(trial) / "predictions" / "validation.npz").is_file() for trial in values)


def test_failed_trials_are_told_and_end_with_3(dlrun: Any, config: Any, studies: Any) -> None:
    name = config(
        "name: mixed\ndataset: iris\nmodel: {kind: network, layers: [{dense: 4}]}\n"
        "training: {epochs: 2, device: cpu}\nevaluation: {bootstrap: 20}\n"
        "tuner: {kind: grid, space: {model.layers: {choice: [[{dense: 4}], [{conv2d: 3}]]}},"
        " selection: {finalists: 1, rescorings: 0}}\n"
    )
    ended = dlrun("tune", name, "--json")
    assert ended.code == 3, ended.err
    answer = json.loads(ended.out)
    assert (answer["trials"]["failed"], answer["trials"]["finished"]) == (1, answer["trials"]["total"] - 1)
    (study,) = studies()
    (failed,) = [row for row in study.rows if row["state"] == "failed"]
    assert "model.layers.0.conv2d" in failed["reason"]


def test_when_nothing_finishes_the_first_reason_is_told(dlrun: Any, config: Any) -> None:
    name = config(
        "dataset: iris\nmodel: {kind: network, layers: [{conv2d: 3}]}\n"
        "tuner: {kind: random, space: {optimizer.learning_rate: {loguniform: [1e-4, 1e-1]}}}\n"
    )
    ended = dlrun("tune", name, "--trials", "2")
    assert ended.code == 1
    assert "none of 2 trials finished. The first reason: model.layers.0.conv2d" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--time", "soon"], "--time is 'soon'"),
        (["--gpus", "some"], "--gpus is 'some'"),
        (["--study", "nothing"], "there is no run 'nothing'"),
        (["tuner.objectives=[f1]"], "no validation score 'f1' will be measured"),
    ],
)
def test_wrong_words_are_refused_before_anything_starts(
    dlrun: Any, linear: str, studies: Any, arguments: list[str], said: str
) -> None:
    files = [] if "--study" in arguments else [linear]
    ended = dlrun("tune", *files, *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert studies() == []
