"""Objective: the values of a finished run that a search looks at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dlrun.tuning.trial import Mode

COSTS = ("parameters", "latency", "seconds")
"""Objectives that are no scores: weights, seconds to predict one row, seconds of the whole trial."""


@dataclass(frozen=True)
class Objective:
    """What the search looks at.

    Args:
        metric: Name of a validation score, such as `loss`, or of a cost.
        mode: Whether it is to be small or large.
        others: Names of further objectives.
    """

    metric: str
    mode: Mode
    others: tuple[str, ...] = ()

    def better(self, value: float, other: float | None) -> bool:
        """Tell whether a value is better than another one, or the first."""
        return other is None or (value < other if self.mode == "min" else value > other)

    def of(self, metrics: Mapping[str, Any]) -> float | None:
        """Return the value of a finished run; None if it is undefined."""
        return _finite(_values(metrics).get(self.metric))

    def others_of(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Return the values of the further objectives of a finished run."""
        values = {name: _finite(_values(metrics).get(name)) for name in self.others}
        return {name: value for name, value in values.items() if value is not None}


def _values(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    costs = {
        "parameters": metrics.get("num_parameters"),
        "seconds": (metrics.get("seconds") or {}).get("total"),
        "latency": metrics.get("latency"),
    }
    return costs | dict(metrics["validation"])


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
