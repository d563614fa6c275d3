"""What the summary of a study says of luck, and of a space or a refit that is not what was hoped for."""

from __future__ import annotations

from typing import Any

import pytest

from dlrun.reports.study_summary import study_lines


def metrics(mode: str = "max", value: float = 0.9, rescored: tuple[float, ...] = (0.8, 0.7), **study: Any) -> Any:
    mean = sum(rescored) / len(rescored)
    winner = {"trial": 3, "value": value, "params": {"x": 1}, "rescored": list(rescored), "mean": mean}
    return {
        "test": None,
        "study": {
            "metric": "auc",
            "mode": mode,
            "trials": {"total": 6, "finished": 6},
            "winner": winner,
            "written": None,
            "finalists": [winner, winner],
            "shrinkage": mean - value,
            "difference": {},
            "importance": {},
            "front": [],
            **study,
        },
    }


def text(told: Any) -> str:
    return " ".join(study_lines(told))


@pytest.mark.parametrize(("mode", "value", "rescored"), [("max", 0.9, (0.8, 0.7)), ("min", 0.6, (0.8, 0.7))])
def test_luck_is_told_with_the_spread_over_seeds(mode: str, value: float, rescored: tuple[float, ...]) -> None:
    told = text(metrics(mode, value, rescored))
    assert "on 2 other divisions of the rows, each with a seed of its own, the winner scores 0.750 on average" in told
    assert "from 0.700 to 0.800" in told
    assert "the 2 best trials score 0.150 worse there than in the search: expect so much" in told


def test_scores_that_do_not_fall_are_not_called_free_of_luck() -> None:
    told = text(metrics("max", 0.7))
    assert "the 2 best trials score no worse there than in the search, by these few fits" in told
    assert "no luck" not in told


def test_a_space_without_further_points_is_told() -> None:
    told = text(metrics(asked=50))
    assert "the space is exhausted: 6 of 50 trials were tried, and no further point is left" in told
    assert "exhausted" not in text(metrics(asked=None)) + text(metrics())


def test_a_refit_that_is_worse_than_its_validation_scores_is_told() -> None:
    delivered = {"test": 0.55, "interval": [0.4, 0.65], "low": 0.7, "high": 0.9, "worse": True}
    told = text(metrics(delivered=delivered))
    assert "test auc of 0.550 is worse than all of its validation scores, 0.700 to 0.900, beyond noise" in told
    assert "beyond noise" not in text(metrics(delivered={**delivered, "worse": False}) | {"test": None})
