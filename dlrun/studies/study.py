"""Driver: the whole story of a study, from its config to its report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlrun.base.inside import TRIALS
from dlrun.base.machine import usable_cpus
from dlrun.errors import ConfigError, DataError, StorageError, UsageError
from dlrun.records.folder import RunFolder
from dlrun.records.index import RUNNING, SHARED
from dlrun.records.lock import locked
from dlrun.records.status import Heartbeat, Status, read_status
from dlrun.reports.study_summary import exhausted_words
from dlrun.studies.conclusion import Concluding
from dlrun.studies.folder import StudyFacts, amend_facts, claim_study, digest_of, model_kind, models_of, settle_data
from dlrun.studies.listener import SearchListeners, StudyListener, StudyListeners
from dlrun.studies.loop import SearchLoop
from dlrun.studies.objective import Objective, mode_of, objective_of
from dlrun.studies.order import Order, StudyResult
from dlrun.studies.report import write_report
from dlrun.studies.state.ask_tell import Study
from dlrun.studies.state.trial import Suggestion, Trial
from dlrun.studies.trials import Limit, TrialRuns, config_at, trial_name, with_monitor
from dlrun.studies.watch import Watchable, logged
from dlrun.studies.workers.devices import gpus, num_jobs
from dlrun.studies.workers.job import Job, Waits
from dlrun.studies.workers.local import LocalWorkers

if TYPE_CHECKING:
    from dlrun.experiment.load import LoadedConfig


def tune(
    loaded: LoadedConfig,
    *,
    runs_dir: Path,
    order: Order,
    folder: RunFolder | None = None,
    listener: StudyListener | None = None,
) -> StudyResult:
    """Carry out a study, or go on with one.

    Args:
        loaded: The config, with a tuner.
        runs_dir: Folder of all runs; a new study gets a new folder in it.
        order: How to carry it out.
        folder: The study to go on with; None for a new one.
        listener: Hears of the progress.

    Raises:
        ConfigError, DataError, UsageError: Nothing was started.
        StudyLocked: Another process carries out this study.
        RunFailed: No trial finished, or the search was stopped by its failures.
        StorageError: A file could not be written.
        Interrupted: A signal came; the study goes on when it is named by `folder`.
    """
    return _Driver(loaded, order, listener or StudyListener()).drive(runs_dir, folder)


@dataclass
class _Driver:
    loaded: LoadedConfig
    order: Order
    listener: StudyListener
    objective: Objective = field(init=False)
    fixed: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.objective = objective_of(self.loaded.experiment)
        self.gpus = gpus(self.order.gpus)
        self.num_jobs = self.order.num_jobs or num_jobs(self.gpus)
        self.fixed = self._fixed()

    @property
    def tuner(self) -> Any:
        if self.loaded.experiment.tuner is None:
            raise UsageError("the config has no tuner")
        return self.loaded.experiment.tuner

    @property
    def network(self) -> bool:
        return self.loaded.experiment.model.learner == "network" or any(
            path == "model" or path.startswith("model.kind") for path in getattr(self.tuner, "space", {})
        )

    def _fixed(self) -> dict[str, Any]:
        """Return what is set in every trial: no refit, and one thread where the trials share the cores.

        One thread was measured to be up to twice as fast as two for small networks; and several trials with several
        threads each only wait for one another, be they of networks or of trees.
        """
        training = self.loaded.experiment.training
        fixed: dict[str, Any] = {"training.refit": False} if training.refit else {}
        if training.threads == "auto":
            share = usable_cpus() // self.num_jobs
            fixed |= {"training.threads": 1} if share < 2 else {}
        return fixed

    def drive(self, runs_dir: Path, folder: RunFolder | None) -> StudyResult:
        """Open the study and carry it out."""
        num_trials = self.order.num_trials or getattr(self.tuner, "trials", None)
        digest, models, objective = digest_of(self.loaded.data), models_of(self.loaded.experiment), self.objective
        facts = StudyFacts(digest, objective.metric, objective.mode, num_trials, models=models)
        if folder is not None:
            return self._carry_out(folder, num_trials)
        folder = claim_study(runs_dir, self.loaded, facts, self.order.argv)
        try:
            return self._carry_out(folder, num_trials)
        except (ConfigError, DataError):  # nothing was started
            folder.content.remove()
            raise

    def _carry_out(self, folder: RunFolder, num_trials: int | None) -> StudyResult:
        with (
            self._open(folder, num_trials) as study,
            locked(folder),
            logged(folder, self.listener) as self.listener,
            self._workers(folder) as workers,
        ):
            if study.trials:  # of an earlier session: nothing is touched before the data are known to be the same
                workers.await_ready()
            with Heartbeat(folder, earlier=_status_of(folder)) as heartbeat:
                self.listener.opened(folder.path, study.trials, num_trials, self.objective)
                models = models_of(self.loaded.experiment)
                amend_facts(folder, trials=num_trials, complete=False, models=models)
                try:
                    result = self._finish(folder, study, workers, num_trials)
                except KeyboardInterrupt:
                    self.listener.interrupted()
                    workers.stop()
                    raise
                if result.conclusion is None:
                    heartbeat.end("interrupted")
                else:
                    complete = result.stopped is None  # with more time, or once the cause is mended, it goes on
                    asked = num_trials or (len(result.trials) if complete else None)
                    winner = model_kind(self._config_at(result.conclusion.winner.trial.overrides))
                    amend_facts(folder, trials=asked, complete=complete, models=(winner,) if winner else models)
                return result

    def _finish(self, folder: RunFolder, study: Study, workers: LocalWorkers, num_trials: int | None) -> StudyResult:
        """Search, conclude and report."""
        study.prepare()
        watchable = Watchable(folder, study, self.objective)
        try:
            try:
                self._search(folder, study, workers, watchable)
            finally:
                watchable.searched()
            return self._conclude(folder, study, workers, watchable, num_trials)
        finally:
            watchable.close()

    def _conclude(
        self, folder: RunFolder, study: Study, workers: LocalWorkers, watchable: Watchable, num_trials: int | None
    ) -> StudyResult:
        """Say what came of the search, and report it."""
        trials = tuple(study.trials)
        stopped = study.stopped or self._time_is_up(study)
        if not trials:
            return StudyResult(folder.path, trials, self.objective, None, None, stopped)
        asked = num_trials if study.is_out_of_points else None
        if asked is not None:
            self.listener.note(exhausted_words(len(trials), asked))
        listener = StudyListeners([watchable, self.listener])
        conclusion = self._concluding(folder, workers, listener).conclude(study.trials)
        yaml = self._best_config(conclusion.winner.trial)
        metrics = write_report(
            folder,
            trials,
            self.objective,
            conclusion,
            front=study.front,
            best_config=yaml,
            asked=asked,
        )
        self.listener.concluded(metrics, stopped)
        return StudyResult(folder.path, trials, self.objective, conclusion, metrics, stopped, asked is not None)

    def _open(self, folder: RunFolder, num_trials: int | None) -> Study:
        from dlrun.config.write import plain

        experiment = self.loaded.experiment
        return Study.open(
            folder.path,
            self.tuner,
            seed=experiment.seed,
            mode=self.objective.mode,
            others={name: mode_of(name) for name in self.objective.others},
            num_trials=num_trials,
            written=plain(experiment.model_copy(update={"tuner": None})),
            max_epochs=experiment.training.epochs,
        )

    @contextmanager
    def _workers(self, folder: RunFolder) -> Iterator[LocalWorkers]:
        """Yield the workers, and a folder for what they share, which goes with them."""
        folder.remove(SHARED)  # of a session that was killed
        folder.remove(RUNNING)
        (share := folder.file(SHARED)).make_folder()
        workers = LocalWorkers(
            self.num_jobs,
            network=self.network,
            config=config_at(self.loaded.data),
            share=share.path,
            log=folder.file("workers.log"),
            objectives=self.objective.names,
            gpus=self.gpus,
            one_thread=usable_cpus() // self.num_jobs < 2,
            on_data=lambda data: settle_data(folder, data),
        )
        try:
            with workers:
                yield workers
        finally:
            folder.remove(SHARED)

    def _search(self, folder: RunFolder, study: Study, workers: LocalWorkers, watchable: Watchable) -> None:
        sign = 1.0 if self.objective.mode == "min" else -1.0
        runs = TrialRuns(folder.file(TRIALS), sign, self._limit, self._tell_of_full_disk)
        runs.recall(study.trials, study.paused)
        self._deadline = None if self.order.seconds is None else time.monotonic() + self.order.seconds
        pruner = self.tuner.pruner
        waits: Waits = "never" if pruner.never else "folds" if pruner.per == "fold" else "epochs"

        def job_of(suggestion: Suggestion) -> Job:
            config = self._config_at(suggestion.overrides, {"name": trial_name(suggestion.trial)})
            key = f"trial-{suggestion.trial}-{suggestion.attempt}"
            return Job(
                key,
                "trial",
                str(runs.folder),
                config,
                waits,
                argv=self.order.argv,
                latency_rows=self.tuner.timed_rows,
                resumable=pruner.resumable,
            )

        listener = SearchListeners([watchable, self.listener])
        SearchLoop(study, workers, job_of, runs, self.objective, listener, self._deadline).run()

    @property
    def _limit(self) -> Limit:
        keep = self.tuner.keep_weights
        return Limit(None if keep == "auto" else keep, 1e6 * self.tuner.weights_megabytes)

    def _tell_of_full_disk(self) -> None:
        room = f"{self.tuner.weights_megabytes:,g} MB (tuner.weights_megabytes)"
        self.listener.note(f"the weights of all trials need more than {room}: the worst trials lose theirs")

    def _time_is_up(self, study: Study) -> str | None:
        """Say that time was up before all trials were begun, if it was."""
        if self._deadline is None or time.monotonic() < self._deadline or study.is_exhausted:
            return None
        of = f" of {study.num_trials:,}" if study.num_trials else ""
        return f"time is up after {len(study.trials):,}{of} trials"

    def _config_at(self, *overrides: Mapping[str, Any]) -> dict[str, Any]:
        return with_monitor(config_at(self.loaded.data, self.fixed, *overrides), self.objective.monitor)

    def _concluding(self, folder: RunFolder, workers: LocalWorkers, listener: StudyListener) -> Concluding:
        return Concluding(
            folder,
            workers,
            self.objective,
            self.tuner.selection,
            ordered=self.loaded.experiment.validation.ordered,
            config_of=lambda trial, further: self._config_at(trial.overrides, further),
            argv=self.order.argv,
            logarithmic=self.tuner.logarithmic,
            listener=listener,
        )

    def _best_config(self, winner: Trial) -> str:
        """Return the winner's config as YAML, with every setting as it was written or left to dlrun."""
        from dlrun.config.load import validate
        from dlrun.config.marks import Marks
        from dlrun.config.write import to_yaml

        experiment = self.loaded.experiment
        data = with_monitor(config_at(self.loaded.data, winner.overrides), self.objective.monitor)
        best = validate(data, Marks(values=dict(self.loaded.marks.values)), type(experiment))
        return to_yaml(best)


def _status_of(folder: RunFolder) -> Status | None:
    """Return what an earlier session has left of its status; the truth of a study is in its journal, not there."""
    with suppress(StorageError):
        return read_status(folder) if folder.file("status.json").is_file() else None
    return None
