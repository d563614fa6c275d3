"""Whole studies through the real program: what they print, what they leave, how they go on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture(scope="module")
def done(program: Any, study_on_disk: Any, linear_text: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A study of eight trials that keep two trials' weights: the program, its answer and the study."""
    dlrun = program(tmp_path_factory.mktemp("done"))
    (dlrun.folder / "config.yaml").write_text(linear_text)
    ended = dlrun("tune", "tuner.keep_weights=2", "--trials", "8", "--jobs", "2", "--json")
    assert ended.code == 0, ended.err
    answer = json.loads(ended.out)
    return SimpleNamespace(dlrun=dlrun, answer=answer, study=study_on_disk(Path(answer["path"])))


def test_a_study_finds_a_winner_and_leaves_plain_files(done: Any) -> None:
    answer, study = done.answer, done.study
    ends = {"total": 8, "finished": 8, "pruned": 0, "diverged": 0, "failed": 0, "pending": 0}
    assert (answer["id"], answer["state"], answer["trials"]) == (study.path.name, "finished", ends)
    values = {int(row["trial"]): float(row["value"]) for row in study.rows}
    assert answer["best"]["trial"] == min(values, key=lambda trial: values[trial])
    assert answer["best"]["value"] == min(values.values())
    assert answer["best"]["params"] == study.points[answer["best"]["trial"]]
    assert [len(study.runs), sorted(study.told)] == [8, list(range(8))]
    names = {path.name for path in study.path.iterdir()}
    assert names >= {"best.yaml", "config.yaml", "source.yaml", "environment.json", "status.json", "trials.csv"}
    assert {path.name for path in (study.path / "plots").iterdir()} == {"progress.png", "slices.png", "parallel.png"}


def test_trial_0_is_the_config_as_written(done: Any) -> None:
    trained = json.loads(done.dlrun("train", "--runs-dir", "alone", "--json").out)
    assert float(done.study.rows[0]["value"]) == trained["metrics"]["validation"]["loss"]
    assert done.study.points[0] == {"model.l2": 1.0}


def test_no_trial_looks_at_the_test_rows_and_the_refits_do_once(done: Any) -> None:
    for run in (done.study.path / "trials").iterdir():
        metrics = json.loads((run / "metrics.json").read_text())
        assert (metrics["test"], metrics["intervals"]["test"], metrics["baseline"]["test"]) == (None, None, None)
    finals = list((done.study.path / "final").iterdir())
    assert len(finals) == (1 if done.answer["best"]["trial"] == 0 else 2)
    for run in finals:
        metrics = json.loads((run / "metrics.json").read_text())
        assert metrics["test"]["accuracy"] > 0.5
        assert metrics["refit"] is not None


def test_finalists_are_scored_again_without_the_test_rows(done: Any) -> None:
    told = done.study.metrics["study"]
    assert [len(one["rescored"]) for one in told["finalists"]] == [1, 1]
    lost = [one["mean"] - one["value"] for one in told["finalists"]]
    assert told["shrinkage"] == pytest.approx(sum(lost) / 2)
    assert all(value != 0 for value in lost)


def test_the_winners_config_trains_to_the_winners_score(done: Any) -> None:
    shown = done.dlrun("show", done.study.path.name, "--best-config")
    assert shown.out == (done.study.path / "best.yaml").read_text()
    trained = json.loads(done.dlrun("train", str(done.study.path / "best.yaml"), "--runs-dir", "alone", "--json").out)
    assert trained["metrics"]["validation"]["loss"] == done.answer["best"]["value"]


def test_the_winners_config_is_exported(done: Any) -> None:
    best = (done.study.path / "best.yaml").read_text()
    assert done.dlrun("export", done.study.path.name, "--best").out == best
    ended = done.dlrun("export", "latest", "--best", "-o", "winner.yaml", "--json")
    answer = json.loads(ended.out)
    assert (answer["to"], answer["config"], answer["bytes"]) == ("config", best, len(best.encode()))
    assert Path(answer["output"]).read_text() == best
    trial = done.dlrun("export", done.study.runs[0], "--best")
    assert trial.code == 2
    assert "is a run, not a study" in trial.err
    nowhere = done.dlrun("export", "latest", "--best", "-o", "nowhere/winner.yaml")
    assert nowhere.code == 2
    assert "'nowhere/winner.yaml' cannot be the file of a config" in nowhere.err


