"""A study as a state machine: what it hands out, what becomes of failures, what it continues, what is best."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from dlrun.experiment.tuner.tuners import Tuner
from dlrun.studies.state.ask_tell import Outcome, Study, StudyDiffers
from dlrun.studies.state.book import Book

TUNER: TypeAdapter[Any] = TypeAdapter(Tuner)
SPACE = {"x": {"uniform": [0, 1]}}


def open_study(folder: Path, *, mode: Any = "min", seed: int = 1, others: Any = None, **more: Any) -> Study:
    tuner = TUNER.validate_python({"kind": "quasi_random", "space": SPACE, "trials": 20, **more})
    folder.mkdir(exist_ok=True)
    return Study.open(folder, tuner, seed=seed, mode=mode, others=others, written={"x": 0.5})


def ask(study: Study) -> int:
    suggestion = study.ask()
    assert suggestion is not None
    return suggestion.trial


def finished(value: float) -> Outcome:
    return Outcome("finished", value=value, run=f"20261121-191502-run-{value}-3fa9", epochs=3, seconds=1.5)


def test_trials_are_numbered_and_keep_what_is_told(tmp_path: Path) -> None:
    with open_study(tmp_path) as study:
        assert [ask(study) for _ in range(3)] == [0, 1, 2]
        assert study.pending() == [0, 1, 2]
        study.report(1, 1, 0.9)
        study.tell(1, finished(0.25))
        first, second, _ = study.trials
        assert (first.state, first.point, first.overrides, first.value) == ("pending", {"x": 0.5}, {}, None)
        assert (second.state, second.value, second.outcome, second.last_epoch) == ("finished", 0.25, finished(0.25), 1)
        assert second.overrides == second.point
        assert study.pending() == [0, 2]
        assert Book.read(tmp_path).table() == study.trials


@pytest.mark.parametrize(("mode", "best"), [("min", 2), ("max", 1)])
def test_the_best_is_the_earliest_of_the_best_values(mode: str, best: int, tmp_path: Path) -> None:
    with open_study(tmp_path, mode=mode) as study:
        assert study.best is None
        for _ in range(5):
            ask(study)
        for number, value in [(4, 1.0), (3, -1.0), (1, 1.0), (2, -1.0)]:
            study.tell(number, finished(value))
        study.tell(0, Outcome("diverged"))
        assert study.best is not None
        assert study.best.id == best
        assert [trial.id for trial in study.front] == ([2, 3] if mode == "min" else [1, 4])


def test_the_front_holds_what_nothing_beats_everywhere(tmp_path: Path) -> None:
    values = [(0.5, 900), (0.7, 100), (0.4, 50), (0.7, 100), (0.9, 2000), (0.6, 100), (0.7, 90)]
    with open_study(tmp_path, mode="max", others={"parameters": "min"}) as study:
        for score, parameters in values:
            number = ask(study)
            study.tell(number, Outcome("finished", value=score, others={"parameters": parameters}))
        expected = [
            number
            for number, (score, parameters) in enumerate(values)
            if not any(
                other >= score and more <= parameters and (other, more) != (score, parameters) for other, more in values
            )
        ]
        assert [trial.id for trial in study.front] == expected == [2, 4, 6]
        with pytest.raises(ValueError, match="needs a value of every objective"):
            study.tell(ask(study), finished(0.1))


def test_several_objectives_are_both_searched(tmp_path: Path) -> None:
    tuner = {"kind": "tpe", "trials": 80, "objectives": ["loss", "parameters"], "random_trials": 15}
    with open_study(tmp_path, others={"parameters": "min"}, **tuner) as study:
        while suggestion := study.ask():
            x = suggestion.point["x"]
            values = {"parameters": (x - 0.7) ** 2}
            study.tell(suggestion.trial, Outcome("finished", value=(x - 0.3) ** 2, others=values))
        later = [trial.point["x"] for trial in study.trials[30:]]
    assert sum(0.25 < x < 0.75 for x in later) > 0.6 * len(later)  # the front
    assert max(later) - min(later) > 0.3


def test_only_running_trials_report_and_end(tmp_path: Path) -> None:
    with open_study(tmp_path) as study:
        with pytest.raises(ValueError, match="trial 0 is not running"):
            study.tell(0, finished(1.0))
        number = ask(study)
        for outcome in (Outcome("finished"), Outcome("finished", value=math.nan), Outcome("pruned", value=math.inf)):
            with pytest.raises(ValueError, match=r"finite|needs a value"):
                study.tell(number, outcome)
        study.tell(number, finished(1.0))
        with pytest.raises(ValueError, match="trial 0 is not running"):
            study.report(0, 1, 1.0)


def test_pruned_trials_are_told_with_what_they_reached(tmp_path: Path) -> None:
    with open_study(tmp_path, mode="max") as study:
        for value in (0.5, 0.75, math.nan):
            study.report(ask(study) if not study.trials else 0, 1 + study.trials[0].last_epoch, value)
        study.tell(0, Outcome("pruned"))
        assert (study.trials[0].value, study.trials[0].last_epoch) == (0.75, 3)
        study.tell(ask(study), Outcome("pruned"))
        assert study.trials[1].value is None


def test_an_interrupted_trial_is_handed_out_when_the_study_goes_on(tmp_path: Path) -> None:
    with open_study(tmp_path) as study:
        first = [study.ask() for _ in range(3)]
        study.tell(1, Outcome("interrupted", run="20261121-191502-run-3fa9"))
        study.tell(0, finished(1.0))
        assert study.pending() == [1, 2]
        assert ask(study) == 3
    with open_study(tmp_path) as study:
        again = [study.ask() for _ in range(4)]
        assert [(one.trial, one.attempt) for one in again if one] == [(1, 1), (2, 1), (3, 1), (4, 0)]
        assert [one.point for one in again[:2] if one] == [one.point for one in first[1:] if one]
        assert study.trials[1].outcome is not None
        assert study.trials[1].outcome.run == "20261121-191502-run-3fa9"


def test_new_points_can_be_closed(tmp_path: Path) -> None:
    with open_study(tmp_path) as study:
        ask(study)
        assert study.ask(new=False) is None
    with open_study(tmp_path) as study:
        again = study.ask(new=False)
        assert again is not None
        assert again.trial == 0


def test_a_study_is_extended_but_not_changed(tmp_path: Path) -> None:
    for number in (3, 5):
        with open_study(tmp_path, trials=number, pruner="asha") as study:
            while suggestion := study.ask():
                study.tell(suggestion.trial, finished(1.0))
            assert len(study.trials) == number
    for change, words in [
        ({"space": {"x": {"uniform": [0, 2]}}}, "space"),
        ({"kind": "random"}, "kind of search"),
        ({"seed": 2}, "seed"),
        ({"mode": "max"}, "mode"),
        ({"others": {"parameters": "min"}}, "list of objectives"),
        ({"constraints": [{"less": ["x", 0.9]}]}, "space"),
    ]:
        with pytest.raises(StudyDiffers, match=f"was begun with another {words}"):
            open_study(tmp_path, **change)
    open_study(tmp_path).close()


def test_the_tuners_own_seed_wins(tmp_path: Path) -> None:
    points = []
    for name, seed, own in [("a", 1, 7), ("b", 2, 7), ("c", 2, 8)]:
        tuner = TUNER.validate_python({"kind": "random", "space": SPACE, "seed": own})
        (tmp_path / name).mkdir()
        with Study.open(tmp_path / name, tuner, seed=seed, mode="min") as study:
            study.ask()
            number = ask(study)
            points.append(study.trials[number].point)
    assert points[0] == points[1] != points[2]


def fail(study: Study, state: Any, reason: str = "broken") -> int:
    number = ask(study)
    study.tell(number, Outcome(state, reason=reason))
    return number


def test_lost_workers_cost_one_retry(tmp_path: Path) -> None:
    with open_study(tmp_path) as study:
        assert [fail(study, "lost") for _ in range(3)] == [0, 0, 1]
        assert [trial.state for trial in study.trials] == ["lost", "pending"]
        again = study.ask()
        assert again is not None
        assert (again.trial, again.attempt) == (1, 1)
        study.tell(1, finished(1.0))
        assert study.trials[1].state == "finished"


@pytest.mark.parametrize("state", ["failed", "diverged", "out_of_memory", "lost"])
def test_each_failure_has_its_policy(state: str, tmp_path: Path) -> None:
    with open_study(tmp_path / "retry", failures={state: "retry", "retries": 2}) as study:
        assert [fail(study, state) for _ in range(4)] == [0, 0, 0, 1]
    with open_study(tmp_path / "stop", failures={state: "stop"}) as study:
        fail(study, state, "no room")
        assert study.stopped == f"a trial ended as {state.replace('_', ' ')}: no room"
        assert study.ask() is None
    with open_study(tmp_path / "stop", failures={state: "stop"}) as study:
        assert study.stopped is None
        assert ask(study) == 1
    for policy, learned in [("penalize", "failed"), ("ignore", "ignored")]:
        with open_study(tmp_path / policy, failures={state: policy}) as study:
            fail(study, state)
            assert [seen.state for seen in study._book.history] == [learned]


def test_a_run_of_failures_stops_the_study(tmp_path: Path) -> None:
    with open_study(tmp_path, failures={"stop_after": 3}) as study:
        fail(study, "failed")
        fail(study, "out_of_memory")
        study.tell(ask(study), finished(1.0))
        fail(study, "failed")
        fail(study, "failed")
        fail(study, "diverged")  # it trained, so the code works
        fail(study, "failed")
        fail(study, "failed")
        assert study.stopped is None
        fail(study, "failed", "no layer fits")
        assert study.stopped == "3 trials failed one after the other, the last one: no layer fits"
        assert study.ask() is None
    with open_study(tmp_path, failures={"stop_after": None}) as study:
        assert study.stopped is None
        for _ in range(8):
            fail(study, "failed")
        assert study.stopped is None


@pytest.mark.parametrize("failures", [{"failed": "stop"}, {"stop_after": 1}])
def test_trials_that_end_after_the_stop_do_not_lift_it(failures: dict[str, Any], tmp_path: Path) -> None:
    with open_study(tmp_path, failures=failures) as study:
        first, second, third = (ask(study) for _ in range(3))
        study.tell(first, Outcome("failed", reason="no layer fits"))
        reason = study.stopped
        assert reason is not None
        study.tell(second, finished(1.0))
        study.tell(third, Outcome("diverged"))
        assert study.stopped == reason
        assert study.ask() is None
    with open_study(tmp_path, failures=failures) as study:
        assert ask(study) == 3
