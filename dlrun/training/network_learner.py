"""NetworkLearner: fits a Keras network, whichever engine executes its epochs."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import Diverged
from dlrun.training.best_epoch import BestEpoch, Mode
from dlrun.training.input_form import InputForm
from dlrun.training.learner import Fit, FitJob
from dlrun.training.listener import REFIT, EpochReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import keras

    from dlrun.preprocessing.fitted import FittedPreprocessing
    from dlrun.training.engines.engine import Engine
    from dlrun.training.training import Training
    from dlrun.validation.plan import Rows


@dataclass
class _Built:
    """A compiled model for inputs of one form, and what trains it."""

    form: InputForm
    model: keras.Model
    engine: Engine


@dataclass
class _Progress:
    """How far a fit has come."""

    job: FitJob
    watch: BestEpoch
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    best: tuple[int, list[NDArray[Any]]] | None = None
    saved_best: int | None = None

    @property
    def done(self) -> bool:
        return self.watch.should_stop or len(self.history) >= self.job.num_epochs


class NetworkLearner:
    """Fits a network by epochs, keeps the best one's weights and writes checkpoints.

    One compiled model serves all folds: a fold starts by copying fresh weights and optimizer variables, made from
    (seed, fold), into it, so that its graph is traced once.

    Args:
        build: Builds a fresh model for inputs of some form; called anew for the start of each fold.
        compile_model: Compiles it and builds its optimizer.
        make_engine: Makes the engine that trains a compiled model.
        training: How to fit; resolved, without `auto`.
        rates: Learning rate of every step: takes (epoch from 0, steps, epochs, monitored values so far, mode).
        monitor: Value that decides which epoch is best.
        mode: Whether the monitor is to be small or large.
        seed: Seed of the experiment.
    """

    suffix = ".keras"

    def __init__(
        self,
        *,
        build: Callable[[InputForm], keras.Model],
        compile_model: Callable[[keras.Model], None],
        make_engine: Callable[[keras.Model], Engine],
        training: Training,
        rates: Callable[[int, int, int, list[float], Mode], NDArray[np.float32]],
        monitor: str,
        mode: Mode,
        seed: int,
    ) -> None:
        self._build = build
        self._compile = compile_model
        self._training = training
        self._rates = rates
        self._monitor = monitor
        self._mode: Mode = mode
        self._seed = seed
        self._make_engine = make_engine
        self._built: _Built | None = None
        self._pristine_fold: int | None = None
        self._saved_at = 0.0

    @property
    def model(self) -> keras.Model:
        """The Keras model; there is one after `prepare`."""
        return self._ready.model

    @property
    def _ready(self) -> _Built:
        if self._built is None:
            raise RuntimeError("prepare() builds the network and comes first")
        return self._built

    @property
    def num_parameters(self) -> int:
        return int(self.model.count_params())

    def prepare(self, preprocessing: FittedPreprocessing, x: Any) -> NDArray[Any]:
        """Transform inputs, and build the network for them unless it stands already.

        Pixels and indicators stay bytes: the network's first layer scales them.

        Raises:
            ModelError: A layer does not fit.
        """
        prepared = preprocessing.transform_for_network(x)
        form = InputForm.of(prepared, preprocessing)
        if self._built is None or form != self._built.form:
            model = self._fresh(form, fold=0)
            self._built = _Built(form, model, self._make_engine(model))
            self._pristine_fold = 0
        return prepared

    def fit(self, job: FitJob) -> Fit:
        """Train epoch by epoch; then hold the best epoch's weights.

        Raises:
            Diverged: A loss became NaN or infinite; says in which epoch and what to try.
        """
        started = time.perf_counter()
        self._restart(job.fold)
        self._ready.engine.load(job.x, job.y, job.weights)
        progress = _Progress(job, self._watch(job))
        try:
            while not progress.done:
                self._take_epoch(progress)
        finally:
            self._save_best(progress)
        if progress.best is not None:
            _assign(self.model.variables, progress.best[1])
        seconds = time.perf_counter() - started
        return Fit(tuple(progress.history), progress.watch.epoch, tuple(progress.seconds), seconds)

    def predict(self, x: NDArray[Any], rows: Rows) -> NDArray[np.float32]:
        return self._ready.engine.predict(x, rows)

    def losses(self, y: NDArray[Any], predictions: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """Loss of each row as training defines it, without penalties on weights."""
        if not len(predictions):
            return np.empty(0, np.float32)
        return np.asarray(self.model.loss.call(y, predictions), np.float32).reshape(len(predictions))

    def save(self, path: Path) -> None:
        """Write the network for inference: it loads in plain Keras, without dlrun's loss or the optimizer's state."""
        twin = self._build(self._ready.form)
        _assign(twin.variables, _copies(self.model.variables))
        twin.save(path)

    def _fresh(self, form: InputForm, fold: int) -> keras.Model:
        """Build a model whose weights and dropout seeds come from (seed, fold)."""
        import keras

        position = 2**31 if fold == REFIT else fold
        keras.utils.set_random_seed(int(np.random.SeedSequence([self._seed, position]).generate_state(1)[0]))
        model = self._build(form)
        self._compile(model)
        return model

    def _restart(self, fold: int) -> None:
        if self._pristine_fold != fold:
            fresh = self._fresh(self._ready.form, fold)
            _assign(self.model.variables, _copies(fresh.variables))
            _assign(self.model.optimizer.variables, _copies(fresh.optimizer.variables))
        self._pristine_fold = None

    def _watch(self, job: FitJob) -> BestEpoch:
        early = self._training.early_stopping
        if not len(job.validation):
            return BestEpoch(None, self._mode)
        if early is None:
            return BestEpoch(self._monitor, self._mode)
        return BestEpoch(self._monitor, self._mode, early.patience, early.min_delta)

    def _take_epoch(self, progress: _Progress) -> None:
        """Train and validate an epoch, tell of it, and save the state if the last time is long enough ago."""
        began = time.perf_counter()
        job, watch, epoch = progress.job, progress.watch, len(progress.history)
        trained, rate = self._train(progress)
        values = {**trained, **self._validate(job), "learning_rate": rate}
        _refuse_divergence(values, epoch, self._training)
        if watch.update(epoch + 1, values):
            progress.best = (epoch + 1, self._averaged_copies())
        progress.history.append({"fold": job.fold, "epoch": epoch + 1, **values})
        elapsed = time.perf_counter() - began
        job.listener.epoch_finished(
            EpochReport(job.fold, epoch + 1, job.num_epochs, values, watch.monitor, watch.epoch, watch.value, elapsed)
        )
        if progress.done or time.monotonic() - self._saved_at >= self._training.checkpoint_seconds:
            self._save_state(progress)
        progress.seconds.append(time.perf_counter() - began)

    def _train(self, progress: _Progress) -> tuple[dict[str, float], float]:
        job, epoch = progress.job, len(progress.history)
        order = self._order(job, epoch)
        steps = math.ceil(len(order) / self._training.batch_size)
        monitored = progress.watch.seen if len(job.validation) else list(job.monitored[:epoch])
        rates = self._rates(epoch, steps, self._training.epochs, monitored, self._mode)

        def on_slice(share: float, values: Mapping[str, float]) -> None:
            _refuse_divergence(values, epoch, self._training)
            job.listener.slice_finished(job.fold, epoch + 1, share, values)

        return self._ready.engine.train_epoch(order, rates, on_slice), float(rates[-1])

    def _order(self, job: FitJob, epoch: int) -> Rows:
        """Return the order of rows in an epoch, a function of (seed, fold, epoch) alone."""
        if not self._training.shuffle:
            return job.training
        position = 2**31 if job.fold == REFIT else job.fold
        return np.random.default_rng([self._seed, position, epoch]).permutation(job.training)

    def _validate(self, job: FitJob) -> dict[str, float]:
        if not len(job.validation):
            return {}
        with self._averaged():
            predictions = self._ready.engine.predict(job.x, job.validation)
        losses = self.losses(job.y[job.validation], predictions)
        return {f"val_{name}": value for name, value in job.score(predictions, losses).items()}

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        """Hold the optimizer's moving average of the weights, if it keeps one, in place of the weights."""
        optimizer = self.model.optimizer
        if not optimizer.use_ema:
            yield
            return
        own = _copies(self.model.trainable_variables)
        optimizer.finalize_variable_values(self.model.trainable_variables)
        try:
            yield
        finally:
            _assign(self.model.trainable_variables, own)

    def _averaged_copies(self) -> list[NDArray[Any]]:
        with self._averaged():
            return _copies(self.model.variables)

    def _save_best(self, progress: _Progress) -> None:
        """Write the best weights, unless they were written already."""
        if progress.best is None or progress.best[0] == progress.saved_best:
            return
        job, (epoch, weights) = progress.job, progress.best
        facts = {"fold": job.fold, "best_epoch": epoch, "best": progress.watch.value}
        job.checkpoint(f"best/{job.name}", _named(self.model.variables, weights), facts)
        progress.saved_best = epoch

    def _save_state(self, progress: _Progress) -> None:
        """Write everything that the next epoch depends on, and the best weights with it."""
        self._save_best(progress)
        model, job = self.model, progress.job
        arrays = _named(model.variables, _copies(model.variables))
        arrays |= _named(model.optimizer.variables, _copies(model.optimizer.variables), prefix="optimizer/")
        facts = {"fold": job.fold, "best_epoch": progress.watch.epoch, "history": progress.history}
        job.checkpoint("last/state", arrays, facts)
        self._saved_at = time.monotonic()


def _refuse_divergence(values: Mapping[str, float], epoch: int, training: Training) -> None:
    """Raise if a loss is NaN or infinite."""
    for name in ("loss", "val_loss"):
        value = values.get(name, 0.0)
        if not math.isfinite(value):
            raise Diverged(
                f"{name} became {value} in epoch {epoch + 1}: training diverged",
                remedy="Try a learning rate ten times smaller, optimizer.clipnorm=1.0, or a larger batch than "
                f"{training.batch_size}; look for extreme values in the data.",
            )


def _copies(variables: Any) -> list[NDArray[Any]]:
    return [np.array(variable.numpy(), copy=True) for variable in variables]


def _assign(variables: Any, values: list[NDArray[Any]]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _named(variables: Any, values: list[NDArray[Any]], prefix: str = "") -> dict[str, NDArray[Any]]:
    """Name values by position and path; the path alone need not be unique."""
    return {
        f"{prefix}{position:04d}/{variable.path}": value
        for position, (variable, value) in enumerate(zip(variables, values, strict=True))
    }
