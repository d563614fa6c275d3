"""NetworkBackend: what networks compute with, which is Keras."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlrun.base.settings import chosen
from dlrun.experiment.datasets.dataset import DatasetFacts, Task
from dlrun.experiment.datasets.inputs import InputForm
from dlrun.experiment.evaluation.metrics import higher_is_better
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.models.network.network import Network, OutputHead
from dlrun.experiment.optimizers.schedules import Cosine
from dlrun.experiment.resolve import resolve
from dlrun.learners.network import NetworkLearner

if TYPE_CHECKING:
    import keras

    from dlrun.learners.engines.engine import Engine


@dataclass(frozen=True)
class NetworkBackend:
    """What the network of an experiment computes with."""

    experiment: Experiment
    model: Network

    def settle(self, resolved: Experiment, facts: DatasetFacts) -> Experiment:  # noqa: ARG002 - the device decides
        """Start TensorFlow, and resolve the experiment for the device and the threads that it has."""
        from dlrun.learners.engines import tensorflow as engine

        device = engine.begin(self.experiment.training.device)
        settled = resolve(self.experiment, facts, device)
        threads = engine.set_threads(chosen(settled.training.threads))
        return _with_training(settled, threads=threads)

    def for_predictions(self) -> Experiment:
        """Start TensorFlow, and return the experiment with an engine that takes rows as they come.

        What was trained on a GPU predicts on one if there is one, and on the CPU elsewhere.
        """
        from dlrun.learners.engines import tensorflow as engine

        training = self.experiment.training
        engine.begin("cpu" if training.device == "cpu" else "auto")
        if isinstance(training.threads, int):
            engine.set_threads(training.threads)
        return _with_training(self.experiment, engine="resident", jit=False, slice_steps=1)

    def devices(self) -> list[str]:
        from dlrun.learners.engines import tensorflow as engine

        return engine.devices()

    @property
    def smaller(self) -> str:
        training = self.experiment.training
        batch = f"training.batch_size={training.batch_size // 2} (it is {training.batch_size}), "
        engine = "" if training.engine == "streaming" else "training.engine=streaming, "
        return f"Try {batch if training.batch_size > 1 else ''}{engine}or a smaller network."

    def learner(self, facts: DatasetFacts) -> NetworkLearner:
        training, optimizer = self.experiment.training, self.experiment.optimizer
        monitor = str(training.monitor)
        return NetworkLearner(
            build=lambda form: self._build(form, facts),
            make_loss=lambda: chosen(training.loss).build(facts.task, facts.num_outputs),
            compile_model=lambda model, loss: self._compile(model, loss, facts.task),
            make_engine=self._engine,
            training=training,
            rates=functools.partial(optimizer.schedule.rates, optimizer.learning_rate),
            monitor=monitor,
            mode="max" if higher_is_better(monitor.removeprefix("val_")) else "min",
            seed=self.experiment.seed,
            snapshot_epochs=self._snapshot_epochs(),
            num_tokens=self.model.num_tokens,
            several_inputs=self.model.several_inputs,
        )

    def file(self, fit: str, name: str) -> str:  # noqa: ARG002
        return f"checkpoints/best/{fit}.safetensors"

    def _snapshot_epochs(self) -> tuple[int, ...]:
        schedule, training = self.experiment.optimizer.schedule, self.experiment.training
        return schedule.cycle_ends(training.epochs) if training.snapshots and isinstance(schedule, Cosine) else ()

    def _build(self, form: InputForm, facts: DatasetFacts) -> keras.Model:
        """Build the network with fresh weights.

        Raises:
            ModelError: A layer does not fit, or the network does not fit into memory.
        """
        with self._building():
            return self.model.build(form, OutputHead.of(facts.task, facts.num_outputs))

    def _compile(self, model: keras.Model, loss: keras.Loss, task: Task) -> None:
        with self._building():
            optimizer = self.experiment.optimizer.build()
            model.compile(optimizer=optimizer, loss=loss, metrics=_training_metrics(task), jit_compile=False)
            model.optimizer.build(model.trainable_variables)

    @contextlib.contextmanager
    def _building(self) -> Iterator[None]:
        from dlrun.learners.engines import memory

        with _precision(str(self.experiment.training.precision)), memory.building():
            yield

    def _engine(self, model: keras.Model) -> Engine:
        from dlrun.learners.engines.resident import ResidentEngine
        from dlrun.learners.engines.streaming import StreamingEngine

        training = self.experiment.training
        batch_size, slice_steps = training.batch_size, chosen(training.slice_steps)
        if training.engine == "streaming":
            return StreamingEngine(model, batch_size=batch_size, slice_steps=slice_steps)
        return ResidentEngine(model, batch_size=batch_size, jit=bool(training.jit), slice_steps=slice_steps)


def _with_training(experiment: Experiment, **settings: Any) -> Experiment:
    return experiment.model_copy(update={"training": experiment.training.model_copy(update=settings)})


def _training_metrics(task: Task) -> list[Any]:
    """Return what is measured in passing while training: accuracy, for tasks that have it."""
    from keras import metrics

    if task == "multiclass":
        return [metrics.SparseCategoricalAccuracy(name="accuracy")]
    if task == "regression":
        return []
    return [metrics.BinaryAccuracy(name="accuracy" if task == "binary" else "binary_accuracy")]


@contextlib.contextmanager
def _precision(name: str) -> Iterator[None]:
    """Build layers under a dtype policy; Keras offers it as global state only, so it is put back."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
