"""ModelSettings: the base of every kind of model, which tells what others need to know of it."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from dlrun.base.settings import Settings

Space = dict[str, dict[str, Any]]
"""What each setting may be, by its path, as a tuner's `space` is written."""


class ModelSettings(Settings, ABC):
    """Base of every kind of model."""

    kind: str

    phrase: ClassVar[str]
    """What messages call it, such as `random forest`."""

    has_epochs: ClassVar[bool] = False
    """Whether it is trained epoch by epoch: by an optimizer, which minimizes `training.loss`."""

    has_parameters: ClassVar[bool] = False
    """Whether the number of its parameters is known before it is fitted."""

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
