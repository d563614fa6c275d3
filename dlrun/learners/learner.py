"""Learner: anything that can be fitted and can predict; the types that go in and out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dlrun.learners.checkpoint import Checkpoint
from dlrun.learners.listener import REFIT, Listener

if TYPE_CHECKING:
    import keras

    from dlrun.experiment.datasets.inputs import Inputs
    from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
    from dlrun.experiment.validation.plan import Rows

Scorer = Callable[[NDArray[np.float32], NDArray[np.floating[Any]]], dict[str, float]]
"""Takes predictions for the validation rows and the loss of each; returns `loss` and every metric."""

CheckpointWriter = Callable[[str, Checkpoint], None]
"""Stores a checkpoint under a name such as `best/fold-0`, as a whole or not at all."""


def _discard(_name: str, _checkpoint: Checkpoint) -> None:
    """Write no checkpoint."""


def name_of(fold: int) -> str:
    """Name a fit in files: `fold-0`, `refit`."""
    return "refit" if fold == REFIT else f"fold-{fold}"


@dataclass(frozen=True)
class FitJob:
    """One fit: the rows and where its news goes.

    Args:
        x: Inputs of all rows of the dataset, as `Learner.prepare` was given them.
        y: Targets of all rows, as the learner's loss takes them: codes (rows,), labels (rows, labels) or transformed
            numbers (rows, targets).
        training: Rows to fit on.
        validation: Rows to validate on after each epoch; empty for a refit.
        score: Scores predictions for the validation rows.
        weights: Weight of each row of the dataset in the loss, or None.
        mean_weight: Mean of the weights that training rows have of their own, apart from those of their classes.
        fold: Position among the folds, or `REFIT`.
        num_epochs: Most epochs to train.
        monitored: For a fit without validation rows, the monitored values that a schedule is to go by.
        listener: Hears of every slice and epoch.
        checkpoint: Stores the last and the best state.
        state: State `last/state` of this very fit that an earlier process has stored, to go on from; None to begin.
        best: Its `best/NAME`, if the epochs of the fit were over.
    """

    x: Inputs
    y: NDArray[Any]
    training: Rows
    validation: Rows
    score: Scorer
    weights: NDArray[np.float32] | None = None
    mean_weight: float = 1.0
    fold: int = 0
    num_epochs: int = 1
    monitored: Sequence[float] = ()
    listener: Listener = field(default_factory=Listener)
    checkpoint: CheckpointWriter = _discard
    state: Checkpoint | None = None
    best: Checkpoint | None = None

    @property
    def name(self) -> str:
        """Name of the fit in files: `fold-0`, `refit`."""
        return name_of(self.fold)

    @property
    def relative_weights(self) -> NDArray[np.float32] | None:
        """The weights by their mean, so that a learning rate means the same whatever unit they are in."""
        if self.weights is None or self.mean_weight == 1:
            return self.weights
        weights: NDArray[np.float32] = (self.weights / self.mean_weight).astype(np.float32)
        return None if (weights == 1).all() else weights


@dataclass(frozen=True)
class Fit:
    """What a fit came to.

    Args:
        history: A row an epoch, as in `history.csv`; empty for learners without epochs.
        best_epoch: Epoch whose weights the learner now holds, from 1.
        epoch_seconds: Wall time of each epoch that this process has carried out, validation included.
        seconds: Wall time of the whole fit, or of what this process has done of it.
        snapshots: Weights at the ends of cycles, named as in checkpoints, by epoch; only if they were asked for.
    """

    history: tuple[dict[str, float], ...]
    best_epoch: int
    epoch_seconds: tuple[float, ...]
    seconds: float
    snapshots: Mapping[int, Mapping[str, NDArray[Any]]] = field(default_factory=dict)

    def until(self, epoch: int) -> Fit:
        """Return what the fit had come to at the end of a cycle.

        Args:
            epoch: Its last epoch, from 1.
        """
        return Fit(
            self.history[:epoch], epoch, self.epoch_seconds[:epoch], self.seconds, {epoch: self.snapshots[epoch]}
        )


class Learner(Protocol):
    """Anything that can be fitted and can predict."""

    @property
    def num_parameters(self) -> int | None:
        """Weights of a network; None for learners that have no such count."""

    @property
    def model(self) -> keras.Model | None:
        """The Keras model that is fitted, after `prepare`; None for other learners."""

    takes: str
    """What is made of the inputs for it: `matrix`, `joined` or `apart`. Learners of which it is the same share them."""

    def transform(self, preprocessing: FittedPreprocessing, x: Any) -> Inputs:
        """Transform inputs into what this learner takes.

        Args:
            preprocessing: Fitted on training rows.
            x: Inputs of the dataset's form.

        Raises:
            DataError: The inputs cannot be transformed.
        """

    def prepare(self, preprocessing: FittedPreprocessing, inputs: Inputs) -> None:
        """Make ready to be fitted on inputs, or to predict them.

        Args:
            preprocessing: Fitted on training rows.
            inputs: Returned by `transform`.

        Raises:
            ModelError: The model does not fit them.
            DataError: What was loaded does not know a value in them.
        """

    def fit(self, job: FitJob) -> Fit:
        """Fit anew, forgetting earlier fits, or go on with the fit that `job.state` was taken from.

        Raises:
            Interrupted: A signal came; the state of a learner that has epochs is stored.
            Diverged: The loss became NaN or infinite.
        """

    def hold(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Take the weights of a snapshot, so that they predict until the next fit.

        Args:
            weights: From `Fit.snapshots`, of which learners without epochs have none.
        """

    def predict(self, x: Inputs, rows: Rows) -> NDArray[np.float32]:
        """Predict with what was fitted last.

        Args:
            x: Prepared inputs.
            rows: Rows of `x` to predict, shape (rows,).

        Returns:
            Probabilities (rows, 1), (rows, classes) or (rows, labels); transformed numbers (rows, targets).
        """

    def losses(self, y: NDArray[Any], predictions: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """Loss of each row, shape (rows,), without penalties on weights."""

    def save(self, path: Path) -> None:
        """Write the fitted model to a file; `suffix` says of which form."""

    def load(self, preprocessing: FittedPreprocessing, content: bytes) -> None:
        """Take what was stored of a fit of this very model, to predict with it; it cannot be fitted any more.

        Args:
            preprocessing: Of the same fit.
            content: Of the best checkpoint of a learner that has epochs; of the file that `save` wrote for others.

        Raises:
            StorageError: The content is damaged, or is of another model.
        """

    @property
    def suffix(self) -> str:
        """Ending of the file that `save` writes: `.keras`, `.skops`."""
