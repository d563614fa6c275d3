"""Exact state: everything that the next step of a fit depends on, as arrays and plain values and back.

The order of rows and the learning rates follow from seed, fold and epoch; whether to stop follows from the history.
What remains are the variables of model (those of its seed generators included), optimizer and, inside an epoch, of the
running metrics; and the best weights so far.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from dlrun.learners.best_epoch import BestEpoch
from dlrun.learners.checkpoint import Checkpoint
from dlrun.learners.engines.engine import Midway
from dlrun.learners.undefined import or_none
from dlrun.learners.variables import assign, check_fit, copies, named, optimizer_of

if TYPE_CHECKING:
    import keras

    from dlrun.learners.learner import FitJob


@dataclass
class Progress:
    """How far a fit has come.

    Args:
        job: The fit.
        watch: Which epoch is best.
        history: A row for each epoch that is over.
        seconds: Wall time of each epoch that this process has carried out.
        best: Number of the best epoch and its weights.
        saved_best: Best epoch whose weights are on the disk.
        midway: Place inside the present epoch to start from; None for its beginning.
        step: Steps of the present epoch that are done.
        trained: What the training part of the present epoch came to, once it is over.
        snapshots: Weights at the ends of the cycles that are over, by epoch.
    """

    job: FitJob
    watch: BestEpoch
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    best: tuple[int, list[NDArray[Any]]] | None = None
    saved_best: int | None = None
    midway: Midway | None = None
    step: int = 0
    trained: dict[str, float] | None = None
    snapshots: dict[int, list[NDArray[Any]]] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        return self.watch.should_stop or len(self.history) >= self.job.num_epochs

    def end_epoch(self, row: dict[str, float]) -> None:
        """Take the row of an epoch that is over."""
        self.history.append(row)
        self.midway, self.step, self.trained = None, 0, None


def pack(model: keras.Model, progress: Progress) -> Checkpoint:
    """Copy everything that the rest of a fit depends on.

    The best weights are part of it, so that state and best weights cannot be of different times; they are left out
    where they are the model's own, and after the last epoch, when they have a file of their own.

    Args:
        model: Compiled and built.
        progress: Between two steps, with `step` up to date.
    """
    arrays = named(model.variables, copies(model.variables))
    arrays |= named(model.optimizer.variables, copies(model.optimizer.variables), prefix="optimizer/")
    inside = progress.step > 0 and progress.trained is None
    if inside:
        arrays |= named(model.metrics_variables, copies(model.metrics_variables), prefix="metrics/")
    if progress.best is not None and not progress.done and not _is_current(model, progress):
        arrays |= named(model.variables, progress.best[1], prefix="best/")
    for epoch, weights in progress.snapshots.items():
        arrays |= named(model.variables, weights, prefix=f"snapshot-{epoch}/")
    facts = {
        "fold": progress.job.fold,
        "best_epoch": progress.watch.epoch,
        "history": progress.history,
        "step": progress.step,
        "trained": progress.trained,
        "done": progress.done,
    }
    return Checkpoint(arrays, facts)


def unpack(checkpoint: Checkpoint, best: Checkpoint | None, model: keras.Model, progress: Progress) -> None:
    """Put a model and a fresh progress where `pack` found them.

    Args:
        checkpoint: Returned by `pack`.
        best: Best weights of a fit that is over.
        model: Compiled and built; its variables are overwritten.
        progress: With its job and watch alone.

    Raises:
        UsageError: The arrays are those of another network.
    """
    facts = checkpoint.facts
    for row in facts["history"]:
        progress.watch.update(int(row["epoch"]), row)
        progress.history.append(dict(row))
    assign(model.variables, checkpoint.group(""))
    assign(model.optimizer.variables, checkpoint.group("optimizer/"))
    progress.step, progress.trained = int(facts["step"]), facts["trained"]
    if progress.step and progress.trained is None:
        progress.midway = Midway(progress.step, checkpoint.group("metrics/"))
    if progress.watch.epoch:
        stored = checkpoint.group("best/") or (best.group("") if best is not None else copies(model.variables))
        check_fit(model.variables, stored)
        progress.best = (progress.watch.epoch, stored)
    if best is not None:
        progress.saved_best = progress.watch.epoch
    for epoch, arrays in checkpoint.snapshots().items():
        progress.snapshots[epoch] = Checkpoint(arrays).group("")
        check_fit(model.variables, progress.snapshots[epoch])


def save_best(model: keras.Model, progress: Progress) -> None:
    """Write the best weights, unless they were written already."""
    if progress.best is None or progress.best[0] == progress.saved_best:
        return
    job, (epoch, weights) = progress.job, progress.best
    facts = {"fold": job.fold, "best_epoch": epoch, "best": or_none(progress.watch.value)}
    job.checkpoint(f"best/{job.name}", Checkpoint(named(model.variables, weights), facts))
    progress.saved_best = epoch


def _is_current(model: keras.Model, progress: Progress) -> bool:
    """Tell whether the best weights are those that the model holds now."""
    between_epochs = progress.step == 0 and progress.watch.epoch == len(progress.history)
    return between_epochs and not optimizer_of(model).use_ema
