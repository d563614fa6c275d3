"""What a worker does with a job, in a process apart from the driver's; `(folder, config) -> how it ended`."""

from __future__ import annotations

import math
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlrun.base import interruption
from dlrun.base.limits import own
from dlrun.errors import ConfigError, Diverged, DlrunError, Interrupted, OutOfMemory, StorageError, UsageError
from dlrun.experiment.datasets.trust import is_trusted
from dlrun.learners.listener import REFIT, EpochReport, Listener, Pruned
from dlrun.records.folder import RunFolder
from dlrun.studies.workers.channel import Channel
from dlrun.studies.workers.job import Job

if TYPE_CHECKING:
    from dlrun.experiment.datasets.dataset import Dataset
    from dlrun.experiment.evaluation.run_metrics import Metrics
    from dlrun.experiment.experiment import Experiment
    from dlrun.runs.kept import Kept
    from dlrun.runs.run import Run


_SHORT = 5.0
"""Seconds of a job after which its worker takes another one: of such jobs a new process would be a good part."""

_SECONDS_UNHEARD = 0.2
"""How long a signal may wait while a worker waits for the driver's word."""

_MOST_JOBS = 20
"""Jobs of a process at most, so that whatever they leave behind cannot grow."""


@dataclass(frozen=True)
class Shared:
    """What all workers share.

    Args:
        section: The config's dataset section, as plain values.
        folder: Where what it loads lies, ready to be mapped; None if every worker is to load its own.
        network: Whether the jobs train networks, for which a process needs a third of a second to get ready.
    """

    section: Any = None
    folder: Path | None = None
    network: bool = False

    def dataset_of(self, config: Mapping[str, Any]) -> Dataset | None:
        """Return the dataset if it is what a config asks for."""
        from dlrun.experiment.datasets.shared import read_dataset

        return read_dataset(self.folder) if self.folder and config.get("dataset") == self.section else None


def work(job: Job, shared: Shared, channel: Channel) -> None:
    """Do a job, and further ones that the driver sends while they are short and go well.

    A trial comes to the same bytes whatever its process has done before: all randomness is seeded anew, and Keras'
    state is cleared.

    Args:
        job: The first.
        shared: What was loaded before the fork.
        channel: Leads to the driver.
    """
    for number in range(1, _MOST_JOBS + 1):
        if not carry_out(job, shared, channel, may_go_on=shared.network and number < _MOST_JOBS):
            return
        import keras

        keras.backend.clear_session(free_memory=False)  # to look for garbage after each would take a tenth of the time
        messages = channel.wait()
        if not messages:  # there is nothing more to do
            return
        job = Job.of_message(messages[0]["job"])


def carry_out(job: Job, shared: Shared, channel: Channel, *, may_go_on: bool = False) -> bool:
    """Do a job and tell how it ended; whatever happens, the driver hears of it.

    Args:
        job: What to do.
        shared: What was loaded before the fork.
        channel: Leads to the driver.
        may_go_on: Whether the process may do another job.

    Returns:
        Whether the process is ready for another job; the driver was told so.
    """
    started = time.perf_counter()
    listener = _ToDriver(job, channel)
    told: dict[str, Any]
    try:
        told = {"state": "finished", **_do(job, shared, listener)}
    except Pruned:
        told = {"state": "pruned"}
    except Interrupted as error:
        told = {"state": "interrupted", "reason": error.message}
    except Diverged as error:
        told = {"state": "diverged", "reason": error.message}
    except Exception as caught:  # noqa: BLE001 - a fault of the code must not end the search
        known = own(caught)
        told = {"state": "out_of_memory" if isinstance(known, OutOfMemory) else "failed", "reason": _reason(known)}
        if not isinstance(known, DlrunError):
            _keep_traceback(job, listener.run)
    seconds = time.perf_counter() - started
    goes_on = may_go_on and told["state"] in ("finished", "pruned") and seconds < _SHORT
    whole = listener.earlier + seconds
    facts = {"run": listener.run, "seconds": whole, "epochs": listener.num_epochs, "goes_on": goes_on}
    return channel.send({"event": "ended", **facts, **told}) and goes_on


def _do(job: Job, shared: Shared, listener: _ToDriver) -> dict[str, Any]:
    """Carry out a job and return what its end tells beside how it ended."""
    from dlrun.config.load import validate
    from dlrun.config.marks import Mark, Marks
    from dlrun.experiment.experiment import Experiment

    if job.kind == "report":
        from dlrun.studies.plots import illustrate_study

        return illustrate_study(Path(job.folder), job.config)
    marks = Marks()
    marks.put((), Mark("", (0, 0)))
    experiment = validate(job.config, marks, Experiment)
    dataset = shared.dataset_of(job.config)
    if job.kind == "rescore":
        from dlrun.studies.rescore import rescore

        return {"metrics": rescore(experiment, dataset, job.shuffle)}
    return {"metrics": _run(job, experiment, dataset, listener)}


def _run(job: Job, experiment: Experiment, dataset: Dataset | None, listener: _ToDriver) -> Metrics:
    from dlrun.runs.run import AsTrial, run_experiment

    run = _resume(job, experiment, dataset, listener) or run_experiment(
        experiment,
        runs_dir=Path(job.folder),
        argv=job.argv,
        listener=listener,
        dataset=dataset,
        trial=AsTrial(job.latency_rows) if job.kind == "trial" else None,
    )
    return run.metrics


