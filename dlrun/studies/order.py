"""Order: what is asked of a study, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dlrun.base.inside import FINAL
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.studies.conclusion import Conclusion
from dlrun.studies.objective import Objective
from dlrun.studies.state.trial import Trial


@dataclass(frozen=True)
class Order:
    """How a study is to be carried out.

    Args:
        num_trials: Number of trials, trial 0 included; None for the tuner's own.
        seconds: After so long no new trial is begun, and the winner is chosen; None for no limit.
        num_jobs: Trials at a time; None for one on each core or GPU.
        gpus: Which GPUs: `auto`, `none` or a number.
        argv: The command line, for the record.
    """

    num_trials: int | None = None
    seconds: float | None = None
    num_jobs: int | None = None
    gpus: str = "auto"
    argv: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyResult:
    """A study as a command leaves it.

    Args:
        path: Its folder.
        trials: All trials.
        objective: What was searched by.
        conclusion: What came out; None if time was up before any trial was done.
        metrics: Content of the study's `metrics.json`; None without a conclusion.
        stopped: Why the search ended early; None if it did not.
        is_exhausted: Whether there were fewer points to try than trials were asked for.
    """

    path: Path
    trials: tuple[Trial, ...]
    objective: Objective
    conclusion: Conclusion | None
    metrics: Metrics | None
    stopped: str | None = None
    is_exhausted: bool = False

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.path.name

    @property
    def best(self) -> Trial | None:
        """The winner; None without a conclusion."""
        return None if self.conclusion is None else self.conclusion.winner.trial

    @property
    def final(self) -> Path | None:
        """Run folder of the winner's refit, which predicts; None without a conclusion."""
        if self.conclusion is None or self.best is None:
            return None
        return self.path / FINAL / self.conclusion.finals[self.best.id]
