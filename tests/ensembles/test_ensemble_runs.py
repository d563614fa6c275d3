"""Whole ensembles: what they come to, what they write, and the story of the bad member that helps (T29)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.ensembles.ensemble import EnsembleRun, run_ensemble
from dlrun.ensembles.members.stack import Stack
from dlrun.ensembles.methods.combine import load_combination
from dlrun.ensembles.settings import Ensemble
from dlrun.errors import UsageError
from dlrun.experiment.evaluation.metrics import default_metrics
from dlrun.records.folder import RunFolder
from dlrun.records.index import summarize
from dlrun.reports.summary import summary_lines

TASKS = ("binary", "multiclass", "multilabel", "regression")


def make(runs: Path, **settings: Any) -> EnsembleRun:
    return run_ensemble([str(runs)], Ensemble.model_validate({"bootstrap": 200} | settings), runs_dir=runs)


@pytest.mark.parametrize("task", TASKS)
def test_an_ensemble_is_an_ordinary_run(tmp_path: Path, make_stack, make_member, task: str) -> None:
    stack = make_stack(task, num_rows=160, folds=2)
    for place in range(4):
        make_member(tmp_path, stack, place)
    made = make(tmp_path)
    folder = RunFolder.at(made.path)
    summary = summarize(folder)
    assert (summary.problem, summary.state, summary.model, summary.dataset) == (None, "finished", "ensemble", "csv")
    assert summary.task == task
    assert summary.fingerprint == "f" * 64
    assert set(default_metrics(task)) <= set(summary.test or {})
    assert summary_lines(made.metrics)
    assert json.loads(json.dumps(folder.read_json("metrics.json"))) == folder.read_json("metrics.json")
    names = {path.relative_to(made.path).as_posix() for path in made.path.rglob("*") if path.is_file()}
    plot = {"regression": "residuals", "multilabel": "labels"}.get(task, "confusion")
    assert names >= {
        "config.yaml",
        "environment.json",
        "dataset.json",
        "members.json",
        "metrics.json",
        "model/combination.json",
        "output.log",
        "predictions/validation.npz",
        "predictions/test.npz",
        f"plots/{plot}-test.png",
        "plots/diversity.png",
    }


def test_what_is_stored_makes_the_stored_predictions(tmp_path: Path, make_stack, make_member) -> None:
    stack = make_stack("multiclass", num_rows=160)
    for place in range(4):
        make_member(tmp_path, stack, place)
    made = make(tmp_path, method="greedy")
    folder = RunFolder.at(made.path)
    lineage = folder.read_json("members.json")["members"]
    combination = load_combination(folder.read_text("model/combination.json"))
    assert [member["weight"] for member in lineage] == pytest.approx(combination.weights.tolist())
    assert {member["id"]: member["weight"] for member in lineage} == pytest.approx(made.weights)
    predictions = []
    for member in lineage:
        with np.load(folder.path / member["path"] / "predictions" / "test.npz") as stored:
            predictions.append(stored["y_pred"])
    with np.load(folder.path / "predictions/test.npz") as stored:
        np.testing.assert_allclose(combination.combine(np.array(predictions)), stored["y_pred"], rtol=1e-12)


def test_scores_stand_side_by_side_and_the_look_is_counted(tmp_path: Path, make_stack, make_member) -> None:
    stack = make_stack("binary", num_rows=240)
    for place in range(4):
        make_member(tmp_path, stack, place)
    made = make(tmp_path, method="weighted")
    facts = made.metrics["ensemble"]
    validation = {name: scores["log_loss"] for name, scores in facts["validation"].items()}
    assert validation["in_sample"] <= validation["cross_fitted"]
    assert validation["in_sample"] <= min(validation["uniform"], validation["best_member"])
    told = dict(facts["validation"]["cross_fitted"])
    assert made.metrics["validation"]["loss"] == told.pop("log_loss"), "one score is told once"
    assert made.metrics["validation"] == told
    own = np.array([np.square(member - stack.targets())[:150].mean() for member in stack.y_pred])
    assert facts["best_member"].endswith(f"{int(own.argmin()):04x}")
    low, high = facts["test"]["gain_over_best_member"]["log_loss"]
    assert low < facts["test"]["ensemble"]["log_loss"] - facts["test"]["best_member"]["log_loss"] < high
    assert made.metrics["test_looks"] == 1
    assert make(tmp_path, method="uniform").metrics["test_looks"] == 2
    why = [json.loads(line)["why"] for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert why == ["ensemble", "ensemble"]


def test_an_ensemble_of_its_best_member_says_so(tmp_path: Path, make_stack, make_member) -> None:
    stack = make_stack("binary", num_rows=160)
    for place in range(3):
        make_member(tmp_path, stack, place)
    evidence = make(tmp_path, method="best").metrics["diagnosis"]["evidence"]
    same = "log loss is the same as the best member's."
    assert evidence[1:3] == [f"On validation rows, cross-fitted, {same}", f"On the test set {same}"]


def test_a_member_must_beat_the_baseline(tmp_path: Path, make_stack, make_member) -> None:
    stack = make_stack("binary", num_rows=160, noise=(0.7, 0.8, 0.9, 1.0))
    guess = np.random.default_rng(0).random(stack.y_pred[:1].shape)
    stack = replace(stack, y_pred=np.concatenate([stack.y_pred, guess]))
    for place in range(5):
        make_member(tmp_path, stack, place)
    made = make(tmp_path, method="uniform")
    assert len(made.weights) == 4
    assert made.skipped[0].reason.startswith("does not beat the baseline: validation log loss")
    assert len(make(tmp_path, method="uniform", keep_all=True).weights) == 5
    for path in tmp_path.glob("*-000[0-3]"):
        RunFolder(path).write_json("status.json", {})
    with pytest.raises(UsageError, match="no member beats the baseline"):
        make(tmp_path)
    assert not list(tmp_path.glob("*running*"))


def test_a_forest_that_is_too_sure_still_counts(tmp_path: Path, make_stack, make_member) -> None:
    """Its logarithmic loss is worse than the baseline's, its squared error is not; it helps the others."""
    stack = make_stack("binary", num_rows=240, noise=(1.3, 1.3, 1.3))
    sure = np.clip(np.round(stack.y_pred[2]), 1e-9, 1 - 1e-9)
    stack = replace(stack, y_pred=np.concatenate([stack.y_pred[:2], sure[None]]))
    for place in range(3):
        make_member(tmp_path, stack, place)
    assert not make(tmp_path, method="uniform").skipped


