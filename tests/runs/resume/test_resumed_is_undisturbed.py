"""Resumed against undisturbed: the same bytes, wherever the run was stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

EVERYTHING = """
dataset: {kind: digits, limit: 300}
model:
  kind: network
  layers:
    - dense: {units: 12, batch_norm: true, dropout: 0.3}
"""

CASES = {
    "slices": (
        EVERYTHING
        + """
training:
  {epochs: 4, batch_size: 16, checkpoint_seconds: 0, slice_steps: 4, early_stopping: {patience: 1, min_delta: 0.2}}
optimizer: {kind: adam, schedule: {kind: plateau, patience: 1, factor: 0.5, min_delta: 0.5}}
"""
    ),
    "ema and refit": (
        EVERYTHING
        + """
training: {epochs: 3, batch_size: 40, checkpoint_seconds: 0, refit: true, slice_steps: 2}
optimizer: {kind: sgd, momentum: 0.9, use_ema: true, ema_momentum: 0.9}
validation: {kind: kfold, folds: 2}
"""
    ),
    "streaming": (
        EVERYTHING
        + """
training: {epochs: 2, batch_size: 40, checkpoint_seconds: 0, engine: streaming, slice_steps: 2}
optimizer: {kind: rmsprop, use_ema: true, ema_momentum: 0.5}
"""
    ),
    "snapshots": (
        EVERYTHING
        + """
training: {epochs: 4, batch_size: 40, checkpoint_seconds: 0, snapshots: true, slice_steps: 3}
optimizer: {kind: adam, schedule: {kind: cosine, cycles: 2}, use_ema: true, ema_momentum: 0.9}
validation: {kind: kfold, folds: 2}
"""
    ),
    "forest": """
dataset: {kind: digits, limit: 300}
model: {kind: random_forest, num_trees: 5}
validation: {kind: kfold, folds: 3}
training: {refit: true}
""",
}

FEW = 4
"""Moments of each case that the suite resumes; tests/benchmarks/resume_exact.py takes many more."""


@pytest.mark.parametrize("case", list(CASES))
def test_a_resumed_run_ends_with_the_same_bytes(
    case: str, stopped: Callable[[str], Any], outcome_of: Callable[..., Any]
) -> None:
    run = stopped(CASES[case])
    moments = list(run.moments)
    chosen = sorted({round(number * (len(moments) - 1) / (FEW - 1)) for number in range(FEW)})
    for moment in (moments[number] for number in chosen):
        resumed = outcome_of(run.resume(moment).path)
        assert resumed.keys() == run.expected.keys(), moment
        for name, content in run.expected.items():
            assert resumed[name] == content, f"{name} differs when resumed from {moment}"
