"""NetworkLearner: fits a Keras network, whichever engine executes its epochs."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base import interruption
from dlrun.errors import DataError, Diverged, Interrupted
from dlrun.experiment.datasets.inputs import InputForm, Inputs
from dlrun.experiment.optimizers.schedules import Mode
from dlrun.learners import keras_archive
from dlrun.learners.best_epoch import BestEpoch
from dlrun.learners.checkpoint import Checkpoint, Pace
from dlrun.learners.checkpoint_bytes import decode
from dlrun.learners.exact_state import Progress, pack, save_best, unpack
from dlrun.learners.learner import Fit, FitJob
from dlrun.learners.listener import REFIT, EpochReport, Pruned
from dlrun.learners.undefined import refuse_divergence, refuse_undefined
from dlrun.learners.variables import assign, averaged, averaged_copies, copies, fill, named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import keras

    from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
    from dlrun.experiment.training.training import Training
    from dlrun.experiment.validation.plan import Rows
    from dlrun.learners.engines.engine import Engine


_SECONDS_OF_STATE = 12 / 100e6
"""Seconds that writing the state takes for each parameter: a weight and two moments of four bytes, to a slow disk."""


@dataclass
class _Built:
    """A compiled model for inputs of one form, and what trains it."""

    form: InputForm
    model: keras.Model
    engine: Engine


class NetworkLearner:
    """Fits a network by epochs, keeps the best one's weights and writes checkpoints.

    One compiled model serves all folds: a fold starts by copying fresh weights and optimizer variables, made from
    (seed, fold), into it, so that its graph is traced once.

    Args:
        build: Builds a fresh model for inputs of some form; called anew for the start of each fold.
        make_loss: Builds the loss.
        compile_model: Compiles the model with the loss and builds its optimizer.
        make_engine: Makes the engine that trains a compiled model.
        training: How to fit; resolved, without `auto`.
        rates: Learning rate of every step: takes (epoch from 0, steps, epochs, monitored values so far, mode).
        monitor: Value that decides which epoch is best.
        mode: Whether the monitor is to be small or large.
        seed: Seed of the experiment.
        snapshot_epochs: Epochs, from 1, after which weights are kept.
        num_tokens: Distinct word indices that the network knows, counted from 0; None if it looks up none.
        several_inputs: Whether the network takes numbers and codes apart.
    """

    suffix = ".keras"

    def __init__(
        self,
        *,
        build: Callable[[InputForm], keras.Model],
        make_loss: Callable[[], keras.Loss],
        compile_model: Callable[[keras.Model, keras.Loss], None],
        make_engine: Callable[[keras.Model], Engine],
        training: Training,
        rates: Callable[[int, int, int, list[float], Mode], NDArray[np.float32]],
        monitor: str,
        mode: Mode,
        seed: int,
        snapshot_epochs: Sequence[int] = (),
        num_tokens: int | None = None,
        several_inputs: bool = False,
    ) -> None:
        self._build, self._make_loss, self._compile = build, make_loss, compile_model
        self._num_tokens, self._joined = num_tokens, not several_inputs
        self.takes = "joined" if self._joined else "apart"
        self._training = training
        self._rates = rates
        self._monitor = monitor
        self._mode: Mode = mode
        self._seed = seed
        self._snapshot_epochs = frozenset(snapshot_epochs)
        self._make_engine = make_engine
        self._built: _Built | None = None
        self._is_loaded = False
        self._pristine_fold: int | None = None
        self._pace = Pace(training.checkpoint_seconds)

    @property
    def model(self) -> keras.Model:
        """The Keras model; there is one after `prepare`."""
        return self._ready.model

    @cached_property
    def _loss(self) -> keras.Loss:
        return self._make_loss()

    @property
    def _ready(self) -> _Built:
        if self._built is None:
            raise RuntimeError("prepare() builds the network and comes first")
        return self._built

    @property
    def num_parameters(self) -> int:
        return int(self.model.count_params())

    def transform(self, preprocessing: FittedPreprocessing, x: Any) -> Inputs:
        """Transform inputs. Pixels and indicators stay bytes: the network's first layer scales them."""
        return preprocessing.transform(x, joined=self._joined)

    def prepare(self, preprocessing: FittedPreprocessing, inputs: Inputs) -> None:  # noqa: ARG002
        """Build the network for inputs unless it stands already, or was loaded, which holds for all.

        Raises:
            ModelError: A layer does not fit.
            DataError: The network that was loaded does not know a word index.
        """
        form = InputForm.of(inputs)
        if self._is_loaded:
            self._refuse_unknown(form)
        elif self._built is None or form != self._built.form:
            model = self._fresh(form, fold=0)
            self._built = _Built(form, model, self._make_engine(model))
            self._pristine_fold = 0
            self._pace.expect(self.num_parameters * _SECONDS_OF_STATE)

    def _refuse_unknown(self, form: InputForm) -> None:
        known, found = self._num_tokens, form.num_tokens
        if known is not None and found is not None and found > known:
            raise DataError(
                f"the inputs hold the word index {found - 1}, the network knows 0 to {known - 1}",
                remedy="Number the words as they were for the training.",
            )

    def fit(self, job: FitJob) -> Fit:
        """Train epoch by epoch; then hold the best epoch's weights.

        Raises:
            Interrupted: A signal came; state and best weights are stored.
            Pruned: The listener ended the fit early; they are stored if it may go on.
            Diverged: A loss became NaN or infinite; says in which epoch and what to try.
            RunFailed: What is watched is undefined in every epoch.
        """
        started = time.perf_counter()
        self._restart(job.fold)
        self._ready.engine.load(job.x, job.y, job.relative_weights)
        progress = Progress(job, self._watch(job))
        if job.state is not None:
            unpack(job.state, job.best, self.model, progress)
        try:
            with interruption.held_back():
                while not progress.done:
                    self._take_epoch(progress)
        except (Interrupted, Pruned) as stop:
            if isinstance(stop, Interrupted) or stop.resumable:
                save_best(self.model, progress)
                self._save_state(progress)
            raise
        except (Diverged, KeyboardInterrupt):
            save_best(self.model, progress)
            raise
        refuse_undefined(progress.watch)
        if progress.best is not None:
            assign(self.model.variables, progress.best[1])
        snapshots = {epoch: named(self.model.variables, kept) for epoch, kept in progress.snapshots.items()}
        history, seconds = tuple(progress.history), time.perf_counter() - started
        return Fit(history, progress.watch.epoch, tuple(progress.seconds), seconds, snapshots)

    def hold(self, weights: Mapping[str, NDArray[Any]]) -> None:
        assign(self.model.variables, Checkpoint(weights).group(""))

    def predict(self, x: Inputs, rows: Rows) -> NDArray[np.float32]:
        return self._ready.engine.predict(x, rows)

    def losses(self, y: NDArray[Any], predictions: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """Loss of each row as training defines it, without penalties on weights."""
        if not len(predictions):
            return np.empty(0, np.float32)
        return np.asarray(self._loss.call(y, predictions), np.float32).reshape(len(predictions))

    def save(self, path: Path) -> None:
        """Write the network for inference: it loads in plain Keras, without dlrun's loss or the optimizer's state."""
        twin = self._build(self._ready.form)
        assign(twin.variables, copies(self.model.variables))
        keras_archive.write(twin, path)

    def load(self, preprocessing: FittedPreprocessing, content: bytes) -> None:
        """Build the network, not compiled, and give it the weights of a checkpoint.

        No model config is read from it: the network is that of the experiment.
        """
        form = preprocessing.form(joined=self._joined)
        model = self._build(form)
        fill(model.variables, decode(content, "the file of weights").arrays)
        self._built, self._is_loaded = _Built(form, model, self._make_engine(model)), True

    def _fresh(self, form: InputForm, fold: int) -> keras.Model:
        """Build a model whose weights and dropout seeds come from (seed, fold).

        A refit begins where the first fold began: the scores and the number of epochs that led to it belong there.
        """
        import keras

        position = 0 if fold == REFIT else fold
        keras.utils.set_random_seed(int(np.random.SeedSequence([self._seed, position]).generate_state(1)[0]))
        model = self._build(form)
        self._compile(model, self._loss)
        return model

    def _restart(self, fold: int) -> None:
        if self._pristine_fold != fold:
            fresh = self._fresh(self._ready.form, fold)
            assign(self.model.variables, copies(fresh.variables))
            assign(self.model.optimizer.variables, copies(fresh.optimizer.variables))
        self._pristine_fold = None

    def _watch(self, job: FitJob) -> BestEpoch:
        early = self._training.early_stopping
        stopping = () if early is None else (early.patience, early.min_delta)
        return BestEpoch(self._monitor, self._mode, *stopping) if len(job.validation) else BestEpoch(None, self._mode)

    def _take_epoch(self, progress: Progress) -> None:
        """Train and validate an epoch, or the rest of one; tell of it, and save the state if that is due."""
        began = time.perf_counter()
        job, watch, epoch = progress.job, progress.watch, len(progress.history)
        rates = self._epoch_rates(progress)
        if progress.trained is None:
            progress.trained = self._train(progress, rates)
        interruption.check()
        values = {**progress.trained, **self._validate(job), "learning_rate": float(rates[-1])}
        refuse_divergence(values, epoch, self._training)
        if watch.update(epoch + 1, values):
            progress.best = (epoch + 1, averaged_copies(self.model))
        if epoch + 1 in self._snapshot_epochs:
            progress.snapshots[epoch + 1] = averaged_copies(self.model)
        progress.end_epoch({"fold": job.fold, "epoch": epoch + 1, **values})
        elapsed = time.perf_counter() - began
        best, done = (watch.monitor, watch.epoch, watch.value), progress.done
        job.listener.epoch_finished(EpochReport(job.fold, epoch + 1, job.num_epochs, values, *best, elapsed, done))
        if done:
            save_best(self.model, progress)
        if done or self._pace.due:
            self._save_state(progress)
        progress.seconds.append(time.perf_counter() - began)
        interruption.check()

    def _train(self, progress: Progress, rates: NDArray[np.float32]) -> dict[str, float]:
        job, epoch = progress.job, len(progress.history)

        def on_slice(step: int, values: Mapping[str, float]) -> None:
            progress.step = step
            refuse_divergence(values, epoch, self._training)
            job.listener.slice_finished(job.fold, epoch + 1, step / len(rates), values)
            interruption.check()
            if self._pace.due:
                self._save_state(progress)

        trained = self._ready.engine.train_epoch(self._order(job, epoch), rates, on_slice, progress.midway)
        progress.step = len(rates)
        return trained

    def _epoch_rates(self, progress: Progress) -> NDArray[np.float32]:
        """Return the learning rate of every step of the present epoch."""
        job, epoch = progress.job, len(progress.history)
        steps = math.ceil(len(job.training) / self._training.batch_size)
        monitored = progress.watch.seen if len(job.validation) else list(job.monitored[:epoch])
        return self._rates(epoch, steps, self._training.epochs, monitored, self._mode)

    def _order(self, job: FitJob, epoch: int) -> Rows:
        """Return the order of rows in an epoch, a function of (seed, fold, epoch) alone."""
        if not self._training.shuffle:
            return job.training
        position = 2**31 if job.fold == REFIT else job.fold
        return np.random.default_rng([self._seed, position, epoch]).permutation(job.training)

    def _validate(self, job: FitJob) -> dict[str, float]:
        if not len(job.validation):
            return {}
        with averaged(self.model):
            predictions = self._ready.engine.predict(job.x, job.validation)
        losses = self.losses(job.y[job.validation], predictions)
        return {f"val_{name}": value for name, value in job.score(predictions, losses).items()}

    def _save_state(self, progress: Progress) -> None:
        """Write everything that the rest of the fit depends on."""
        with self._pace.measured():
            progress.job.checkpoint("last/state", pack(self.model, progress))