def test_members_that_weigh_nothing_are_left_out_of_the_lineage(tmp_path: Path, make_stack, make_member) -> None:
    stack = make_stack("regression", num_rows=160, noise=(0.3, 0.3, 9.0))
    for place in range(3):
        make_member(tmp_path, stack, place)
    made = make(tmp_path, method="greedy", keep_all=True)
    lineage = RunFolder.at(made.path).read_json("members.json")
    assert len(lineage["members"]) == 2
    assert [name[-1] for name in lineage["left_out"]] == ["2"]


def test_a_worse_but_different_member_helps_and_copies_do_not(tmp_path: Path, make_member) -> None:
    """T29: four copies of a good net share their errors; a clearly worse forest has errors of its own."""
    generator = np.random.default_rng(4)
    num_rows = 1600
    y = (generator.random(num_rows) < 0.5).astype(np.int64)
    signal, shared, other = 2.0 * (2 * y - 1), generator.normal(0, 2, num_rows), generator.normal(0, 3.0, num_rows)
    odds = [signal + shared + generator.normal(0, 0.15, num_rows) for _ in range(4)] + [signal + other]
    y_pred = 1 / (1 + np.exp(-np.array(odds)))[:, :, None]
    stack = Stack("binary", y, y_pred, np.arange(num_rows), np.zeros(num_rows, np.int64))
    for place in range(4):
        make_member(tmp_path, stack, place, name=f"net-{place}", model="network", seed=place)
    make_member(tmp_path, stack, 4, model="random_forest")

    for method in ("weighted", "greedy"):
        made = make(tmp_path, method=method)
        facts = made.metrics["ensemble"]
        by_name = {name.split("-")[2]: weight for name, weight in made.weights.items() if "forest" in name}
        assert "net" in facts["best_member"], "the forest is no good by itself"
        assert 0.1 < by_name["random_forest"] < 0.45, "yet it gets a weight, the smaller one"
        scores = {name: values["log_loss"] for name, values in facts["validation"].items()}
        assert scores["cross_fitted"] < 0.95 * scores["best_member"]
        assert facts["test"]["gain_over_best_member"]["log_loss"][1] < 0, "on the test set it is more than luck"
        gains = made.metrics["diversity"]["gains"]
        assert next(gain for name, gain in gains.items() if "forest" in name) > 0.02

    copies = made.metrics["diversity"]["near_copies"]
    assert [len(group["members"]) for group in copies] == [4]
    assert copies[0]["reason"].startswith("configs that differ in name or seed alone")
    assert made.metrics["diversity"]["num_different"] == 2
    assert made.metrics["diversity"]["effective_number"] < 2.5
    assert "gradient-boosted trees" in made.metrics["diversity"]["advice"][0]