def test_a_study_from_python_goes_on_and_predicts(dlrun: Any, linear: str, studies: Any) -> None:
    program = """
import json
import numpy as np
import dlrun
first = dlrun.tune("config.yaml", "evaluation.bootstrap=50", trials=3, jobs=1)
more = dlrun.tune(study=first.path, trials=4, jobs=1)
shape = dlrun.load(more.final).predict(np.array([[5.0, 3.0, 1.5, 0.2]])).shape
same = dlrun.tune({"dataset": "iris", "model": "linear"}, trials=2, jobs=1)
print(json.dumps({"ids": [first.id, more.id], "trials": [len(first.trials), len(more.trials), len(same.trials)],
                  "best": more.best.id, "value": more.best.value, "shape": shape,
                  "told": more.metrics["study"]["winner"]["value"]}))
"""
    out, err = dlrun.python("-c", program).communicate(timeout=120)
    assert out, err
    found = json.loads(out.splitlines()[-1])
    assert found["ids"][0] == found["ids"][1] == studies()[0].path.name
    assert found["trials"] == [3, 4, 2]
    assert found["shape"] == [1, 3]
    assert found["value"] == found["told"] == min(float(row["value"]) for row in studies()[0].rows)


def test_ls_and_show_know_studies_and_their_trials(done: Any) -> None:
    listed = json.loads(done.dlrun("ls", "--json").out)["runs"]
    assert [(run["id"], run["trials"], run["state"]) for run in listed] == [(done.study.path.name, 8, "finished")]
    shown = done.dlrun("show", "latest")
    assert "winner: trial" in shown.out
    assert "best trials" in shown.out
    trial = done.study.runs[1]
    assert done.dlrun("show", trial).out.startswith(f"{trial}  finished")


def test_only_the_best_trials_keep_their_weights(done: Any) -> None:
    study = done.study
    values = {int(row["trial"]): float(row["value"]) for row in study.rows}
    best = sorted(values, key=lambda trial: values[trial])[:2]
    assert sorted(trial for trial in values if (study.run(trial) / "model").exists()) == sorted(best)
    assert all((study.run(trial) / "predictions" / "validation.npz").is_file() for trial in values)


def test_running_it_again_with_more_trials_extends_the_study(dlrun: Any, linear: str, studies: Any) -> None:
    assert dlrun("tune", linear, "--trials", "3").code == 0
    again = dlrun("tune", linear, "--trials", "5")
    assert again.code == 0
    (study,) = studies()
    assert f"study {study.path.name} of this config goes on" in again.out
    assert sorted(study.told) == list(range(5))
    assert dlrun("tune", linear, "seed=7", "--trials", "2").code == 0  # another config begins another study
    assert len(studies()) == 2
    named = dlrun("tune", "--study", study.path.name, "--trials", "6")
    assert named.code == 0
    assert sorted(study.told) == list(range(6))


def test_time_ends_a_study_with_a_winner_and_it_goes_on_later(dlrun: Any, linear: str, studies: Any) -> None:
    ended = dlrun("tune", linear, "--trials", "400", "--time", "1s", "--json")
    assert ended.code == 0
    answer = json.loads(ended.out)
    begun = answer["trials"]["finished"]
    assert 0 < begun < 400
    goes_on = f"`dlrun tune --study {answer['id']}` goes on."
    assert f"stopped early: time is up after {begun} of 400 trials. {goes_on}" in ended.err
    assert answer["state"] == "finished"
    assert answer["best"]["trial"] < begun
    assert answer["trials"]["pending"] == 0
    (study,) = studies()
    assert json.loads((study.path / "metrics.json").read_text())["study"]["winner"]["trial"] == answer["best"]["trial"]
    assert json.loads((study.path / "study.json").read_text())["complete"] is False
    again = dlrun("tune", linear, "--trials", str(begun + 3), "--json")
    assert (again.code, json.loads(again.out)["trials"]["finished"]) == (0, begun + 3)
    assert json.loads(again.out)["id"] == answer["id"]
    assert json.loads((study.path / "study.json").read_text())["complete"] is True


