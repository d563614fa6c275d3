"""EstimatorBackend: what models with the interface of scikit-learn compute with."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from math import prod

from dlrun.base.machine import free_cpus, usable_cpus
from dlrun.base.settings import chosen
from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.models.estimator import EstimatorSettings, Form
from dlrun.experiment.models.skops_archive import read_skops
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
from dlrun.learners.estimator import EstimatorLearner


@dataclass(frozen=True)
class EstimatorBackend:
    """What the estimator of an experiment computes with: this process, on the CPU."""

    experiment: Experiment
    model: EstimatorSettings

    smaller = "Try fewer rows (dataset.limit) or a smaller model."

    def settle(self, resolved: Experiment, facts: DatasetFacts) -> Experiment:  # noqa: ARG002 - nothing is started
        return resolved

    def for_predictions(self) -> Experiment:
        """Return the experiment with as many of the threads of its fit as are free here and now."""
        threads = self.experiment.training.threads
        free = 1 if threads == 1 else min(free_cpus(), threads if isinstance(threads, int) else usable_cpus())
        training = self.experiment.training.model_copy(update={"threads": free})
        return self.experiment.model_copy(update={"training": training})

    def devices(self) -> list[str]:
        return ["/physical_device:CPU:0"]

    def learner(self, facts: DatasetFacts) -> EstimatorLearner:
        return EstimatorLearner(
            build=functools.partial(self.model.build_estimator, facts.task, facts.num_outputs, self.experiment.seed),
            restore=functools.partial(self._restore, facts),
            task=facts.task,
            num_outputs=facts.num_outputs,
            threads=chosen(self.experiment.training.threads),
            parallel=self.model.parallel,
        )

    def _restore(self, facts: DatasetFacts, preprocessing: FittedPreprocessing, content: bytes) -> object:
        form = Form(facts.task, facts.num_outputs, prod(preprocessing.output_shape))
        return self.model.restore_estimator(read_skops(content), form, self.experiment.seed)

    def file(self, fit: str, name: str) -> str:  # noqa: ARG002
        return f"model/{name}{EstimatorLearner.suffix}"