def test_copies_alone_gain_nothing_and_the_advice_says_why(tmp_path: Path, make_stack, make_member) -> None:
    stack = make_stack("multiclass", num_rows=200, noise=(1.0,))
    jitter = np.random.default_rng(0).normal(0, 0.01, (3, *stack.y_pred.shape[1:]))
    stack = replace(stack, y_pred=np.clip(stack.y_pred + jitter, 1e-3, 1))
    stack = replace(stack, y_pred=stack.y_pred / stack.y_pred.sum(axis=2, keepdims=True))
    for place in range(3):
        make_member(tmp_path, stack, place, seed=place)
    diversity = make(tmp_path, method="uniform").metrics["diversity"]
    assert diversity["num_different"] == 1
    assert diversity["effective_number"] < 1.1
    assert any("Vary the layers, not only the seed" in advice for advice in diversity["advice"])


def test_an_error_on_the_way_is_recorded(tmp_path: Path, make_stack, make_member, monkeypatch) -> None:
    stack = make_stack("binary", num_rows=80)
    for place in range(2):
        make_member(tmp_path, stack, place)

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dlrun.ensembles.ensemble.write_outcome", stop)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path)
    (folder,) = tmp_path.glob("*-ensemble-*")
    assert RunFolder.at(folder).read_json("status.json")["state"] == "interrupted"
    assert not (folder / "metrics.json").exists()


def test_equal_members_make_equal_ensembles(tmp_path: Path, make_stack, make_member) -> None:
    stack = make_stack("binary", num_rows=160)
    for place in range(4):
        make_member(tmp_path, stack, place)
    once, again = make(tmp_path), make(tmp_path)
    for name in ("predictions/test.npz", "predictions/validation.npz", "model/combination.json", "members.json"):
        ours, theirs = (folder.path.joinpath(name).read_bytes() for folder in (once, again))
        if name != "members.json":
            assert ours == theirs
    assert once.weights == again.weights


@pytest.mark.parametrize("method", ["auto", "best"])
def test_one_member_is_no_ensemble(tmp_path: Path, make_stack, make_member, method: str) -> None:
    stack = make_stack("binary", num_rows=160, noise=(0.7, 0.8))
    only = make_member(tmp_path, stack, 0)
    make_member(tmp_path, stack, 1, name="other", state="failed")
    with pytest.raises(UsageError, match=f"at least two members, and only {only.id} is left\n.*other.*: not finished"):
        make(tmp_path, method=method)
    assert not list(tmp_path.glob("*-ensemble-*"))


@pytest.mark.parametrize(("task", "twin"), [("multiclass", "log_loss"), ("regression", "mse")])
def test_the_loss_is_told_twice_only_where_members_were_asked_for_it(tmp_path, make_stack, make_member, task, twin):
    stack = make_stack(task, num_rows=160, folds=2)
    for place in range(3):
        folder = make_member(tmp_path, stack, place)
    assert f'"{twin}"' not in json.dumps(
        [make(tmp_path).metrics[part] for part in ("validation", "intervals", "folds")]
    )
    metrics = folder.read_json("metrics.json")
    folder.write_json("metrics.json", metrics | {"validation": {**metrics["validation"], twin: 0.5}})
    made = make(tmp_path).metrics
    assert made["validation"][twin] == pytest.approx(made["validation"]["loss"])


def test_members_agree_on_the_positive_class_or_the_ensemble_says_it(tmp_path: Path, make_stack, make_member) -> None:
    stack = make_stack("binary", num_rows=160)
    folders = [make_member(tmp_path, stack, place) for place in range(3)]
    made = make(tmp_path, metric="f1", method="uniform")
    first, last = RunFolder.at(made.path).read_json("dataset.json")["targets"]["classes"]
    assert made.metrics["positive_class"] == last  # members of an older record mean the last class
    other = make(tmp_path, metric="f1", method="uniform", positive_class=first)
    assert other.metrics["positive_class"] == first
    assert other.metrics["test"]["f1"] != made.metrics["test"]["f1"]
    assert other.metrics["test"]["loss"] == made.metrics["test"]["loss"]
    assert f"f1: of the class '{first}'" in " ".join(RunFolder.at(other.path).read_text("output.log").split())
    folder = RunFolder.at(folders[0].path)
    folder.write_json("metrics.json", folder.read_json("metrics.json") | {"positive_class": first})
    with pytest.raises(UsageError, match="different positive classes"):
        make(tmp_path)
    assert make(tmp_path, positive_class=last).metrics["positive_class"] == last
    with pytest.raises(UsageError, match="no class is called 'maybe'"):
        make(tmp_path, positive_class="maybe")


def test_an_ensemble_of_numbers_has_no_positive_class(tmp_path: Path, make_stack, make_member) -> None:
    stack = make_stack("regression", num_rows=160)
    for place in range(3):
        make_member(tmp_path, stack, place)
    assert "positive_class" not in make(tmp_path).metrics
    with pytest.raises(UsageError, match="has no positive class"):
        make(tmp_path, positive_class="1")