def _resume(job: Job, experiment: Experiment, dataset: Dataset | None, listener: _ToDriver) -> Run | None:
    """Go on with what an earlier attempt left; None if it left nothing that can go on, which is then removed."""
    from dlrun.records.status import read_status
    from dlrun.runs.kept import Kept
    from dlrun.runs.resume import resume_run
    from dlrun.runs.run import AsTrial

    if job.run is None:
        return None
    folder = RunFolder(Path(job.folder, job.run))
    try:
        kept = Kept.read(folder)
        if job.latency_rows and kept.fits:
            raise UsageError("the latency of what another process has fitted cannot be measured")
        listener.recall(kept, read_status(folder).seconds)
        return resume_run(
            folder,
            trust=is_trusted() and _runs_same_code(folder, experiment),
            argv=job.argv,
            listener=listener,
            dataset=dataset,
            trial=AsTrial(job.latency_rows) if job.kind == "trial" else None,
            pruned=True,
        )
    except (StorageError, UsageError) as error:
        if listener.run is not None:  # it went on, and failed later
            raise
        sys.stderr.write(f"{job.run} begins anew, as it cannot go on: {error.message}\n")
        folder.content.remove()
        listener.recall(None)
        return None


def _runs_same_code(folder: RunFolder, experiment: Experiment) -> bool:
    """Tell whether a run folder names no other code than the study does; anybody may have written into it."""
    from dlrun.experiment.load import load_text

    try:
        recorded = load_text(folder.read_text("config.yaml"), "config.yaml").experiment
    except ConfigError:  # which whoever goes on with it is told
        return False
    return recorded.dataset.code == experiment.dataset.code


def _reason(error: BaseException) -> str:
    return error.message if isinstance(error, DlrunError) else f"internal error: {type(error).__name__}: {error}"


def _keep_traceback(job: Job, run: str | None) -> None:
    if run is None:
        return
    RunFolder(Path(job.folder, run)).write_text("traceback.txt", traceback.format_exc())


class _ToDriver(Listener):
    """Tells the driver of the folder and of every epoch, and asks whether to go on where it may be stopped."""

    def __init__(self, job: Job, channel: Channel) -> None:
        self.run: str | None = None
        self.num_epochs = 0
        self.earlier = 0.0
        self._job = job
        self._channel = channel
        self._num_folds = 1
        self._folds: list[dict[str, float]] = []
        self._last: dict[int, list[tuple[dict[str, float], bool]]] = {}

    def recall(self, kept: Kept | None, seconds: float = 0.0) -> None:
        """Take note of what an earlier attempt has told, and how long it took; None to forget it."""
        self.earlier = seconds
        checkpoints = [] if kept is None else kept.checkpoints
        state = None if kept is None else kept.state
        self._last = {} if state is None else {int(state.facts["fold"]): _last_row(state.facts)}
        self.num_epochs = sum(len(one.facts["history"]) for one in checkpoints)

    def claimed(self, path: Path) -> None:
        self.run = path.name
        self._channel.send({"event": "claimed", "run": path.name})

    def fit_started(self, fold: int, num_folds: int, num_epochs: int) -> None:
        self._num_folds = num_folds
        if self._job.waits == "folds" and fold > 0:
            self._channel.send({"event": "fold", "values": self._folds})
            self._go_on()
        for row, is_last in self._last.pop(fold, []):  # nobody knows whether the earlier attempt heard the answer to it
            self._tell_epoch(fold, int(row["epoch"]), num_epochs, _scores(row), is_last=is_last)

    def epoch_finished(self, report: EpochReport) -> None:
        if report.fold == REFIT:
            return
        self.num_epochs += 1
        scores = _scores(report.values)
        self._tell_epoch(report.fold, report.epoch, report.num_epochs, scores, is_last=report.is_last)

    def fold_finished(self, fold: int, scores: Mapping[str, float | None]) -> None:  # noqa: ARG002
        known = {name: value for name, value in scores.items() if value is not None}
        self._folds.append({name: value for name, value in known.items() if math.isfinite(value)})
        if self._job.kind == "trial":
            self._channel.send({"event": "scored", "values": self._folds[-1]})

    def _tell_epoch(self, fold: int, epoch: int, num_epochs: int, values: dict[str, float], *, is_last: bool) -> None:
        waits = self._job.waits == "epochs" and fold == 0
        self._channel.send(
            {
                "event": "epoch",
                "fold": fold,
                "num_folds": self._num_folds,
                "epoch": epoch,
                "num_epochs": num_epochs,
                "values": values,
                "waits": waits,
                "completes": is_last and fold == self._num_folds - 1,
            }
        )
        if waits:
            self._go_on()

    def _go_on(self) -> None:
        """Wait for the driver's word, or for a signal: a fit holds it back, and here its state is whole."""
        messages = self._channel.wait(_SECONDS_UNHEARD)
        while not messages:
            interruption.check()
            if self._channel.over:  # the driver is gone
                raise Interrupted(signal.SIGTERM)
            messages = self._channel.wait(_SECONDS_UNHEARD)
        if messages[-1]["stop"]:
            raise Pruned(resumable=self._job.resumable)


def _last_row(state: Mapping[str, Any]) -> list[tuple[dict[str, float], bool]]:
    """Return the last row of history in a stored state, and whether its fit ended with it; empty before the first."""
    return [(row, bool(state.get("done", False))) for row in state["history"][-1:]]


def _scores(values: Mapping[str, float]) -> dict[str, float]:
    """Return the validation scores that are defined, by name without `val_`."""
    scores = {name.removeprefix("val_"): value for name, value in values.items() if name.startswith("val_")}
    return {name: value for name, value in scores.items() if math.isfinite(value)}