def test_a_grid_that_ran_out_of_time_goes_on_to_its_end(dlrun: Any, config: Any, studies: Any) -> None:
    name = config(
        "dataset: iris\nmodel: {kind: linear}\nevaluation: {bootstrap: 20}\n"
        "tuner: {kind: grid, space: {model.l2: {choice: [0.1, 1, 10, 100, 1000]}}, selection: {rescorings: 0}}\n"
    )
    ended = dlrun("tune", name, "--time", "0.0001s", "--jobs", "1", "--json")
    begun = json.loads(ended.out)["trials"]["total"]
    assert begun < 5
    assert f"time is up after {begun} trials" in ended.err
    again = dlrun("tune", name, "--json")
    assert json.loads(again.out)["trials"]["total"] == 5  # trial 0 is one of the points
    assert "time is up" not in again.err
    assert len(studies()) == 1
    assert json.loads((studies()[0].path / "study.json").read_text())["complete"] is True


def test_time_that_does_not_suffice_for_a_trial(dlrun: Any, linear: str) -> None:
    ended = dlrun("tune", linear, "--trials", "400", "--time", "0s", "--json")
    assert ended.code == 0
    answer = json.loads(ended.out)
    assert (answer["state"], answer["best"], answer["trials"]["total"]) == ("interrupted", None, 0)
    assert f"time is up after 0 of 400 trials. `dlrun tune --study {answer['id']}` goes on." in ended.err


def test_a_config_without_tuner_gets_a_space_of_its_own(dlrun: Any, config: Any, studies: Any) -> None:
    name = config("dataset: iris\nmodel: {kind: linear}\nevaluation: {bootstrap: 50}\n")
    ended = dlrun("tune", name, "--trials", "3")
    assert ended.code == 0, ended.err
    assert "  model.l2: {loguniform: [0.0001, 1000.0]}" in ended.out
    (study,) = studies()
    assert "loguniform" in (study.path / "config.yaml").read_text()


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
        (["tuner.objectives=[loss, parameters]"], "tuner.objectives.1: a linear model has no number of parameters"),
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


def test_a_model_without_epochs_is_stopped_between_folds(dlrun: Any, config: Any, studies: Any) -> None:
    points = json.dumps([{"model.l2": value} for value in (1e6, 2.0)])
    name = config(
        "dataset: iris\nmodel: {kind: linear, l2: 1.0}\nvalidation: {kind: kfold, folds: 4}\n"
        "evaluation: {bootstrap: 20}\n"
        f"tuner: {{kind: manual, points: {points}, pruner: {{kind: wilcoxon, p: 0.3, min_folds: 2}},"
        " selection: {finalists: 1, rescorings: 0}}\n"
    )
    ended = dlrun("tune", name, "--jobs", "1")
    assert ended.code == 0, ended.err
    (study,) = studies()
    assert [row["state"] for row in study.rows][:2] == ["finished", "pruned"]
    reports = [event for event in study.events if event["event"] == "reported" and event["trial"] == 1]
    assert [event["epoch"] for event in reports] == [1, 2]
    mean = sum(event["value"] for event in reports) / 2
    assert float(study.rows[1]["value"]) == pytest.approx(mean)
    whole = json.loads((study.run(0) / "metrics.json").read_text())["folds"]
    told = [event["value"] for event in study.events if event["event"] == "reported" and event["trial"] == 0]
    assert told == [fold["validation"]["loss"] for fold in whole[:3]]


