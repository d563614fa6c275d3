"""Which trials keep their weights: a number of the best, or as many as there is room for."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from dlrun.base.inside import inside
from dlrun.experiment.tuner.tuners import Tuner
from dlrun.studies.state.trial import Outcome, Trial
from dlrun.studies.trials import Limit, TrialRuns

SIZE = 1000


def end(folder: Path, number: int, value: float, size: int = SIZE) -> Trial:
    """Leave what a finished trial leaves on the disk."""
    run = f"20260101-00000{number}-trial-{number:04d}-abcd"
    for part, share in (("model", size // 2), ("checkpoints/best", size - size // 2)):
        (folder / run / part).mkdir(parents=True)
        (folder / run / part / "weights").write_bytes(b"0" * share)
    (folder / run / "history.csv").write_bytes(b"1" * 5000)
    return Trial(number, {}, {}, "finished", Outcome("finished", value=value, run=run))


def with_weights(folder: Path) -> list[int]:
    kept = [path for path in folder.iterdir() if (path / "model").exists()]
    assert all((path / "checkpoints").exists() for path in kept)
    assert all((path / "history.csv").exists() for path in folder.iterdir())
    return sorted(int(path.name[-9:-5]) for path in kept)


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (Limit(2), [1, 3]),
        (Limit(None, 3 * SIZE), [1, 3, 4]),
        (Limit(None, 3 * SIZE - 1), [1, 3]),
        (Limit(None, 1), [1]),  # the best one is kept though there is no room
        (Limit(None, 1e9), [0, 1, 2, 3, 4]),
    ],
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_worst_lose_their_weights_first(tmp_path: Path, limit: Limit, kept: list[int], sign: float) -> None:
    full = []
    runs = TrialRuns(inside(tmp_path), sign, limit, lambda: full.append(1))
    trials = [end(tmp_path, number, sign * value) for number, value in enumerate([0.5, 0.1, 0.9, 0.2, 0.3])]
    for trial in trials:
        runs.settle(trial)
    assert with_weights(tmp_path) == kept
    assert len(full) == (limit.number is None and len(kept) < 5), "it is told once"


def test_a_study_that_goes_on_removes_what_a_kill_left(tmp_path: Path) -> None:
    trials = [end(tmp_path, number, value) for number, value in enumerate([0.5, 0.1, 0.9])]
    TrialRuns(inside(tmp_path), 1.0, Limit(None, 2 * SIZE)).recall(trials)
    assert with_weights(tmp_path) == [0, 1]
    runs = TrialRuns(inside(tmp_path), 1.0, Limit(None, 2 * SIZE))
    runs.recall(trials)
    runs.settle(end(tmp_path, 3, 0.2))
    assert with_weights(tmp_path) == [1, 3]


def test_all_weights_of_small_trials_are_kept_by_default() -> None:
    tuner = TypeAdapter(Tuner).validate_python({"kind": "random", "space": {"x": {"uniform": [0, 1]}}})
    assert (tuner.keep_weights, tuner.weights_megabytes) == ("auto", 1000)


def test_what_a_link_among_the_trials_leads_to_stays(tmp_path: Path) -> None:
    study, victim = tmp_path / "trials", tmp_path / "victim"
    trials = [end(study, number, value) for number, value in enumerate([0.5, 0.1])]
    worst = study / str(trials[0].outcome and trials[0].outcome.run)
    worst.rename(victim)
    worst.symlink_to(victim)
    runs = TrialRuns(inside(study), 1.0, Limit(1))
    runs.recall(trials)
    assert runs.take_up(0) is None
    assert sorted(path.name for path in victim.rglob("weights")) == ["weights"] * 2
