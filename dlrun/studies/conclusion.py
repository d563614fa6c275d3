"""Conclusion: what follows the search - finalists re-scored, the winner refitted, one look at the test rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from dlrun.base.inside import FINAL
from dlrun.errors import RunFailed
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.experiment.tuner.search import Selection
from dlrun.records.folder import RunFolder
from dlrun.records.status import read_status
from dlrun.studies.differences import score_differences
from dlrun.studies.listener import Settled, StudyListener
from dlrun.studies.objective import Objective
from dlrun.studies.plots import content_of
from dlrun.studies.state.selection import Selected
from dlrun.studies.state.trial import Trial
from dlrun.studies.trials import has_no_end
from dlrun.studies.workers.job import Ended, Job
from dlrun.studies.workers.workers import Workers, carry_out_all

WRITTEN = 0
"""Number of the trial that is the config as written."""

_REPORT = "report"

ConfigOf = Callable[[Trial, dict[str, Any]], dict[str, Any]]
"""Makes the plain config of a trial, with further settings by path."""


@dataclass(frozen=True)
class Finalist:
    """One of the best trials.

    Args:
        trial: It.
        rescored: Its scores on the other divisions of the development rows; empty if there are none.
    """

    trial: Trial
    rescored: tuple[float, ...] = ()

    @property
    def mean(self) -> float | None:
        """Mean of the scores on other divisions."""
        return sum(self.rescored) / len(self.rescored) if self.rescored else None

    @property
    def shrinkage(self) -> float | None:
        """How much of the score of the search was lost on other divisions, with the sign of the score."""
        return None if self.mean is None or self.trial.value is None else self.mean - self.trial.value


@dataclass(frozen=True)
class Conclusion:
    """What came out.

    Args:
        finalists: The best trials, the winner first.
        written: The config as written; None if it failed.
        finals: Names of the run folders that looked at the test rows, under `final/`, by trial.
        metrics: Content of their `metrics.json`, by trial.
        differences: Interval of winner minus trial 0 on the test rows by metric; empty if they are one, or without
            test rows.
        importance: Share of each searched setting in the differences between the scores.
    """

    finalists: tuple[Finalist, ...]
    written: Trial | None
    finals: dict[int, str]
    metrics: dict[int, Metrics]
    differences: dict[str, list[float]]
    importance: dict[str, float]

    @property
    def winner(self) -> Finalist:
        return self.finalists[0]


class Concluding:
    """Concludes a study; what an earlier session has done of it is kept.

    Args:
        folder: The study.
        workers: Who carries out the fits; all free.
        objective: What the search looked at.
        selection: How the winner is chosen.
        ordered: Whether the rows are in order of time, so that they cannot be divided anew.
        config_of: Makes the plain config of a trial.
        argv: The command line, for the record.
        logarithmic: Labels of the settings whose logarithm is searched; None if there is no space.
    """

    def __init__(
        self,
        folder: RunFolder,
        workers: Workers,
        objective: Objective,
        selection: Selection,
        *,
        ordered: bool,
        config_of: ConfigOf,
        argv: Sequence[str],
        logarithmic: Sequence[str] | None = None,
        listener: StudyListener | None = None,
    ) -> None:
        self._listener = listener or StudyListener()
        self._is_told = False
        self._num_rescorings = self._num_left = 0
        self._logarithmic = logarithmic
        self._folder = folder
        self._workers = workers
        self._objective = objective
        self._selection = selection
        self._rescorings = 0 if ordered else selection.rescorings
        self._config_of = config_of
        self._argv = tuple(argv)
        self._done = Selected.read(folder)
        self._failed: set[str] = set()
        self._importance: dict[str, float] = {}

    def conclude(self, trials: Sequence[Trial]) -> Conclusion:
        """Choose the winner, refit it and trial 0, and look at the test rows once for each.

        Args:
            trials: All of the study.

        Raises:
            RunFailed: No trial finished, or the winner could not be refitted.
        """
        best = self._best(trials)
        if not best:
            raise _nothing_finished(trials)
        written = next((trial for trial in trials if trial.id == WRITTEN and trial.state == "finished"), None)
        # All that is certain goes to the workers at once, the longest first, so that none waits for another.
        certain = [best[0]] if self._selection.winner == "score" else []
        certain += [written] if written and written not in certain else []
        refits, rescorings = self._refits(certain), self._rescorings_of(best)
        self._num_rescorings, self._num_left = len(best) * self._rescorings, len(rescorings)
        self._announce([*refits, *rescorings])
        self._carry_out([*refits, self._report_on(trials), *rescorings])
        finalists = self._choose([Finalist(trial, self._scores(trial)) for trial in best])
        winner = finalists[0].trial
        refits = self._refits([winner])
        self._announce(refits)
        self._carry_out(refits)
        finals = {
            trial.id: self._done.finals[str(trial.id)]
            for trial in (winner, written)
            if trial and self._is_refitted(trial)
        }
        if winner.id not in finals:
            raise RunFailed(
                f"trial {winner.id} won, but could not be fitted again: {self._done.reason}",
                remedy="Run the command again to try it once more.",
            )
        metrics = {trial: self._read(run) for trial, run in finals.items()}
        ours, theirs = finals[winner.id], finals.get(WRITTEN)
        compared = metrics[winner.id]["test"] is not None and theirs not in (None, ours)
        differences = score_differences(self._folder, ours, str(theirs), metrics[winner.id]) if compared else {}
        return Conclusion(tuple(finalists), written, finals, metrics, differences, self._importance)

    def _best(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the finalists: those of the best trials that finished, the best first.

        A trial that was stopped early with a better value than a finished one takes its place, though it cannot win:
        what it has beaten in fewer epochs is not among the best, and not worth to be fitted again.
        """
        sign = 1.0 if self._objective.mode == "min" else -1.0
        valued = [trial for trial in trials if trial.state in ("finished", "pruned") and trial.value is not None]
        ranked = sorted(valued, key=lambda trial: (sign * (trial.value or 0.0), trial.id))
        finished = [trial for trial in ranked if trial.state == "finished"]
        return [trial for trial in ranked[: self._selection.finalists] if trial.state == "finished"] or finished[:1]

    def _announce(self, jobs: Sequence[Job]) -> None:
        """Tell once that something is left to fit."""
        if jobs and not self._is_told:
            self._is_told = True
            self._listener.concluding(self._num_left)

    def _carry_out(self, jobs: Sequence[Job]) -> None:
        carry_out_all(self._workers, jobs, self._take)

    def _report_on(self, trials: Sequence[Trial]) -> Job:
        """Return the drawing of the study's plots."""
        content = content_of(trials, self._objective, self._folder.id, self._logarithmic)
        return Job(_REPORT, "report", str(self._folder.path), content)

    def _take(self, ended: Ended) -> None:
        """Keep what a job came to."""
        trial, _, shuffle = ended.key.partition("/")
        if ended.key == _REPORT:
            self._importance = ended.importance
            return
        if shuffle:
            self._done.rescored[trial][shuffle] = self._objective.of(ended.metrics) if ended.metrics else None
            self._num_left -= 1
        elif ended.state == "finished" and ended.run is not None:
            self._done.finals[trial] = ended.run
        else:
            self._failed.add(trial)
            self._done.reason = ended.reason
        self._done.write(self._folder)
        self._listener.settled(self._settled(ended))

    def _settled(self, ended: Ended) -> Settled:
        trial, _, shuffle = ended.key.partition("/")
        return Settled(
            int(trial),
            "rescored" if shuffle else "refitted",
            self._done.rescored[trial][shuffle] if shuffle else None,
            ended.seconds,
            self._num_rescorings - self._num_left,
            self._num_rescorings,
            None if ended.state == "finished" else ended.reason or ended.state,
        )

    def _note(self, trial: str, run: str) -> None:
        self._done.finals[trial] = run
        self._done.write(self._folder)

    def _rescorings_of(self, best: Sequence[Trial]) -> list[Job]:
        """Return the fits of the finalists on development rows divided anew; the test rows stay apart."""
        jobs = []
        for trial in best:
            known = self._done.rescored.setdefault(str(trial.id), {})
            for shuffle in range(1, self._rescorings + 1):
                if str(shuffle) not in known:
                    config = self._config_of(trial, {})
                    jobs.append(Job(f"{trial.id}/{shuffle}", "rescore", "", config, shuffle=shuffle))
        return jobs

    def _scores(self, trial: Trial) -> tuple[float, ...]:
        known = self._done.rescored[str(trial.id)]
        numbers = map(str, range(1, self._rescorings + 1))
        return tuple(value for number in numbers if (value := known.get(number)) is not None)

    def _choose(self, finalists: list[Finalist]) -> list[Finalist]:
        """Put the winner first."""
        if self._selection.winner == "score":
            return finalists
        sign = 1.0 if self._objective.mode == "min" else -1.0
        return sorted(finalists, key=lambda one: np.inf if one.mean is None else sign * one.mean)

    def _refits(self, trials: Sequence[Trial]) -> list[Job]:
        """Return fits on training and validation rows that are scored on the test rows; never twice of one trial."""
        jobs = []
        for trial in trials:
            if self._is_refitted(trial) or str(trial.id) in self._failed:
                continue
            name = "written" if trial.id == WRITTEN else f"winner-{trial.id:04d}"
            run = self._begun(name)
            if run is not None and read_status(run).state == "finished":  # a kill came before it could be noted
                self._note(str(trial.id), run.id)
                continue
            config = self._config_of(trial, {"name": name, "training.refit": True})
            folder = str(self._folder.file(FINAL))
            jobs.append(Job(str(trial.id), "final", folder, config, argv=self._argv, run=run.id if run else None))
        return jobs

    def _is_refitted(self, trial: Trial) -> bool:
        run = self._done.finals.get(str(trial.id))
        return run is not None and self._folder.file(f"{FINAL}/{run}/metrics.json").is_file()

    def _begun(self, name: str) -> RunFolder | None:
        """Return the run of that name that an earlier session began, and that is finished or can go on."""
        begun = [
            run
            for run in self._folder.runs(FINAL)
            if run.id[16:].rpartition("-")[0] == name and has_no_end(run, or_state="finished")
        ]
        return begun[-1] if begun else None

    def _read(self, run: str) -> Metrics:
        return cast("Metrics", self._folder.read_object(f"{FINAL}/{run}/metrics.json"))


def _nothing_finished(trials: Sequence[Trial]) -> RunFailed:
    reasons = [trial.outcome.reason for trial in trials if trial.outcome and trial.outcome.reason]
    why = f" The first reason: {reasons[0]}" if reasons else ""
    remedy = "Train the config alone first, with `dlrun train`."
    if any(trial.state in ("lost", "out_of_memory") for trial in trials):
        remedy = f"Run fewer jobs at a time (--jobs) if memory ran out. {remedy}"
    return RunFailed(f"none of {len(trials)} trials finished.{why}", remedy=remedy)