def test_several_objectives_have_a_front_in_every_report(dlrun: Any, config: Any, studies: Any) -> None:
    units = (2, 64, 8)
    points = json.dumps([{"model.layers.0.dense.units": number} for number in units])
    name = config(
        "dataset: iris\nmodel: {kind: network, layers: [{dense: 4}]}\ntraining: {epochs: 8}\n"
        "evaluation: {bootstrap: 20}\noptimizer: {kind: adam, learning_rate: 1e-2}\n"
        f"tuner: {{kind: manual, points: {points}, objectives: [loss, parameters, latency], latency_rows: 4,"
        " selection: {finalists: 1, rescorings: 0}}\n"
    )
    ended = dlrun("tune", name, "--json")
    assert ended.code == 0, ended.err
    (study,) = studies()
    rows = study.rows
    assert [float(row["objective parameters"]) for row in rows] == [8 * number + 3 for number in (4, *units)]
    assert all(1e-6 < float(row["objective latency"]) < 1 for row in rows)
    values = [tuple(float(row[key]) for key in ("value", "objective parameters", "objective latency")) for row in rows]
    front = [
        trial
        for trial, mine in enumerate(values)
        if not any(other != mine and all(map(float.__le__, other, mine)) for other in values)
    ]
    told = json.loads(ended.out)["metrics"]["study"]["front"]
    assert [one["trial"] for one in told] == front
    assert [tuple(one[key] for key in ("loss", "parameters", "latency")) for one in told] == [
        values[trial] for trial in front
    ]
    shown = dlrun("show", "latest").out
    assert "no other trial beats these in every objective" in shown
    assert all(f"trial {trial}  loss" in shown for trial in front)


CSV = "dataset: {kind: csv, path: rows.csv, target: kind}\n"


@pytest.mark.parametrize("model", ["linear", "{kind: network, layers: [{dense: 2}]}"])
def test_a_table_is_read_and_prepared_once_for_all_trials(dlrun: Any, config: Any, studies: Any, model: str) -> None:
    rows = [f"{number % 7},{'abc'[number % 3]},{'no' if number % 2 else 'yes'}" for number in range(60)]
    (dlrun.folder / "rows.csv").write_text("\n".join(["size,town,kind", *rows]) + "\n")
    space = "model.l2: {loguniform: [1e-4, 1.0]}" if model == "linear" else "training.batch_size: {int: [8, 16]}"
    name = config(
        f"{CSV}model: {model}\nvalidation: {{kind: kfold, folds: 2}}\nevaluation: {{bootstrap: 20}}\n"
        f"training: {{epochs: 2}}\ntuner: {{kind: random, space: {{{space}}},"
        " selection: {finalists: 1, rescorings: 0}}\n"
    )
    process = dlrun.start("tune", name, "--trials", "4", "--jobs", "1", "--json")
    deadline = time.monotonic() + 60
    while not list(dlrun.folder.glob("runs/*/shared/dataset.json")) and time.monotonic() < deadline:
        time.sleep(0.002)
    (dlrun.folder / "rows.csv").unlink()  # who reads it again fails
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["trials"]["finished"] == 4
    (study,) = studies()
    assert not (study.path / "shared").exists()
    (dlrun.folder / "rows.csv").write_text("\n".join(["size,town,kind", *rows]) + "\n")
    alone = json.loads(dlrun("train", name, "--json", "--runs-dir", "alone").out)
    values = {int(row["trial"]): float(row["value"]) for row in study.rows}
    assert values[0] == alone["metrics"]["validation"]["loss"]
    fingerprints = {json.loads(path.read_text())["fingerprint"] for path in study.path.glob("trials/*/dataset.json")}
    assert fingerprints == {json.loads(Path(alone["path"], "dataset.json").read_text())["fingerprint"]}


def test_data_that_are_refused_leave_no_study(dlrun: Any, config: Any, studies: Any) -> None:
    name = config(
        "dataset: {kind: iris, limit: 4}\nmodel: linear\n"
        "tuner: {kind: random, space: {model.l2: {uniform: [0.1, 1]}}}\n"
    )
    ended = dlrun("tune", name, "--trials", "3")
    assert ended.code == 2, ended.err
    assert "one class only" in ended.err
    assert "run folder" not in ended.err
    assert studies() == []
    assert list((dlrun.folder / "runs").iterdir()) == []


