"""Restoring: from the stored files of one fit to something that predicts.

No model config is ever read from a run: the model is built from the validated config, and stored numbers are put into
it. Networks take their weights from safetensors, trees and linear models theirs from the arrays of a skops file.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dlrun.base.machine import free_cpus, usable_cpus
from dlrun.errors import DataError, StorageError
from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.evaluation.losses import row_losses
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.models.estimator import Form
from dlrun.experiment.models.network.layers.embedding import Embedding
from dlrun.experiment.models.network.network import Network
from dlrun.experiment.models.skops_archive import read_skops
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
from dlrun.learners.estimator import EstimatorLearner
from dlrun.learners.input_form import InputForm
from dlrun.learners.make import build_network
from dlrun.records.checkpoints import decode_checkpoint

if TYPE_CHECKING:
    import keras


class Restored(Protocol):
    """A fitted model that predicts again."""

    def prepare(self, preprocessing: FittedPreprocessing, x: Any) -> NDArray[Any]:
        """Transform inputs of the dataset's form into what the model takes; raises DataError."""

    def predict(self, prepared: NDArray[Any]) -> NDArray[np.float32]:
        """Predict as `Learner.predict` does, shape (rows, outputs)."""

    def losses(self, y: NDArray[Any], predictions: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """Loss of each row as training defined it, shape (rows,); `y` as the learner's loss takes it."""


def begin(experiment: Experiment) -> None:
    """Start what a settled experiment computes with; for a network that is TensorFlow.

    A network that was trained on a GPU predicts on one if there is one, and on the CPU elsewhere.
    """
    if not isinstance(experiment.model, Network):
        return
    from dlrun.learners.engines import tensorflow as engine

    training = experiment.training
    engine.begin("cpu" if training.device == "cpu" else "auto")
    if isinstance(training.threads, int):
        engine.set_threads(training.threads)


def restore(experiment: Experiment, facts: DatasetFacts, fitted: FittedPreprocessing, content: bytes) -> Restored:
    """Build the model of a settled experiment and fill it with what was stored.

    Args:
        experiment: The run's own, settled.
        facts: Facts of its dataset.
        fitted: The preprocessing of the same fit.
        content: Weights as safetensors, or an estimator as skops.

    Raises:
        StorageError: The content does not belong to this model.
    """
    if isinstance(experiment.model, Network):
        return _restore_network(experiment, facts, fitted, content)
    return _restore_estimator(experiment, facts, fitted, content)


@dataclass(frozen=True)
class _RestoredNetwork:
    experiment: Experiment
    facts: DatasetFacts
    model: keras.Model
    engine: Any

    def prepare(self, preprocessing: FittedPreprocessing, x: Any) -> NDArray[Any]:
        prepared = preprocessing.transform_for_network(x)
        known = _num_tokens(self.experiment)
        if preprocessing.kind == "tokens" and known is not None and prepared.max(initial=0) >= known:
            raise DataError(
                f"the inputs hold the word index {prepared.max()}, the network knows 0 to {known - 1}",
                remedy="Number the words as they were for the training.",
            )
        return prepared

    def predict(self, prepared: NDArray[Any]) -> NDArray[np.float32]:
        predictions: NDArray[np.float32] = self.engine.predict(prepared, np.arange(len(prepared)))
        return predictions

    def losses(self, y: NDArray[Any], predictions: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        loss = self.experiment.training.loss
        assert loss != "auto"  # noqa: S101 - narrows the type for the checker
        built = loss.build(self.facts.task, self.facts.num_outputs)
        return np.asarray(built.call(y, predictions), np.float32).reshape(len(predictions))


@dataclass(frozen=True)
class _RestoredEstimator:
    facts: DatasetFacts
    learner: EstimatorLearner
    num_columns: int

    def prepare(self, preprocessing: FittedPreprocessing, x: Any) -> NDArray[Any]:
        prepared = self.learner.transform(preprocessing, x)
        if prepared.shape[1] != self.num_columns:
            raise StorageError(
                f"the stored preprocessing is damaged: it says that it makes {self.num_columns:,} columns, and makes "
                f"{prepared.shape[1]:,}"
            )
        return prepared

    def predict(self, prepared: NDArray[Any]) -> NDArray[np.float32]:
        # As from a network: what is beyond 32 bits comes out as infinity, and is no matter for a warning of NumPy's.
        with np.errstate(over="ignore", invalid="ignore"):
            return self.learner.predict(prepared, np.arange(len(prepared)))

    def losses(self, y: NDArray[Any], predictions: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        return row_losses(self.facts.task, y, predictions)


def _restore_network(
    experiment: Experiment, facts: DatasetFacts, fitted: FittedPreprocessing, content: bytes
) -> _RestoredNetwork:
    from dlrun.learners.engines.resident import ResidentEngine

    model = build_network(experiment, facts, _form(fitted))
    variables = list(model.variables)
    names = [_unnumbered(f"{position:04d}/{variable.path}") for position, variable in enumerate(variables)]
    arrays = {
        _unnumbered(name): array for name, array in decode_checkpoint(content, "the file of weights").arrays.items()
    }
    if sorted(arrays) != sorted(names):
        raise StorageError(
            f"the stored weights do not belong to this network: expected {len(names)} arrays {names[:3]}"
        )
    for variable, name in zip(variables, names, strict=True):
        if arrays[name].shape != tuple(variable.shape):
            raise StorageError(
                f"the stored weights '{name}' have the shape {arrays[name].shape}, expected {tuple(variable.shape)}"
            )
        variable.assign(arrays[name])
    engine = ResidentEngine(model, batch_size=experiment.training.batch_size, jit=False, slice_steps=1)
    return _RestoredNetwork(experiment, facts, model, engine)


def _unnumbered(name: str) -> str:
    """Leave out the number that Keras gives to the random numbers of a layer: it counts the models of a process."""
    return re.sub(r"/seed_generator_\d+/", "/seed_generator/", name)


def _form(fitted: FittedPreprocessing) -> InputForm:
    """Return the form of what the preprocessing makes for a network, without making anything."""
    dtype = {"tokens": np.int32, "indicators": np.uint8}.get(fitted.kind, np.float32)
    if fitted.network_scale is not None:
        dtype = np.uint8
    form = InputForm.of(np.empty((0, *fitted.output_shape), dtype), fitted)
    return InputForm(form.shape, form.dtype, form.scale)


def _num_tokens(experiment: Experiment) -> int | None:
    if not isinstance(experiment.model, Network):
        return None
    return next((layer.input_dim for layer in experiment.model.layers if isinstance(layer, Embedding)), None)


def _restore_estimator(
    experiment: Experiment, facts: DatasetFacts, fitted: FittedPreprocessing, content: bytes
) -> _RestoredEstimator:
    model = experiment.model
    assert not isinstance(model, Network)  # noqa: S101 - narrows the type for the checker
    form = Form(facts.task, facts.num_outputs, prod(fitted.output_shape))
    build = functools.partial(model.build_estimator, facts.task, facts.num_outputs, experiment.seed)
    learner = EstimatorLearner(
        build=build, task=facts.task, num_outputs=facts.num_outputs, threads=_free_threads(experiment)
    )
    learner.estimator = model.restore_estimator(read_skops(content), form, experiment.seed)
    return _RestoredEstimator(facts, learner, form.num_columns)


def _free_threads(experiment: Experiment) -> int:
    """Return how many of the threads that a fit took are free here and now."""
    threads = experiment.training.threads
    return 1 if threads == 1 else min(free_cpus(), threads if isinstance(threads, int) else usable_cpus())
