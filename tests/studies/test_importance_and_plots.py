"""Importance finds what matters; plots come out whatever the parameters are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.reports.study_plots import plot_parallel, plot_progress, plot_slices, scale
from dlrun.studies.plots import LEAST_TRIALS, importance


def points(number: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    return [
        {
            "rate": float(10 ** random.uniform(-4, -1)),
            "units": int(random.integers(4, 64)),
            "kind": str(random.choice(["a", "b"])),
            **({"only sometimes": 1.5} if random.random() < 0.5 else {}),
        }
        for _ in range(number)
    ]


def test_the_parameter_that_decides_has_the_largest_share() -> None:
    trials = points(60)
    by_rate = importance(trials, [abs(np.log10(point["rate"]) + 2.5) for point in trials])
    assert next(iter(by_rate)) == "rate"
    assert by_rate["rate"] > 0.8
    assert sum(by_rate.values()) == pytest.approx(1)
    by_kind = importance(trials, [float(point["kind"] == "a") + 0.001 * point["units"] for point in trials])
    assert next(iter(by_kind)) == "kind"


def test_few_trials_say_nothing() -> None:
    assert importance(points(LEAST_TRIALS - 1), list(range(LEAST_TRIALS - 1))) == {}


def test_scales_tell_numbers_from_names() -> None:
    places, names, is_log = scale([1e-4, None, 1e-1])
    assert (names, is_log) == (None, True)
    assert np.isnan(places[1])
    assert scale([1e-4, 0.6], log=False)[2] is False
    places, _, is_log = scale([0.0, 1e-4, 1e-1], log=True)
    assert (is_log, list(np.isnan(places))) == (True, [True, False, False])
    assert scale([0.0, None], log=True)[2] is False
    places, names, is_log = scale([True, False, None])
    assert (list(places[:2]), names, is_log) == ([1.0, 0.0], ["False", "True"], False)


def test_plots_are_drawn_and_are_the_same_bytes_again(tmp_path: Path) -> None:
    trials = points(15)
    values = [float(number % 7) for number in range(15)]
    shown: dict[str, Any] = {"labels": list(trials[0]), "metric": "loss", "best": 0}
    for name in ("first", "second"):
        plot_slices(trials, values, tmp_path / f"{name}-slices.png", **shown)
        plot_parallel(trials, values, tmp_path / f"{name}-parallel.png", **shown, mode="min")
        plot_progress([*values, float("nan")], tmp_path / f"{name}-progress.png", metric="loss", mode="min")
    for plot in ("slices", "parallel", "progress"):
        first, second = ((tmp_path / f"{name}-{plot}.png").read_bytes() for name in ("first", "second"))
        assert first == second
        assert first.startswith(b"\x89PNG")
