"""What a model is fitted and predicts with; the model says which backend that is, and nothing else asks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from dlrun.base.limits import is_exhausted, out_of_memory
from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.models.model_settings import LearnerKind
from dlrun.experiment.resolve import resolve
from dlrun.learners.estimator_backend import EstimatorBackend
from dlrun.learners.learner import Learner
from dlrun.learners.network_backend import NetworkBackend


class Backend(Protocol):
    """What models of one kind of learner compute with, for one experiment."""

    def settle(self, resolved: Experiment, facts: DatasetFacts) -> Experiment:
        """Start what is computed with, and resolve the experiment for what was found there.

        Args:
            resolved: The experiment, resolved as far as it is known without that.
            facts: Facts of the dataset.

        Raises:
            UsageError: The device that was asked for is not there.
        """

    def for_predictions(self) -> Experiment:
        """Start what is computed with and return the experiment, which is settled, as this machine predicts with it."""

    def devices(self) -> list[str]:
        """Return the names of the devices that are computed on."""

    @property
    def smaller(self) -> str:
        """How the experiment would need less memory."""

    def learner(self, facts: DatasetFacts) -> Learner:
        """Return the learner of the experiment, which is settled; not yet built."""

    def file(self, fit: str, name: str) -> str:
        """Return the file of a run folder that holds what `Learner.load` takes.

        Args:
            fit: Name of the fit, such as `fold-0`.
            name: Name of its files in `model/`.
        """


_BACKENDS: dict[LearnerKind, Callable[[Experiment, Any], Backend]] = {
    "network": NetworkBackend,
    "estimator": EstimatorBackend,
}


def backend_of(experiment: Experiment) -> Backend:
    """Return what the model of an experiment computes with."""
    return _BACKENDS[experiment.model.learner](experiment, experiment.model)


def settle(experiment: Experiment, facts: DatasetFacts) -> Experiment:
    """Resolve an experiment for this machine; starts TensorFlow if the model is a network.

    What does not suit the task is refused before TensorFlow takes its seconds to start.

    Raises:
        ConfigError: Something in the config does not suit the task.
        UsageError: The device that was asked for is not there.
    """
    return backend_of(experiment).settle(resolve(experiment, facts), facts)


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
        raise out_of_memory(wanted(error), remedy=backend_of(experiment).smaller) from error


def make_learner(experiment: Experiment, facts: DatasetFacts) -> Learner:
    """Return the learner that a settled experiment describes, not yet built.

    Args:
        experiment: Returned by `settle`.
        facts: Facts of the dataset that was loaded.
    """
    return backend_of(experiment).learner(facts)
