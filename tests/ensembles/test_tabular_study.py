"""Ensembles of dlrun's own learners on tables; tests/benchmarks/tabular_study.py takes ten seeds of each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

STUDY = Path(__file__).resolve().parents[1] / "benchmarks" / "tabular_study.py"


@pytest.mark.slow
def test_fitted_weights_beat_the_best_member_on_test_rows(datasets_folder: Path) -> None:
    """Mean over four tables and three seeds; the best member is the one that out-of-fold predictions name."""
    ended = subprocess.run(
        [sys.executable, str(STUDY), "--seeds", "3", "--tables", str(datasets_folder), "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=STUDY.parents[2],
    )
    assert ended.returncode in (0, 1), ended.stderr
    scores = json.loads(ended.stdout.splitlines()[-1])
    assert set(scores) == {"titanic", "carseats", "breast_cancer", "made"}
    for method in ("weighted", "greedy"):
        ratios = {
            name: np.mean([seed[method] for seed in of_seeds]) / np.mean([seed["best"] for seed in of_seeds])
            for name, of_seeds in scores.items()
        }
        assert np.mean(list(ratios.values())) < 1, f"{method}: {ratios}"
