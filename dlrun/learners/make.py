"""make_learner(): from a resolved experiment to the learner that will be fitted."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dlrun.base.limits import is_exhausted, out_of_memory
from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.evaluation.metrics import higher_is_better
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.models.network.network import Network
from dlrun.experiment.optimizers.schedules import Cosine
from dlrun.experiment.resolve import output_head, resolve
from dlrun.learners.estimator import EstimatorLearner
from dlrun.learners.input_form import InputForm
from dlrun.learners.learner import Learner
from dlrun.learners.network import NetworkLearner

if TYPE_CHECKING:
    import keras

    from dlrun.learners.engines.engine import Engine


def settle(experiment: Experiment, facts: DatasetFacts) -> Experiment:
    """Resolve an experiment for this machine; starts TensorFlow if the model is a network.

    What does not suit the task is refused before TensorFlow takes its seconds to start.

    Raises:
        ConfigError: Something in the config does not suit the task.
        UsageError: The device that was asked for is not there.
    """
    resolved = resolve(experiment, facts)
    if not isinstance(experiment.model, Network):
        return resolved
    from dlrun.learners.engines import tensorflow as engine

    device = engine.begin(experiment.training.device)
    resolved = resolve(experiment, facts, device)
    assert isinstance(resolved.training.threads, int)  # noqa: S101 - narrows the type for the checker
    threads = engine.set_threads(resolved.training.threads)
    return resolved.model_copy(update={"training": resolved.training.model_copy(update={"threads": threads})})


def devices(experiment: Experiment) -> list[str]:
    """Return the names of the devices that a settled experiment computes on."""
    if not isinstance(experiment.model, Network):
        return ["/physical_device:CPU:0"]
    from dlrun.learners.engines import tensorflow as engine

    return engine.devices()


@contextlib.contextmanager
def enough_memory(experiment: Experiment) -> Iterator[None]:
    """Say what to change when memory does not suffice for the block, on the host or on a GPU.

    Args:
        experiment: What the block carries out.

    Raises:
        OutOfMemory: Memory did not suffice.
    """
    from dlrun.learners.engines.memory import wanted

    try:
        yield
    except Exception as error:
        if not is_exhausted(error):
            raise
        raise out_of_memory(wanted(error), remedy=_smaller(experiment)) from error


def _smaller(experiment: Experiment) -> str:
    """Say how the experiment would need less memory."""
    training = experiment.training
    if not isinstance(experiment.model, Network):
        return "Try fewer rows (dataset.limit) or a smaller model."
    batch = f"training.batch_size={training.batch_size // 2} (it is {training.batch_size}), "
    engine = "" if training.engine == "streaming" else "training.engine=streaming, "
    return f"Try {batch if training.batch_size > 1 else ''}{engine}or a smaller network."


def make_learner(experiment: Experiment, facts: DatasetFacts) -> Learner:
    """Return the learner that a settled experiment describes, not yet built.

    Args:
        experiment: Returned by `settle`.
        facts: Facts of the dataset that was loaded.
    """
    model = experiment.model
    if not isinstance(model, Network):
        build = functools.partial(model.build_estimator, facts.task, facts.num_outputs, experiment.seed)
        threads = experiment.training.threads
        assert isinstance(threads, int)  # noqa: S101 - narrows the type for the checker
        return EstimatorLearner(
            build=build, task=facts.task, num_outputs=facts.num_outputs, threads=threads, parallel=model.parallel
        )
    optimizer, monitor = experiment.optimizer, str(experiment.training.monitor)
    return NetworkLearner(
        build=functools.partial(build_network, experiment, facts),
        compile_model=functools.partial(_compile, experiment, facts),
        make_engine=functools.partial(_make_engine, experiment),
        training=experiment.training,
        rates=functools.partial(optimizer.schedule.rates, optimizer.learning_rate),
        monitor=monitor,
        mode="max" if higher_is_better(monitor.removeprefix("val_")) else "min",
        seed=experiment.seed,
        snapshot_epochs=_snapshot_epochs(experiment),
    )


def _snapshot_epochs(experiment: Experiment) -> tuple[int, ...]:
    schedule, training = experiment.optimizer.schedule, experiment.training
    return schedule.cycle_ends(training.epochs) if training.snapshots and isinstance(schedule, Cosine) else ()


def build_network(experiment: Experiment, facts: DatasetFacts, form: InputForm) -> keras.Model:
    """Build the network that a settled experiment describes, with fresh weights.

    Args:
        experiment: Returned by `settle`; its model is a network.
        facts: Facts of the dataset.
        form: What one row of prepared inputs looks like.

    Raises:
        ModelError: A layer does not fit, or the network does not fit into memory.
    """
    from dlrun.learners.engines import memory

    assert isinstance(experiment.model, Network)  # noqa: S101 - narrows the type for the checker
    with _precision(str(experiment.training.precision)), memory.building():
        return experiment.model.build(
            form.shape,
            output_head(facts),
            input_dtype=form.dtype,
            rescale=form.scale,
            num_tokens=form.num_tokens,
        )


def _compile(experiment: Experiment, facts: DatasetFacts, model: keras.Model) -> None:
    from dlrun.learners.engines import memory

    loss = experiment.training.loss
    assert loss != "auto"  # noqa: S101 - narrows the type for the checker
    with _precision(str(experiment.training.precision)), memory.building():
        model.compile(
            optimizer=experiment.optimizer.build(),
            loss=loss.build(facts.task, facts.num_outputs),
            metrics=_training_metrics(facts),
            jit_compile=False,
        )
        model.optimizer.build(model.trainable_variables)


def _training_metrics(facts: DatasetFacts) -> list[Any]:
    """Return what is measured in passing while training: accuracy, for tasks that have it."""
    from keras import metrics

    if facts.task == "multiclass":
        return [metrics.SparseCategoricalAccuracy(name="accuracy")]
    if facts.task == "regression":
        return []
    return [metrics.BinaryAccuracy(name="accuracy" if facts.task == "binary" else "binary_accuracy")]


def _make_engine(experiment: Experiment, model: keras.Model) -> Engine:
    from dlrun.learners.engines.resident import ResidentEngine
    from dlrun.learners.engines.streaming import StreamingEngine

    training = experiment.training
    batch_size, slice_steps = training.batch_size, training.slice_steps
    assert isinstance(slice_steps, int)  # noqa: S101 - narrows the type for the checker
    if training.engine == "streaming":
        return StreamingEngine(model, batch_size=batch_size, slice_steps=slice_steps)
    return ResidentEngine(model, batch_size=batch_size, jit=bool(training.jit), slice_steps=slice_steps)


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
