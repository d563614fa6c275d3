"""`dlrun ensemble`: the real program on folders of runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dlrun.cli.app import run
from dlrun.records.folder import RunFolder


@pytest.fixture
def members(dlrun, make_run) -> Path:
    """Three members of different kinds, a failed run, and other things in `runs`."""
    runs = dlrun.folder / "runs"
    generator = np.random.default_rng(0)
    y = np.arange(200) % 3
    for minute, kind in enumerate(["network", "random_forest", "linear", "network"]):
        state = {"state": "failed", "error": "it diverged", "exit_code": 1} if minute == 3 else {}
        folder = make_run(runs, f"{kind}-{minute}", minute=minute, **state)
        folder.write_text("config.yaml", f"name: a\ndataset: {{kind: iris}}\nmodel: {{kind: {kind}}}\n")
        powers = np.exp(1.5 * np.eye(3)[y] + generator.normal(0, 1, (200, 3)))
        y_pred = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
        write(folder, y, y_pred)
    (runs / "notes.txt").write_text("mine")
    (runs / "ledger.jsonl").write_text("")
    (runs / "20261121-200000-torn-abcd").mkdir()
    return runs


def write(folder: RunFolder, y: np.ndarray, y_pred: np.ndarray) -> None:
    rows = np.arange(len(y))
    folder.write_npz(
        "predictions/validation.npz", row=rows[:120], y_true=y[:120], y_pred=y_pred[:120], fold=np.zeros(120, int)
    )
    folder.write_npz("predictions/test.npz", row=rows[120:], y_true=y[120:], y_pred=y_pred[120:])
    counts = {"rows": 90, "classes": {"a": 30, "b": 30, "c": 30}}
    facts = {"name": "iris", "fingerprint": "abc", "task": "multiclass", "input_kind": "features"}
    facts |= {"targets": {"names": [], "classes": ["a", "b", "c"]}, "folds": [{"fold": 0, "training": counts}]}
    folder.write_json("dataset.json", facts)
    (folder.path / "model").mkdir()


def test_json_is_what_the_page_says(dlrun, members) -> None:
    ended = dlrun("ensemble", "runs/*", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert {"id", "path", "method", "members", "skipped", "metrics", "diversity"} <= told.keys()
    assert sum(member["weight"] for member in told["members"]) == pytest.approx(1)
    assert {"validation", "cross_fitted", "test", "best_member", "uniform", "in_sample"} <= told["metrics"].keys()
    assert told["metrics"]["cross_fitted"]["log_loss"] < told["metrics"]["best_member"]["log_loss"]
    reasons = {entry["id"].partition("-")[2].partition("-")[2]: entry["reason"] for entry in told["skipped"]}
    assert reasons["network-3-0003"] == "not finished: failed"
    assert reasons["torn-abcd"] == "not a run folder: it holds no status.json"
    assert {entry["id"] for entry in told["skipped"]} >= {"notes.txt"}
    assert "ledger.jsonl" not in {entry["id"] for entry in told["skipped"]}
    assert Path(told["path"]).name == told["id"]
    assert len(told["diversity"]["pairs"]["error_correlation"]) == 3


def test_words_for_people(dlrun, members, golden) -> None:
    ended = dlrun("ensemble", "runs", "--method", "weighted", "method.search=random", "method.evaluations=200")
    assert (ended.code, ended.err) == (0, "")
    made = next(line for line in ended.out.splitlines() if line.startswith("run folder")).split("/")[-1]
    golden("cli/ensemble.txt", ended.out.replace(made, "RUN").replace(str(dlrun.folder), "FOLDER"))


def test_the_log_of_an_ensemble_is_what_the_screen_showed(dlrun, members) -> None:
    ended = dlrun("ensemble", "runs")
    assert ended.code == 0, ended.err
    logged = dlrun("logs", "latest")
    assert logged.out.startswith("reading 4 runs\n")
    unbroken = [" ".join(text.split()) for text in (logged.out, ended.out)]  # the log fits no terminal
    scores = " log loss accuracy "
    assert unbroken[0].split(scores)[0] == unbroken[1].split(scores)[0]
    assert [text.split(scores)[1].startswith("macro f1 validation") for text in unbroken] == [True, False]
    after = "cross-fitted: each row by"
    assert unbroken[0].split(after)[1] == unbroken[1].split(after)[1]
    shown = " ".join(dlrun("show", "latest").out.split())
    reason = unbroken[0][unbroken[0].index(" was taken: ") :].split(". Cross-fitted")[0]
    assert reason in shown
    assert "best member, cross-fitted" in shown
    assert "uniform average, in-sample" not in shown


def test_show_of_an_older_ensemble_does_without_the_reason(dlrun, members) -> None:
    assert dlrun("ensemble", "runs", "--method", "uniform").code == 0
    (made,) = members.glob("*-ensemble-*")
    metrics = json.loads((made / "metrics.json").read_text())
    del metrics["ensemble"]["why"]
    (made / "metrics.json").write_text(json.dumps(metrics))
    shown = dlrun("show", "latest")
    assert shown.code == 0, shown.err
    assert "members, with their validation scores" in shown.out
    assert "cross-fitted:" not in shown.out


def test_members_without_their_model_can_be_ignored_or_left_out(dlrun, members) -> None:
    for folder in members.glob("*-linear-2-*"):
        (folder / "model").rmdir()
    ignoring = dlrun("ensemble", "runs", "--method", "uniform", "--keep-all", "missing_models=ignore")
    assert ignoring.code == 0, ignoring.err
    assert "1 of 3 members keep no model" in ignoring.out
    assert "cannot predict new rows" in ignoring.out
    leaving = dlrun("ensemble", "runs", "--method", "uniform", "--keep-all", "missing_models=leave_out")
    assert leaving.code == 0, leaving.err
    assert "uniform: 2 of 2 members count" in leaving.out
    assert "linear-2-0002: it keeps no model (missing_models=leave_out)" in leaving.out


def test_a_member_that_cannot_be_trained_again_is_refused_before_anything_is_written(dlrun, members) -> None:
    (linear,) = members.glob("*-linear-2-*")
    (linear / "model").rmdir()
    before = sorted(path.name for path in members.iterdir())
    ended = dlrun("ensemble", "runs", "--method", "uniform", "--keep-all")
    assert ended.code == 2
    assert f"the member {linear.name} keeps no model, and cannot be trained again: its data have changed" in ended.err
    assert "missing_models=leave_out" in ended.err
    assert sorted(path.name for path in members.iterdir()) == before


def test_the_ensemble_is_listed_shown_and_skipped_next_time(dlrun, members) -> None:
    first = json.loads(dlrun("ensemble", "runs", "--method", "uniform", "--name", "mean", "--json").out)
    listed = json.loads(dlrun("ls", "--json").out)["runs"]
    assert listed[-1]["model"] == "ensemble"
    assert listed[-1]["validation"]["loss"] == first["metrics"]["cross_fitted"]["log_loss"]
    shown = dlrun("show", first["id"]).out
    assert "ensemble is better than its best member" in shown
    listing = shown.split("members, with their validation scores\n")[1].split("\n\n")[0].splitlines()
    assert listing[0].split() == ["member", "weight", "gain", "model", "loss", "accuracy"]
    assert [line.split()[1] for line in listing[1:]] == ["0.333"] * 3
    assert {line.split()[3] for line in listing[1:]} == {"network", "random_forest", "linear"}
    told = json.loads(dlrun("show", first["id"], "--json").out)["members"]
    assert [member["id"] for member in told] == [line.split()[0] for line in listing[1:]]
    again = json.loads(dlrun("ensemble", "runs", "--method", "uniform", "--json").out)
    assert again["metrics"]["test"] == first["metrics"]["test"]
    assert again["metrics"]["test_looks"] == 2
    assert any(entry["id"] == first["id"] and "an ensemble" in entry["reason"] for entry in again["skipped"])


def test_it_never_imports_tensorflow(dlrun, members) -> None:
    program = (
        "import sys\n"
        "from dlrun.cli.app import run\n"
        "code = run(['ensemble', 'runs', '--quiet'])\n"
        "assert code == 0, code\n"
        "heavy = {'tensorflow', 'keras', 'polars', 'hyperopt'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    process = dlrun.python("-c", program)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert Path(out.strip()).is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs", "--method", "gredy"], "Did you mean 'greedy'?"),
        (["runs", "--metric", "acc"], "Did you mean 'auc'?"),
        (["runs", "--metric", "rmse"], "a multiclass task has no metric rmse"),
        (["runs", "--method", "greedy", "method.sise=5"], "Did you mean 'size'?"),
        (["runs", "--method", "stacking", "method.learner=ridge"], "ridge does not suit a multiclass task"),
        (["nothing*"], "nothing matches nothing*"),
        (["nothing"], "there is no run 'nothing' in runs"),
        (["runs/notes.txt"], "notes.txt: a file, not a run folder"),
        (["runs", "--name", "../x"], "cannot be the name of a run"),
        (["runs", "--top", "3"], "--top takes the best trials of a study, and nothing that was named is one"),
        (["runs", "--max-members", "0"], "greater than or equal to 1"),
        ([], "RUN"),
    ],
)
def test_errors_leave_no_folder_behind(dlrun, members, monkeypatch, capsys, arguments: list[str], message: str) -> None:
    before = sorted(path.name for path in members.iterdir())
    monkeypatch.chdir(dlrun.folder)
    assert run(["ensemble", *arguments]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "internal error" not in told
    assert sorted(path.name for path in members.iterdir()) == before


def test_trials_of_a_study(dlrun, members) -> None:
    study = dlrun.folder / "runs" / "20261121-210000-study-aaaa"
    (study / "trials").mkdir(parents=True)
    for path in members.glob("*-000[0-2]"):
        path.rename(study / "trials" / path.name)
    told = json.loads(dlrun("ensemble", study.name, "--top", "2", "--method", "uniform", "--json").out)
    assert len(told["members"]) == 2
