"""RepeatedKFold: K-fold several times, shuffled anew each time."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.validation.parts import cut_folds, random_state, refuse_fewer_rows_than_folds
from dlrun.experiment.validation.plan import Rows
from dlrun.experiment.validation.scheme import Development, Scheme

_FIRST_REPEAT_STAGE = 1


class RepeatedKFold(Scheme):
    """Carry out K-fold several times with a fresh shuffle each time: the steadiest score, for very few rows.

    The first repeat has the folds of `kfold` with the same seed.
    """

    larger_parts: ClassVar[str] = "fewer validation.folds"

    kind: Literal["repeated_kfold"] = "repeated_kfold"
    folds: int = Field(default=5, ge=2)
    """Number of folds that the rows outside the test part are cut into."""
    repeats: int = Field(default=3, ge=1, le=1000)
    """Number of times that the rows are shuffled and cut. Each fold of each repeat trains a learner."""

    @property
    def num_parts(self) -> int:
        return self.folds

    @property
    def num_folds(self) -> int:
        return self.folds * self.repeats

    def check(self, facts: DatasetFacts) -> None:
        super().check(facts)
        refuse_fewer_rows_than_folds(facts.num_rows - self.num_test_rows(facts), self.folds)

    def divide(self, development: Development, seed: int) -> Iterator[tuple[Rows, Rows]]:
        for repeat in range(self.repeats):
            state = random_state(seed, _FIRST_REPEAT_STAGE + repeat)
            yield from cut_folds(development.rows, self.folds, development.strata, state)