def test_pruned_and_diverged_trials_are_told_apart(dlrun: Any, network: str, studies: Any) -> None:
    points = [{"optimizer.learning_rate": rate} for rate in (0.03, 0.02, 1e-5, 1e30)]
    ended = dlrun(
        "tune",
        network,
        f"tuner={{kind: manual, points: {json.dumps(points)}, selection: {{finalists: 1, rescorings: 0}},"
        " pruner: {kind: median, min_trials: 3, min_epochs: 2}}",
        "optimizer.kind=sgd",
        "optimizer.learning_rate=0.05",
        "--jobs",
        "1",
        "--json",
    )
    assert ended.code == 0, ended.err
    (study,) = studies()
    rows = study.rows
    assert [row["state"] for row in rows] == ["finished", "finished", "finished", "pruned", "diverged"]
    assert int(rows[3]["epochs"]) < 6
    assert float(rows[3]["value"]) > float(rows[0]["value"])
    assert "diverged" in rows[4]["reason"]
    states = [json.loads((study.run(trial) / "status.json").read_text())["state"] for trial in range(5)]
    assert states == ["finished", "finished", "finished", "pruned", "failed"]


def test_a_trial_that_has_trained_all_its_epochs_is_finished(dlrun: Any, network: str, studies: Any) -> None:
    rate, epochs = "optimizer.learning_rate", "training.epochs"
    points = [{rate: 0.05}, {rate: 0.01, epochs: 3}, {rate: 1e-5}, {rate: 1e-4, epochs: 6}]
    ended = dlrun(
        "tune",
        network,
        f"tuner={{kind: manual, points: {json.dumps(points)}, selection: {{finalists: 4, rescorings: 1}},"
        " pruner: {kind: asha, min_epochs: 3, reduction: 2}}",
        "optimizer.learning_rate=1e-6",
        "--jobs",
        "1",
    )
    assert ended.code == 0, ended.err
    (study,) = studies()
    found = [(row["state"], int(row["epochs"])) for row in study.rows]
    assert found == [("finished", 6), ("finished", 6), ("finished", 3), ("pruned", 3), ("pruned", 3)]
    values = sorted((float(row["value"]), row["state"], int(row["trial"])) for row in study.rows)
    finalists = [trial for _, state, trial in values[:4] if state == "finished"]
    assert 0 not in finalists, "two trials that were stopped early were better than the config as written"
    assert [one["trial"] for one in study.metrics["study"]["finalists"]] == finalists


def test_weights_that_need_too_much_room_are_removed_and_it_is_told(dlrun: Any, linear: str, studies: Any) -> None:
    ended = dlrun("tune", linear, "tuner.weights_megabytes=0.0001", "--trials", "3", "--jobs", "1")
    assert ended.code == 0, ended.err
    words = "the weights of all trials need more than 0.0001 MB (tuner.weights_megabytes): the worst trials lose theirs"
    assert ended.out.count(words) == 1
    (study,) = studies()
    winner = study.metrics["study"]["winner"]["trial"]
    assert [trial for trial in range(3) if (study.run(trial) / "model").exists()] == [winner]


def test_a_study_is_named_and_seeded_on_the_command_line(dlrun: Any, linear: str, studies: Any) -> None:
    ended = dlrun("tune", linear, "--name", "other-name", "--seed", "7", "--trials", "2", "--json")
    assert ended.code == 0, ended.err
    (study,) = studies()
    assert "-other-name-" in study.path.name
    assert study.events[0]["seed"] == 7
    assert "seed: 7\n" in (study.run(1) / "config.yaml").read_text()
    again = dlrun("tune", linear, "name=other-name", "seed=7", "--trials", "3", "--json")
    assert json.loads(again.out)["id"] == study.path.name
    refused = dlrun("tune", "--study", study.path.name, "--seed", "8")
    assert refused.code == 2
    assert "Leave out the config, the overrides, --name, --seed and --new" in refused.err
    wrong = dlrun("tune", linear, "--name", "a/b")
    assert (wrong.code, len(studies())) == (2, 1)
