"""What every sampler must keep, whatever the space and the history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from dlrun.base.settings import members
from dlrun.config.docs import descriptions
from dlrun.experiment.tuner.tuners import Tuner
from dlrun.studies.state.ask_tell import Outcome, Study, Trial
from dlrun.studies.state.book import Book
from dlrun.studies.state.journal import read_events

SAMPLERS: dict[str, Any] = members(Tuner)
ADAPTER: TypeAdapter[Any] = TypeAdapter(Tuner)
DRAWING = sorted(set(SAMPLERS) - {"grid", "manual"})
every_sampler = pytest.mark.parametrize("kind", sorted(SAMPLERS))
every_drawing = pytest.mark.parametrize("kind", DRAWING)

COUNTABLE = {
    "units": {"logint": [4, 9]},
    "layer": {"choice": ["flatten", {"dense": {"units": {"quniform": [8, 24, 8]}, "rate": {"choice": [0, 0.5]}}}]},
}
WIDE = COUNTABLE | {
    "rate": {"loguniform": [1e-4, 1e-1]},
    "dropout": {"uniform": [0, 0.6]},
    "noise": {"normal": [0, 1]},
    "decay": {"lognormal": [1e-3, 1]},
    "batch": {"qloguniform": [16, 256, 16]},
    "depth": {"int": [1, 3]},
}
WRITTEN = {"units": 4, "layer": {"flatten": {}}, "rate": 0.01, "dropout": 0.0, "noise": 0, "decay": 0.1, "batch": 32}
WRITTEN |= {"depth": 2}


def tuner_of(kind: str, **more: Any) -> Any:
    if kind == "manual":
        points = [{"units": units, "rate": 0.1} for units in range(5, 9)]
        return ADAPTER.validate_python({"kind": kind, "points": points, **more})
    return ADAPTER.validate_python({"kind": kind, "space": COUNTABLE if kind == "grid" else WIDE, **more})


def loss_of(trial: Trial) -> float:
    rate, units = trial.point.get("rate", 0.1), trial.point.get("units", 5)
    return abs(rate - 0.01) + 0.1 * abs(units - 6)


def carry_out(folder: Path, tuner: Any, *, jobs: int = 1, seed: int = 3, num_trials: int | None = None) -> list[Trial]:
    """Carry out a study, several trials at once; some diverge, fail or are pruned."""
    folder.mkdir(exist_ok=True)
    with Study.open(folder, tuner, seed=seed, mode="min", written=WRITTEN, num_trials=num_trials) as study:
        while True:
            while len(study.pending()) < jobs and study.ask():
                pass
            if not study.pending():
                return study.trials
            number = study.pending()[-1 if len(study.trials) % 3 else 0]  # they do not end in their order
            loss = loss_of(study.trials[number])
            if number % 7 == 3:
                study.tell(number, Outcome("diverged"))
            elif number % 7 == 5:
                study.report(number, 2, loss)
                study.tell(number, Outcome("pruned"))
            else:
                study.tell(number, Outcome("finished", value=loss))


def test_covers_the_samplers_that_exist() -> None:
    assert set(SAMPLERS) >= {"tpe", "random", "anneal", "grid", "quasi_random", "manual"}


@every_sampler
def test_is_documented(kind: str) -> None:
    described = descriptions(SAMPLERS[kind])
    assert SAMPLERS[kind].__doc__
    assert not [name for name in SAMPLERS[kind].model_fields if name != "kind" and not described.get(name)]


@every_sampler
def test_trial_0_is_the_config_as_written(kind: str, tmp_path: Path) -> None:
    with Study.open(tmp_path, tuner_of(kind), seed=1, mode="min", written=WRITTEN) as study:
        first = study.ask()
        assert first is not None
        assert (first.trial, first.overrides) == (0, {})
        assert first.point["units"] == 4


@every_sampler
@pytest.mark.parametrize("jobs", [1, 4])
def test_suggestions_lie_in_the_space_and_are_plain_and_new(kind: str, jobs: int, tmp_path: Path) -> None:
    tuner = tuner_of(kind)
    trials = carry_out(tmp_path, tuner, jobs=jobs, num_trials=35)
    sampler = tuner.sampler(3, WRITTEN)
    for trial in trials[1:]:
        if kind != "manual":
            coordinates = sampler.coordinates(trial.point)
            assert coordinates is not None
        assert json.loads(json.dumps(trial.overrides)) == trial.overrides
        assert 4 <= trial.point["units"] <= 9
        assert type(trial.point["units"]) is int
        if "rate" in trial.point:
            assert 1e-4 <= trial.point["rate"] <= 1e-1
        if "batch" in trial.point:
            assert trial.point["batch"] in range(16, 257, 16)
    points = [json.dumps(trial.point, sort_keys=True) for trial in trials]
    assert len(set(points)) == len(points)
    assert len(trials) == {"manual": 5, "grid": 35}.get(kind, 35)


def repeat(folder: Path, tuner: Any, trial: int) -> Any:
    """Suggest a trial of a study once more, from what its suggestion had seen."""
    facts, *events = read_events(folder)
    sampler = tuner.sampler(facts["seed"], WRITTEN)
    book = Book(sampler.coordinates)
    book.apply(facts)
    for event in events:
        if event["event"] == "asked" and event["trial"] == trial:
            return sampler.suggest(trial, book.history)
        book.apply(event)
    return None


@every_sampler
def test_a_parallel_study_can_be_replayed_from_its_journal(kind: str, tmp_path: Path) -> None:
    tuner = tuner_of(kind, **({} if kind in ("grid", "manual") else {"trials": 30}))
    trials = carry_out(tmp_path, tuner, jobs=3)
    for number in {1, 4, len(trials) // 2, len(trials) - 2, len(trials) - 1}:
        assert repeat(tmp_path, tuner, number) == trials[number].point


@every_sampler
def test_the_same_seed_gives_the_same_study(kind: str, tmp_path: Path) -> None:
    tuner = tuner_of(kind)
    first, second, third = (
        [trial.point for trial in carry_out(tmp_path / name, tuner, jobs=2, seed=seed, num_trials=26)]
        for name, seed in [("a", 3), ("b", 3), ("c", 4)]
    )
    assert first == second
    assert (first == third) is (kind in ("grid", "manual"))


@every_drawing
def test_a_space_that_is_used_up_ends_the_search(kind: str, tmp_path: Path) -> None:
    space = {"a": {"choice": [1, 2, 3]}, "b": {"int": [1, 2]}}
    tuner = ADAPTER.validate_python({"kind": kind, "space": space, "trials": 40, "constraints": [{"less": ["b", "a"]}]})
    with Study.open(tmp_path, tuner, seed=1, mode="max", written={"a": 2, "b": 1}) as study:
        while suggestion := study.ask():
            study.tell(suggestion.trial, Outcome("finished", value=float(suggestion.point["a"])))
        found = sorted((trial.point["a"], trial.point["b"]) for trial in study.trials)
    assert found == [(2, 1), (3, 1), (3, 2)]


@every_drawing
def test_constraints_are_kept(kind: str, tmp_path: Path) -> None:
    space = {"a": {"uniform": [0, 1]}, "b": {"uniform": [0, 1]}}
    tuner = ADAPTER.validate_python({"kind": kind, "space": space, "trials": 30, "constraints": [{"less": ["a", "b"]}]})
    with Study.open(tmp_path, tuner, seed=1, mode="min", written={"a": 0.1, "b": 0.2}) as study:
        while suggestion := study.ask():
            assert suggestion.point["a"] < suggestion.point["b"]
            study.tell(suggestion.trial, Outcome("finished", value=suggestion.point["b"]))
        assert len(study.trials) == 30


@pytest.mark.parametrize("seed", [0, 1])
def test_tpe_leaves_diverged_regions(seed: int, tmp_path: Path) -> None:
    tuner = ADAPTER.validate_python({"kind": "tpe", "space": {"x": {"uniform": [0, 1]}}, "trials": 60})
    with Study.open(tmp_path, tuner, seed=seed, mode="min", written={"x": 0.9}) as study:
        while suggestion := study.ask():
            x = suggestion.point["x"]
            outcome = Outcome("diverged") if x > 0.5 else Outcome("finished", value=(x - 0.4) ** 2)
            study.tell(suggestion.trial, outcome)
        later = [trial.state for trial in study.trials[20:]]
        assert later.count("diverged") < len(later) / 2
        assert study.best is not None
        assert study.best.point["x"] == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("kind", ["tpe", "anneal"])
def test_learns_where_the_good_trials_are(kind: str, tmp_path: Path) -> None:
    space = {"x": {"uniform": [0, 1]}, "c": {"choice": ["a", {"b": {"y": {"uniform": [0, 1]}}, "z": 1}]}}
    tuner = ADAPTER.validate_python({"kind": kind, "space": space, "trials": 70})
    with Study.open(tmp_path, tuner, seed=5, mode="max") as study:
        while suggestion := study.ask():
            x = suggestion.point.get("x", 1.0)
            is_option = suggestion.point.get("c") not in (None, "a")
            study.tell(suggestion.trial, Outcome("finished", value=-abs(x - 0.2) - 0.3 * is_option))
        later = study.trials[40:]
    assert sum(abs(trial.point["x"] - 0.2) < 0.2 for trial in later) > 0.6 * len(later)
    assert sum(trial.point["c"] == "a" for trial in later) > 0.6 * len(later)


def test_a_grid_is_exact_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    tuner = ADAPTER.validate_python(
        {"kind": "grid", "space": {"a": {"int": [1, 3]}, "b": {"choice": [True, False, True]}}}
    )
    written = {"a": 1, "b": False}
    for number in (3, 5, 99):
        with Study.open(tmp_path, tuner, seed=0, mode="min", num_trials=number, written=written) as study:
            while suggestion := study.ask():
                study.tell(suggestion.trial, Outcome("finished", value=1.0))
    found = [(trial.point["a"], trial.point["b"]) for trial in study.trials]
    assert found == [(1, False), (1, True), (2, True), (2, False), (3, True), (3, False)]


def test_sobol_points_are_scipys(tmp_path: Path) -> None:
    import numpy as np
    from scipy.stats import qmc

    tuner = ADAPTER.validate_python(
        {"kind": "quasi_random", "space": {"x": {"uniform": [0, 1]}, "y": {"uniform": [0, 4]}}}
    )
    trials = carry_out(tmp_path, tuner, num_trials=17)
    sequence = qmc.Sobol(2, rng=np.random.default_rng(np.random.SeedSequence([3, 0]))).random(16)
    assert [[trial.point["x"], trial.point["y"] / 4] for trial in trials[1:]] == sequence.tolist()
