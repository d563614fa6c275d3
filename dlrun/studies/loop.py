"""SearchLoop: hands out what a study suggests to workers, and tells the study how it went."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dlrun.config.overrides import NoSuchSetting
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.studies.listener import SearchListener, Standing
from dlrun.studies.objective import Objective
from dlrun.studies.state.ask_tell import Study
from dlrun.studies.state.trial import Outcome, Suggestion
from dlrun.studies.trials import TrialRuns
from dlrun.studies.workers.job import Claimed, Ended, Epoch, FoldEnded, FoldScored, Job, News
from dlrun.studies.workers.workers import Workers

_SECONDS_BETWEEN_TICKS = 0.5


@dataclass
class _Active:
    """A trial that is being carried out."""

    suggestion: Suggestion
    run: str | None = None
    num_epochs: int = 0
    folds: list[float] = field(default_factory=list)
    fold: int = 0
    best: float | None = None
    scored: list[float] = field(default_factory=list)

    @property
    def reached(self) -> float | None:
        """The mean over the folds that are done; None in the first one, of which the study knows the epochs."""
        folds = [value for value in self.folds if math.isfinite(value)]
        return sum(folds) / len(folds) if folds else None

    def take(self, fold: int, value: float, objective: Objective) -> Standing:
        """Take the value of an epoch, for those who watch, and return how good the trial is so far."""
        if fold != self.fold:
            self.fold, self.best = fold, None
        if math.isfinite(value) and objective.better(value, self.best):
            self.best = value
        return Standing(self.best, tuple(self.scored))


class SearchLoop:
    """Carries out a study's trials until there are no more, time is up or a signal comes.

    Args:
        study: The state of the search.
        workers: Who carries out trials.
        job_of: Makes the job of a suggestion.
        runs: The trials' run folders.
        objective: What the study is told of.
        listener: Hears of the progress.
        deadline: Moment of `time.monotonic()` after which no new trial is begun; None for none.
    """

    def __init__(
        self,
        study: Study,
        workers: Workers,
        job_of: Callable[[Suggestion], Job],
        runs: TrialRuns,
        objective: Objective,
        listener: SearchListener,
        deadline: float | None = None,
    ) -> None:
        self._study = study
        self._workers = workers
        self._job_of = job_of
        self._runs = runs
        self._objective = objective
        self._listener = listener
        self._deadline = deadline
        self._active: dict[str, _Active] = {}

    def run(self) -> None:
        """Search. Trials that an interrupt ends stay pending: they are handed out first when the study goes on."""
        while True:
            any_came = self._hand_out()
            if not self._active:
                if any_came:
                    continue
                return
            for news in self._workers.wait(_SECONDS_BETWEEN_TICKS):
                self._take(news)
            self._listener.tick()

    @property
    def _in_time(self) -> bool:
        return self._deadline is None or time.monotonic() < self._deadline

    def _hand_out(self) -> bool:
        """Start as many trials as there are free workers; return whether any suggestion came.

        All are asked for before the first is started: the first start of all waits until the workers have loaded what
        they need, and the sampler loads its own meanwhile.
        """
        suggestions: list[Suggestion] = []
        while len(suggestions) < self._workers.num_free:
            suggestion = self._study.ask(new=self._in_time)
            if suggestion is None:
                break
            suggestions.append(suggestion)
        for suggestion in suggestions:
            if not self._adopt(suggestion):
                self._start(suggestion)
        return bool(suggestions)

    def _adopt(self, suggestion: Suggestion) -> bool:
        """Take over a trial that had finished when the driver was killed before it could tell the study.

        One without a value of an objective is not taken over, as another process may not have measured it.
        """
        found = self._runs.finished(suggestion.trial)
        if found is None:
            return False
        run, metrics = found
        outcome = self._finished(metrics, run, metrics["seconds"]["total"] or 0.0)
        if outcome.state != "finished":
            return False
        self._listener.started(suggestion)
        self._tell(suggestion.trial, outcome)
        return True

    def _start(self, suggestion: Suggestion) -> None:
        self._listener.started(suggestion)
        try:
            job = self._job_of(suggestion)
        except NoSuchSetting as error:  # values that exclude each other; the check of the space tries each alone
            self._tell(suggestion.trial, Outcome("failed", None, None, _impossible(error)))
            return
        job = replace(job, run=self._runs.take_up(suggestion.trial, pruned=suggestion.to_the_end))
        self._active[job.key] = _Active(suggestion)
        self._workers.start(job)

    def _take(self, news: News) -> None:
        active = self._active[news.key]
        trial = active.suggestion.trial
        if isinstance(news, Claimed):
            active.run = news.run
        elif isinstance(news, Epoch):
            self._take_epoch(active, news)
        elif isinstance(news, FoldScored):
            if math.isfinite(score := news.values.get(self._objective.metric, math.nan)):
                active.scored.append(score)
        elif isinstance(news, FoldEnded):
            active.folds = [values.get(self._objective.metric, math.nan) for values in news.values]
            self._workers.answer(news.key, stop=self._study.report(trial, len(active.folds), active.folds[-1]))
        else:
            del self._active[news.key]
            self._tell(trial, self._outcome(active, news))

    def _take_epoch(self, active: _Active, news: Epoch) -> None:
        active.num_epochs += 1
        trial = active.suggestion.trial
        value = news.values.get(self._objective.metric, math.nan)
        if news.waits:
            stop = self._study.report(trial, news.epoch, value, complete=news.completes)
            self._workers.answer(news.key, stop=stop)
        self._listener.reported(trial, news, active.take(news.fold, value, self._objective))

    def _outcome(self, active: _Active, news: Ended) -> Outcome:
        run = news.run or active.run
        if news.state == "finished" and news.metrics is not None:
            return self._finished(news.metrics, run, news.seconds)
        reached = active.reached if news.state == "pruned" else None
        epochs = news.epochs or active.num_epochs or None
        # Nobody stops the search, or it would hear of no more news: somebody else has stopped the worker.
        state = "lost" if news.state == "interrupted" else news.state
        return Outcome(state, reached, run, news.reason, epochs, news.seconds)

    def _finished(self, metrics: Metrics, run: str | None, seconds: float) -> Outcome:
        value = self._objective.of(metrics)
        epochs = sum(fold["epochs"] or 0 for fold in metrics["folds"]) or None
        others = self._objective.others_of(metrics)
        if value is None or len(others) < len(self._objective.others):
            missing = {self._objective.metric: value, **dict.fromkeys(self._objective.others)} | others
            names = [f"{name}{_folds_without(name, metrics)}" for name, found in missing.items() if found is None]
            return Outcome("failed", None, run, f"undefined: {', '.join(names)}", epochs, seconds)
        return Outcome("finished", value, run, None, epochs, seconds, others)

    def _tell(self, number: int, outcome: Outcome) -> None:
        self._study.tell(number, outcome)
        trial = self._study.trials[number]
        self._runs.settle(trial, self._study.paused)
        self._listener.ended(trial)


def _folds_without(name: str, metrics: Metrics) -> str:
    """Say in which of several folds a score is undefined."""
    folds = [fold["validation"] for fold in metrics["folds"]]
    without = [f"{number}/{len(folds)}" for number, scores in enumerate(folds, start=1) if scores.get(name, 0) is None]
    return f" in fold{'s' * (len(without) > 1)} {', '.join(without)}" if without and len(folds) > 1 else ""


def _impossible(error: NoSuchSetting) -> str:
    place = ".".join(map(str, error.path))
    return f"the point cannot be tried: {place}: {error.message}" + (f" ({error.hint})" if error.hint else "")
