"""What every pruner must keep, and what each decides, against figures made by hand and by SciPy."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from dlrun.base.settings import members
from dlrun.config.docs import descriptions
from dlrun.experiment.tuner.pruners.hyperband import bracket_size, num_rungs
from dlrun.experiment.tuner.pruners.pruners import Pruner
from dlrun.experiment.tuner.pruners.race import Curve, Race, Standings
from dlrun.experiment.tuner.tuners import Tuner
from dlrun.studies.state.ask_tell import Outcome, Study

PRUNERS: dict[str, Any] = members(Pruner)
ADAPTER: TypeAdapter[Any] = TypeAdapter(Pruner)
TUNER: TypeAdapter[Any] = TypeAdapter(Tuner)
every_pruner = pytest.mark.parametrize("kind", sorted(PRUNERS))

examples = settings(max_examples=30, deadline=None)
losses = st.one_of(st.floats(-10, 10), st.just(math.nan), st.just(math.inf))


def curve_of(values: list[float]) -> Curve:
    curve = Curve()
    for step, value in enumerate(values, start=1):
        curve.add(step, value)
    return curve


def race_of(curves: dict[int, list[float]], finished: set[int] = frozenset(), **more: Any) -> Race:  # type: ignore[assignment]
    made = {trial: curve_of(values) for trial, values in curves.items()}
    standings = Standings(curve for trial, curve in made.items() if trial in finished)
    return Race(made, finished, standings=standings, **more)


def test_covers_the_pruners_that_exist() -> None:
    assert set(PRUNERS) >= {"none", "median", "asha", "hyperband", "racing", "wilcoxon"}


@every_pruner
def test_reads_a_bare_name_and_is_documented(kind: str) -> None:
    rule = ADAPTER.validate_python(kind)
    assert rule == ADAPTER.validate_python({"kind": kind}) == PRUNERS[kind]()
    assert ADAPTER.validate_python(rule.model_dump()) == rule
    described = descriptions(PRUNERS[kind])
    assert not [name for name in PRUNERS[kind].model_fields if name != "kind" and not described.get(name)]


@every_pruner
@examples
@given(values=st.lists(st.lists(losses, min_size=1, max_size=10), min_size=1, max_size=8), data=st.data())
def test_decides_on_any_reports(kind: str, values: list[list[float]], data: Any) -> None:
    finished = data.draw(st.sets(st.integers(1, len(values) - 1))) if len(values) > 1 else set()
    best = min(finished) if finished else None
    race = race_of(dict(enumerate(values)), finished, best=best, max_epochs=10, num_trials=10)
    rule = ADAPTER.validate_python(kind)
    for trial in race.curves:
        assert rule.stops(trial, race.curves[trial].last, race) in (True, False)
        assert set(rule.finalists(race)) <= set(race.curves)


@every_pruner
def test_knows_the_first_step_that_may_be_the_last_of_a_trial(kind: str) -> None:
    names = {"min_epochs", "epochs", "min_folds"} & PRUNERS[kind].model_fields.keys()
    rule = ADAPTER.validate_python({"kind": kind, **dict.fromkeys(names, 4)})
    assert rule.never is (kind == "none")
    assert rule.first_step == (4 if names else 1)
    settled = {trial: [float(trial)] * 9 for trial in range(60)}
    for step in range(1, rule.first_step + 1):
        curves = {trial: curve[:step] for trial, curve in settled.items()}
        finished = {} if kind in ("asha", "hyperband", "racing") else {trial: settled[trial] for trial in range(20)}
        race = race_of(curves | finished, set(finished), best=0, max_epochs=9, num_trials=60)
        stopped = any(rule.stops(trial, step, race) for trial in range(20, 60))
        assert stopped is (step == rule.first_step and not rule.never)


@every_pruner
def test_never_stops_trial_0_nor_the_best_one(kind: str, tmp_path: Path) -> None:
    settings = {"min_epochs": 1} if "min_epochs" in PRUNERS[kind].model_fields else {}
    written = {
        "kind": "random",
        "space": {"x": {"uniform": [0, 1]}},
        "trials": 20,
        "pruner": {"kind": kind, **settings},
    }
    with Study.open(tmp_path, TUNER.validate_python(written), seed=2, mode="max", max_epochs=9) as study:
        stopped = []
        while suggestion := study.ask():
            level = -100.0 if suggestion.trial == 0 else float(suggestion.trial % 5)
            steps = (study.report(suggestion.trial, step, level + step / 10) for step in range(1, 10))
            is_stopped = any(steps)
            if is_stopped and not suggestion.to_the_end:
                stopped.append(suggestion.trial)
            value = None if is_stopped else level + 0.9
            study.tell(suggestion.trial, Outcome("pruned" if is_stopped else "finished", value=value))
        assert 0 not in stopped
        assert study.trials[0].state == "finished"
        assert study.best is not None
        assert study.best.value == pytest.approx(4.9)
        assert all(trial.value is not None for trial in study.trials)
    assert bool(stopped) is (kind != "none")


@every_pruner
@pytest.mark.parametrize("complete", [False, True])
def test_never_stops_a_trial_of_which_nothing_is_left(kind: str, complete: bool, tmp_path: Path) -> None:
    least = {name: 1 for name in ("min_epochs", "min_trials", "epochs") if name in PRUNERS[kind].model_fields}
    written = {
        "kind": "random",
        "space": {"x": {"uniform": [0, 1]}},
        "trials": 12,
        "pruner": {"kind": kind, **least, **({"min_folds": 1, "p": 0.6} if kind == "wilcoxon" else {})},
    }
    with Study.open(tmp_path, TUNER.validate_python(written), seed=2, mode="min", max_epochs=1) as study:
        stopped = set()
        while suggestion := study.ask():
            loss = float(suggestion.trial)
            is_stopped = study.report(suggestion.trial, 1, loss, complete=complete)
            stopped |= {suggestion.trial} if is_stopped else set()
            study.tell(suggestion.trial, Outcome("pruned" if is_stopped else "finished", value=loss))
    assert bool(stopped) is (kind != "none" and not complete)


def test_a_curve_begins_anew_from_a_step_that_is_reported_again() -> None:
    curve = curve_of([3.0, 1.0, 2.0, math.nan])
    assert (curve.last, curve.best(), curve.best(1), curve.best(0)) == (4, 1.0, 3.0, math.inf)
    curve.add(2, 2.5)
    assert curve.by_step() == {1: 3.0, 2: 2.5}
    assert (curve.last, curve.best(), curve.best(9)) == (2, 2.5, 2.5)


def test_race_compares_those_that_got_there_or_ended_before() -> None:
    race = race_of({0: [5, 4], 1: [1], 2: [3], 3: [2, 9, 0]}, {2})
    assert race.at(2) == {0: 4, 2: 3, 3: 2}


@examples
@given(st.lists(st.lists(losses, min_size=1, max_size=6), min_size=1, max_size=9))
def test_standings_are_kept_sorted(values: list[list[float]]) -> None:
    standings = Standings()
    for number, each in enumerate(values, start=1):
        standings.add(curve_of(each))
        for step in (1, 3) if number % 2 else (2,):
            assert standings.at(step) == sorted(curve_of(other).best(step) for other in values[:number])


@pytest.mark.parametrize(
    ("own", "step", "stops"),
    [
        ([9, 9, 2.9], 3, False),  # its best, not its last value counts
        ([2.9, 9, 9], 3, False),
        ([9, 9, 3.1], 3, True),  # the median of 1, 2, 3, 4, 5 is 3
        ([9, 9, 3.0], 3, False),
        ([9, 9], 2, False),  # before min_epochs
    ],
)
def test_median_stops_what_is_worse_than_the_half(own: list[float], step: int, stops: bool) -> None:
    others = {1: [1, 9, 9, 0], 2: [9, 2, 9, 0], 3: [9, 3], 4: [9, 9, 4, 0], 5: [5, 9, 9], 6: [0, 0, 0]}
    race = race_of(others | {7: own}, {1, 2, 3, 4, 5})
    assert ADAPTER.validate_python("median").stops(7, step, race) is stops
    few = race_of(others | {7: own}, {1, 2, 3, 4})
    assert not ADAPTER.validate_python("median").stops(7, step, few)


def test_asha_lets_the_best_third_go_on_at_each_rung() -> None:
    rule = ADAPTER.validate_python({"kind": "asha", "min_epochs": 2, "reduction": 3})
    curves: dict[int, list[float]] = {}
    stopped = {}
    for trial, level in enumerate([5.0, 6.0, 4.0, 7.0, 3.0, 4.5], start=1):  # one after the other
        curves[trial] = []
        for step in range(1, 20):
            curves[trial].append(level)
            if rule.stops(trial, step, race_of(curves)):
                stopped[trial] = step
                break
    # Rungs 2, 6, 18. The first two meet no full third; 4.0 is the best of three; 7.0 is not the best of four; 3.0 is
    # the best of five; 4.5 is the third of six, of which two go on.
    assert stopped == {4: 2, 6: 2}
    race = race_of({1: [1.0] * 6, 2: [2.0] * 6, 3: [3.0] * 6, 4: [0.5] * 2})
    assert [rule.stops(trial, 6, race) for trial in (1, 2, 3)] == [False, True, True]


def test_asha_of_ten_thousand_keeps_one_in_three() -> None:
    rule = ADAPTER.validate_python({"kind": "asha", "min_epochs": 1, "reduction": 3})
    generator = np.random.default_rng(0)
    race = Race({trial: curve_of([loss]) for trial, loss in enumerate(generator.random(900).tolist())})
    assert sum(not rule.stops(trial, 1, race) for trial in race.curves) == 300


def test_hyperband_brackets_are_those_of_the_paper() -> None:
    # Table 1 of Li et al.: R = 81, eta = 3 gives brackets that start with 81, 34, 15, 8, 5 trials at 1, 3, 9, 27, 81;
    # the table says 27, 9, 6, 5 where its algorithm 1 says 34, 15, 8, 5.
    last = num_rungs(1, 81, 3) - 1
    assert [bracket_size(last - bracket, last, 3) for bracket in range(last + 1)] == [81, 34, 15, 8, 5]
    assert (num_rungs(3, 30, 3), num_rungs(5, 3, 3), num_rungs(1, 1, 2)) == (3, 1, 1)


def test_hyperband_stops_within_a_bracket_at_its_rungs() -> None:
    rule = ADAPTER.validate_python({"kind": "hyperband", "min_epochs": 1, "max_epochs": 9, "reduction": 3})
    trials = range(17)  # 9 + 5 + 3 for the brackets that start at 1, 3 and 9
    race = race_of({trial: [float(trial)] * 9 for trial in trials})
    stopped = {trial: [step for step in range(1, 10) if rule.stops(trial, step, race)] for trial in trials}
    first_rungs = [steps[0] for steps in stopped.values() if steps]
    assert set(itertools.chain(*stopped.values())) == {1, 3, 9}
    assert [first_rungs.count(step) for step in (1, 3, 9)] == [9 - 3, 5 - 1, 3 - 1]


def test_racing_carries_the_best_to_the_end(tmp_path: Path) -> None:
    racing = {"kind": "racing", "epochs": 2, "keep": 3}
    written = {"kind": "random", "space": {"x": {"uniform": [0, 1]}}, "trials": 10, "pruner": racing}
    tuner = TUNER.validate_python(written)
    level = [0.0, 5, 1, 7, 2, 9, 3, 8, 6, 4]
    with Study.open(tmp_path, tuner, seed=1, mode="max") as study:
        order = []
        while suggestion := study.ask():
            number = suggestion.trial
            order.append((number, suggestion.to_the_end))
            if len(order) == 11:  # a crash while the first finalist runs
                break
            assert not study.report(number, 1, level[number])
            is_stopped = study.report(number, 2, level[number])
            assert is_stopped is (number > 0)
            study.tell(number, Outcome("pruned" if is_stopped else "finished", value=level[number]))
    assert order == [*((number, False) for number in range(10)), (5, True)]
    with Study.open(tmp_path, tuner, seed=1, mode="max") as study:
        again, second = study.ask(), study.ask()
        assert again is not None
        assert second is not None
        assert [(one.trial, one.to_the_end) for one in (again, second)] == [(5, True), (7, True)]
        assert not study.report(5, 2, 0.0)
        study.tell(5, Outcome("failed", reason="broken"))  # the fourth best moves up
        study.tell(7, Outcome("finished", value=20.0))
        third, fourth = study.ask(), study.ask()
        assert third is not None
        assert fourth is not None
        assert (third.trial, fourth.trial) == (3, 8)
        assert study.ask() is None
        for number in (3, 8):
            study.tell(number, Outcome("finished", value=10.0 + number))
        assert study.ask() is None
        assert study.best is not None
        assert study.best.id == 7


@pytest.mark.parametrize(
    ("own", "stops"),
    [
        ([0.4, 0.5, 0.6], True),  # three of three folds worse: p = 1/8
        ([0.4, 0.5], False),  # two of two: p = 1/4
        ([0.4, 0.5, 0.1], False),
        ([0.1, 0.2, 0.3], False),  # equal
        ([0.0, 0.0, 0.0], False),
        ([math.inf, math.inf, math.inf], True),
    ],
)
def test_wilcoxon_stops_between_folds(own: list[float], stops: bool) -> None:
    rule = ADAPTER.validate_python("wilcoxon")
    race = race_of({1: [0.1, 0.2, 0.3, 0.4, 0.5], 2: own}, {1}, best=1)
    assert rule.per == "fold"
    assert rule.stops(2, len(own), race) is stops
    assert not rule.stops(2, len(own), race_of({2: own}))


def test_wilcoxon_is_scipys() -> None:
    from scipy.stats import wilcoxon

    generator = np.random.default_rng(1)
    for _ in range(20):
        own, best = generator.normal(0.2, 1, 8), generator.normal(0, 1, 8)
        race = race_of({1: best.tolist(), 2: own.tolist()}, {1}, best=1)
        expected = own.mean() > best.mean() and wilcoxon(own, best, alternative="greater").pvalue < 0.15
        assert ADAPTER.validate_python("wilcoxon").stops(2, 8, race) is bool(expected)


def test_racing_compares_what_was_reached_by_the_same_epoch() -> None:
    rule = ADAPTER.validate_python({"kind": "racing", "epochs": 2, "keep": 2})
    carried, fresh = [5.0, 4.0, 1.0, 0.5], [3.0, 2.0]  # by epoch 2 the fresh ones are better
    race = race_of({0: carried, 1: carried, 2: fresh, 3: fresh})
    assert rule.finalists(race) == [2, 3]
