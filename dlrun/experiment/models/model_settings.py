"""ModelSettings: the base of all models, and what the rest of dlrun asks them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from dlrun.base.settings import Settings
from dlrun.experiment.datasets.dataset import DatasetFacts, Task

Space = dict[str, dict[str, Any]]
"""What each setting may be, by its path, as a tuner's `space` is written."""

LearnerKind = Literal["network", "estimator"]
"""What fits a model: Keras by epochs, or an estimator with the interface of scikit-learn at one go."""


@dataclass(frozen=True)
class Workload:
    """How much a model computes, as far as its settings tell.

    Args:
        amount: Multiply-adds of one row's forward pass; for models without epochs the work of a whole fit, in units of
            about ten nanoseconds on one core.
        convolves: Whether most of it are convolutions.
        draws: Whether it draws random numbers at every step.
        same_bits: Whether a fit comes to the same bits with any number of threads.
    """

    amount: int
    convolves: bool = False
    draws: bool = False
    same_bits: bool = True


class ModelSettings(Settings, ABC):
    """Base of all models."""

    kind: str

    phrase: ClassVar[str]
    """What messages call it, such as `random forest`."""

    learner: ClassVar[LearnerKind]
    """What fits it."""

    has_epochs: ClassVar[bool] = False
    """Whether an optimizer trains it epoch by epoch on `training.loss`; else it is fitted at one go."""

    has_parameters: ClassVar[bool] = False
    """Whether the number of its weights is known before it is fitted, and tells its size."""

    several_inputs: ClassVar[bool] = False
    """Whether it takes numbers and codes of a table as arrays of their own; else it gets both as one matrix."""

    is_simplest: ClassVar[bool] = False
    """Whether there is no smaller model worth comparing with."""

    adds_on_columns: ClassVar[int] = 0
    """How much it usually adds to an ensemble on measured numbers and columns, beside other kinds: more than those with
    a smaller number; 0 for kinds that need a config of their own."""

    @classmethod
    def is_installed(cls) -> bool:
        """Whether every package is here that it needs."""
        return all(requirement.is_met for requirement in cls.requires)

    @abstractmethod
    def default_space(self) -> Space:
        """Return what a search tries of it unless the config says so; paths begin with `model.`."""

    @property
    def num_tokens(self) -> int | None:
        """Distinct word indices that it knows, counted from 0; None if it does not look them up."""
        return None

    @abstractmethod
    def resolved(self, task: Task, *, positive_for: str | None = None) -> Self:
        """Return the model with every choice made that was left to dlrun.

        Args:
            task: What is predicted.
            positive_for: Name of the loss, if that is undefined for outputs below 0.

        Raises:
            ConfigError: What was chosen by hand does not suit the loss.
        """

    @abstractmethod
    def workload(self, facts: DatasetFacts) -> Workload:
        """Estimate how much it computes.

        Args:
            facts: What is known of the dataset.
        """
