"""Scheme: what all validation schemes have in common."""

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import Auto, Settings
from dlrun.base.words import quoted
from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts, Task
from dlrun.experiment.datasets.role import Role, RoleName
from dlrun.experiment.validation.parts import Strata, random_state, refuse_empty, share, take_last, take_random
from dlrun.experiment.validation.plan import Fold, Rows, SplitPlan

_TEST_STAGE = 0
_FURTHER_STAGE = 1_000_000


@dataclass(frozen=True)
class Development:
    """Rows that are not test, about to be divided.

    Args:
        rows: Their numbers in ascending order, shape (rows,).
        num_divided: Rows that shares refer to: all but those of the test part that the dataset brings.
        strata: Classes whose shares every part keeps, or None.
        roles: Groups and times of all rows of the dataset, among others, for schemes that keep them.
    """

    rows: Rows
    num_divided: int
    strata: Strata | None
    roles: Mapping[RoleName, Role] = field(default_factory=dict)


class Scheme(Settings):
    """How rows are divided into training, validation and test.

    The test part follows from `test_fraction`, `stratify`, the order and the seed alone, so that experiments that agree
    in these are tested on the same rows whatever their scheme. Several fits of one network, with other initial weights
    on the same rows, take `seed: 1`, `seed: 2` and so on at the top of the config and one `validation.seed`.
    """

    larger_parts: ClassVar[str] = "larger validation parts"
    """What gives every validation part more rows, in words."""

    with_groups: ClassVar[str] = ""
    """Settings with which it keeps the rows of a group in one part, written as overrides; empty if there are none."""

    with_time: ClassVar[str] = ""
    """Settings with which it learns from the past and is scored on the future; empty if there are none."""

    kind: str
    test_fraction: float = Field(default=0.2, ge=0, lt=1)
    """Share of all rows that is set aside as the test set, looked at once at the end; 0 for none. A test part that
    the dataset brings is kept as it is, and this share then does not apply."""
    stratify: bool | Auto = "auto"
    """Whether every part keeps the shares of the classes. `auto`: yes for binary and multi-class tasks, unless the
    order of the rows is kept."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] | Auto = "auto"
    """Where the test part and the folds come from; `auto` is the seed of the experiment. Runs that are to be combined
    or compared share it; rows in order have no use for it."""

    @property
    def ordered(self) -> bool:
        """Whether parts follow the order of the rows; the last rows are then the test set."""
        return False

    @property
    def keeps_groups(self) -> bool:
        """Whether all rows of a group are in one part."""
        return False

    @property
    def keeps_time(self) -> bool:
        """Whether no row is learned from that is later than one that is scored; `split` checks what it needs for it."""
        return False

    @property
    @abstractmethod
    def num_parts(self) -> int:
        """Number of parts, besides the test part, that no row is in twice."""

    @property
    @abstractmethod
    def num_folds(self) -> int:
        """Number of times that a learner is fitted, each time with other validation rows."""

    @property
    def has_own_order(self) -> bool:
        """Whether the rows are divided alike whatever the seed of the experiment is."""
        return self.ordered or self.seed != "auto"

    @model_validator(mode="after")
    def _not_stratified_in_order(self) -> Self:
        if self.stratify is True and self.ordered:
            raise PydanticCustomError(
                "stratify_ordered", "'stratify: true' draws rows at random, but 'shuffle: false' keeps their order"
            )
        return self

    def torn_by(self, roles: Collection[RoleName]) -> tuple[str, str] | None:
        """Tell what the scheme would not keep of a dataset with groups or times, and what to do; None if all is well.

        Args:
            roles: What the dataset has.
        """
        if "group" in roles and not self.keeps_groups:
            advice = _use(Scheme.__subclasses__(), "with_groups", "group")
            return f"{self.kind} would put rows of one group (dataset.group) into several parts", advice
        if "time" in roles and not self.keeps_time:
            advice = _use(Scheme.__subclasses__(), "with_time", "time")
            return f"{self.kind} would learn from rows that are later (dataset.time) than those it is scored on", advice
        return None

    def resolve(self, task: Task, seed: int) -> Self:
        """Return the same scheme with every `auto` decided.

        Args:
            task: What is predicted.
            seed: Seed of the experiment.
        """
        return self.model_copy(update={"stratify": self._stratifies(task), "seed": self._seed(seed)})

    def check(self, facts: DatasetFacts) -> None:
        """Refuse a division that cannot be made, as far as the facts of the dataset tell.

        Raises:
            DataError: A part would be empty, rows are fewer than folds, or the task has no classes to stratify by.
        """
        if self.stratify is True and facts.task not in ("binary", "multiclass"):
            raise DataError(
                f"validation.stratify is true, but the rows of a {facts.task} task have no single class each",
                remedy="Set `validation.stratify: auto`.",
            )
        if facts.num_own_test_rows == 0 and self.test_fraction > 0:
            num_test = share(self.test_fraction, facts.num_rows)
            refuse_empty("test", num_test, "validation.test_fraction", self.test_fraction, facts.num_rows)

    def advice_on_poor_parts(self, task: Task) -> str:
        """Say what to change where a part lacks rows of some kind.

        Args:
            task: What is predicted.
        """
        stratify = task in ("binary", "multiclass") and not self._stratifies(task) and not self.ordered
        return f"Use {self.larger_parts}{', or set validation.stratify: true' if stratify else ''}."

    def num_test_rows(self, facts: DatasetFacts) -> int:
        """Return the number of rows of the test part."""
        return facts.num_own_test_rows or share(self.test_fraction, facts.num_rows)

    @abstractmethod
    def divide(self, development: Development, seed: int) -> Iterable[tuple[Rows, Rows]]:
        """Divide the development rows into training and validation rows, once for each fold.

        Args:
            development: Rows that are not test.
            seed: Seed of the division.

        Raises:
            DataError: There are too few rows of a class.
        """

    def split(self, dataset: Dataset, seed: int, *, shuffle: int = 0) -> SplitPlan:
        """Decide the part of every row.

        Args:
            dataset: Rows to divide.
            seed: Seed of the experiment, for a scheme that has none of its own; the same seed gives the same plan.
            shuffle: Number of a further division of the development rows, with the same test part; 0 is the first.

        Returns:
            The plan; the rows of every part are in order of their numbers.

        Raises:
            DataError: There are too few rows, or too few of a class, for the parts asked for.
        """
        facts, seed = dataset.facts, self._seed(seed)
        self.check(facts)
        if torn := self.torn_by(dataset.roles):
            raise DataError(torn[0], remedy=torn[1])
        if self.ordered:
            _require_in_time(dataset)
        strata = Strata(dataset.y, dataset.class_names) if self._stratifies(dataset.task) else None
        rows, test = self.set_test_aside(dataset, strata, seed)
        development = Development(rows, facts.num_rows - facts.num_own_test_rows, strata, dataset.roles)
        divisions = self.divide(development, random_state(seed, _FURTHER_STAGE + shuffle) if shuffle else seed)
        folds = tuple(Fold(number, training, validation) for number, (training, validation) in enumerate(divisions))
        return SplitPlan(folds, test)

    def set_test_aside(self, dataset: Dataset, strata: Strata | None, seed: int) -> tuple[Rows, Rows]:
        """Divide all rows into those of development and the test part, both in order of their numbers.

        Args:
            dataset: Rows to divide.
            strata: Classes whose shares both keep, or None.
            seed: Seed of the division.

        Raises:
            DataError: There are too few rows of a class.
        """
        rows = np.arange(dataset.num_rows, dtype=np.int64)
        if dataset.facts.num_own_test_rows and dataset.test_rows is not None:
            return np.setdiff1d(rows, dataset.test_rows), np.sort(dataset.test_rows)
        size = share(self.test_fraction, len(rows))
        if size == 0 or self.ordered:
            return take_last(rows, size)
        if strata is not None:
            strata.check(rows, self.num_parts + 1, f"{self.num_parts + 1} parts, the test part included,")
        return take_random(rows, size, strata, random_state(seed, _TEST_STAGE), ("development", "test"))

    def _seed(self, seed: int) -> int:
        return seed if self.seed == "auto" else self.seed

    def _stratifies(self, task: Task) -> bool:
        if self.stratify == "auto":
            return task in ("binary", "multiclass") and not self.ordered
        return self.stratify


def _use(schemes: Iterable[type[Scheme]], member: str, role: RoleName) -> str:
    """Return the settings that keep groups or the order of time, or what to do if no scheme keeps them."""
    known = [settings for scheme in schemes if (settings := getattr(scheme, member))]
    without = f"leave dataset.{role} out, with the column in dataset.drop, if the scores may flatter"
    return f"Set {' or '.join(known)}; or {without}." if known else f"No scheme keeps them yet: {without}."


def _require_in_time(dataset: Dataset) -> None:
    """Refuse rows that are not in order of time, where the order of the rows decides their parts."""
    if "time" not in dataset.roles:
        return
    role, num_rows = dataset.roles["time"], dataset.num_rows - dataset.facts.num_own_test_rows
    earlier = np.flatnonzero(role.values[1:num_rows] < role.values[: num_rows - 1])
    if len(earlier):
        before, now = role.values[earlier[0]], role.values[earlier[0] + 1]
        raise DataError(
            f"rows are not in order of time: {quoted(role.column)} goes back from {before} to {now} in row "
            f"{earlier[0] + 1} (from 0)",
            remedy=f"Sort the rows by {quoted(role.column)}: their order decides the parts.",
        )
