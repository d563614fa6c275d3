"""Job: one thing for a worker to do, and what it tells while it does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.studies.state.trial import State

Kind = Literal["trial", "final", "rescore", "report"]
"""A trial; a refit that looks at the test rows; a fit on another division of the development rows; the plots."""

Waits = Literal["never", "epochs", "folds"]
"""When a worker waits for the word to go on: never, after each epoch of the first fold, or between folds."""


@dataclass(frozen=True)
class Job:
    """One thing for a worker to do.

    Args:
        key: Name of the job in this session of the study, such as `trial-7`.
        kind: What is done.
        folder: Folder that gets the run folder of a trial or a final fit, or the study's own for a report.
        config: Plain values of the experiment, without a tuner; for a report, what is to be shown.
        waits: When the worker waits for the word to go on, so that it can be stopped early.
        shuffle: Number of the division of the development rows, and of the seed; 0 are those of the search.
        argv: The command line, for the record.
        run: Name of a run folder in `folder` that an earlier attempt left, to go on with; None to begin anew.
        latency_rows: Rows of the forward passes that are timed after training; 0 times none.
        resumable: Whether a trial that is stopped early stores its state, as it may go on later.
    """

    key: str
    kind: Kind
    folder: str
    config: dict[str, Any]
    waits: Waits = "never"
    shuffle: int = 0
    argv: tuple[str, ...] = ()
    run: str | None = None
    latency_rows: int = 0
    resumable: bool = False

    @property
    def setting(self) -> tuple[Any, Any] | None:
        """What a process must have been set to for the job, and cannot change later; None if it is not known yet.

        A run that goes on keeps the setting that it was begun with, which may be another one.
        """
        if self.run is not None:
            return None
        training = self.config.get("training") or {}
        threads, device = training.get("threads"), training.get("device")
        return (threads, device) if isinstance(threads, int) else None

    def to_message(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def of_message(cls, message: dict[str, Any]) -> Job:
        """Return the job that `to_message` described."""
        return cls(**{**message, "argv": tuple(message["argv"])})


@dataclass(frozen=True)
class Claimed:
    """The job has a run folder now."""

    key: str
    run: str


@dataclass(frozen=True)
class Epoch:
    """An epoch is done.

    Args:
        key: The job.
        fold: Position among the folds, from 0.
        num_folds: Folds of the plan.
        epoch: Number of the epoch in its fold, from 1.
        num_epochs: Most epochs of a fold.
        values: Validation scores by name, without `val_`; those that are undefined are left out.
        waits: Whether the worker waits for an answer.
        completes: Whether nothing is left to be trained after it.
    """

    key: str
    fold: int
    num_folds: int
    epoch: int
    num_epochs: int
    values: dict[str, float]
    waits: bool = False
    completes: bool = False


@dataclass(frozen=True)
class FoldScored:
    """A fold is done, in this attempt or an earlier one; nobody waits.

    Args:
        key: The job.
        values: Validation scores by name of its best epoch.
    """

    key: str
    values: dict[str, float]


@dataclass(frozen=True)
class FoldEnded:
    """A fold is done and another one waits for the word to begin.

    Args:
        key: The job.
        values: Validation scores by name of the best epoch of every fold so far.
    """

    key: str
    values: tuple[dict[str, float], ...]


@dataclass(frozen=True)
class Ended:
    """The job is over.

    Args:
        key: The job.
        state: How it ended.
        metrics: What `metrics.json` holds; None if the job did not finish, or fits nothing.
        reason: What went wrong, in words for the user.
        run: Name of its run folder, if it had one.
        seconds: Wall seconds in the worker, the fork and earlier attempts that it went on from included.
        epochs: Epochs that were trained, those of earlier attempts that it went on from included; 0 if unknown.
        importance: For a report, the share of each setting in the differences between the scores.
    """

    key: str
    state: State
    metrics: Metrics | None = None
    reason: str | None = None
    run: str | None = None
    seconds: float = 0.0
    epochs: int = 0
    importance: dict[str, float] = field(default_factory=dict)


News = Claimed | Epoch | FoldScored | FoldEnded | Ended

_NEWS: dict[str, Callable[..., News]] = {
    "claimed": Claimed,
    "epoch": Epoch,
    "scored": FoldScored,
    "fold": lambda key, values: FoldEnded(key, tuple(values)),
    "ended": Ended,
}


def news_of(key: str, message: Mapping[str, Any]) -> News:
    """Return what a worker has told of its job, from the message that carries it.

    Args:
        key: The job.
        message: `event`, the name of the news, and its facts.
    """
    return _NEWS[message["event"]](key, **{name: fact for name, fact in message.items() if name != "event"})
