"""Method: the settings of a way to combine members, and how it is fitted."""

from abc import abstractmethod
from typing import ClassVar, get_args

from dlrun.base.settings import Settings, kind_of
from dlrun.ensembles.methods.combination import Combination
from dlrun.ensembles.methods.objective import Objective
from dlrun.errors import UsageError
from dlrun.experiment.datasets.dataset import Task

SHRINKAGE = 5.0
"""Rows that the pull of fitted weights towards equal ones is worth unless told otherwise: enough to steady the weights
of some hundred rows, next to nothing beside ten thousand. Chosen on other seeds than tests and benchmarks take."""


class Method(Settings):
    """A way to combine members. A new one is one class in one file, and one name in `methods.union`."""

    tasks: ClassVar[tuple[Task, ...]] = get_args(Task)
    """Tasks whose predictions it can combine."""

    @property
    def margin(self) -> float:
        """Standard errors by which it must score better than the standard method before `auto` takes it.

        The standard method has the margin 0. See `choosing.select`.
        """
        return 1.0

    @property
    def title(self) -> str:
        """What it is called among several."""
        return kind_of(type(self))

    def check(self, task: Task) -> None:
        """Raise an error if it cannot combine predictions of a task.

        Raises:
            UsageError: It cannot.
        """
        if task not in self.tasks:
            raise UsageError(
                f"the method {self.title} does not combine predictions of a {task} task",
                remedy="Choose another --method, or auto.",
            )

    @abstractmethod
    def fit(self, objective: Objective, seed: int) -> Combination:
        """Fit to members and true values.

        Members come in an order that depends on their predictions alone; see `stack.settled_order`.

        Args:
            objective: The members, and the cost of their weighted means.
            seed: Where random numbers come from.

        Raises:
            UsageError: These members cannot be combined in this way.
        """
