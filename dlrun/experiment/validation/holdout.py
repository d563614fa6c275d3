"""Holdout: one training and one validation part."""

from typing import ClassVar, Literal

from pydantic import Field

from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.validation.parts import random_state, refuse_empty, share, take_last, take_random
from dlrun.experiment.validation.plan import Rows
from dlrun.experiment.validation.scheme import Development, Scheme

_HOLDOUT_STAGE = 1


class Holdout(Scheme):
    """Train on one part of the rows and validate on another: cheap, and enough where rows are plenty."""

    larger_parts: ClassVar[str] = "a larger validation.fraction"
    with_time: ClassVar[str] = "validation.kind=holdout and validation.shuffle=false, with rows sorted by time"

    kind: Literal["holdout"] = "holdout"
    fraction: float = Field(default=0.2, gt=0, lt=1)
    """Share of the rows that is the validation part: of all rows, or of those outside the test part that the dataset
    brings. With `test_fraction: 0.2`, a `fraction` of 0.2 leaves 60% for training."""
    shuffle: bool = True
    """Whether rows are drawn at random. `false` is for rows in order of time: the last rows are the test set, the rows
    before them the validation part. With `dataset.time` the order is checked; ties may lie on both sides of a cut."""

    @property
    def ordered(self) -> bool:
        return not self.shuffle

    @property
    def keeps_time(self) -> bool:
        return not self.shuffle

    @property
    def num_parts(self) -> int:
        return 2

    @property
    def num_folds(self) -> int:
        return 1

    def check(self, facts: DatasetFacts) -> None:
        super().check(facts)
        num_divided = facts.num_rows - facts.num_own_test_rows
        num_test, num_validation = self.num_test_rows(facts), share(self.fraction, num_divided)
        refuse_empty("validation", num_validation, "validation.fraction", self.fraction, num_divided)
        if num_test + num_validation >= facts.num_rows:
            raise DataError(
                f"no rows are left for training: of {facts.num_rows} rows, {num_test} are test "
                f"and {num_validation} validation",
                remedy="Lower validation.fraction or validation.test_fraction.",
            )

    def divide(self, development: Development, seed: int) -> list[tuple[Rows, Rows]]:
        size = share(self.fraction, development.num_divided)
        if self.ordered:
            return [take_last(development.rows, size)]
        state = random_state(seed, _HOLDOUT_STAGE)
        return [take_random(development.rows, size, development.strata, state, ("training", "validation"))]
