"""KFold: every development row is validated once."""

from typing import ClassVar, Literal

from pydantic import Field

from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.validation.parts import cut_folds, random_state, refuse_fewer_rows_than_folds
from dlrun.experiment.validation.plan import Rows
from dlrun.experiment.validation.scheme import Development, Scheme

_FOLDS_STAGE = 1


class KFold(Scheme):
    """Train as many times as there are folds, each time validating on another fold: a steadier score for few rows."""

    larger_parts: ClassVar[str] = "fewer validation.folds"

    kind: Literal["kfold"] = "kfold"
    folds: int = Field(default=5, ge=2)
    """Number of folds that the rows outside the test part are cut into."""
    shuffle: bool = True
    """Whether rows are drawn at random. `false` cuts contiguous blocks in the order of the rows, and the last rows are
    the test set."""

    @property
    def ordered(self) -> bool:
        return not self.shuffle

    @property
    def num_parts(self) -> int:
        return self.folds

    @property
    def num_folds(self) -> int:
        return self.folds

    def check(self, facts: DatasetFacts) -> None:
        super().check(facts)
        refuse_fewer_rows_than_folds(facts.num_rows - self.num_test_rows(facts), self.folds)

    def divide(self, development: Development, seed: int) -> list[tuple[Rows, Rows]]:
        state = None if self.ordered else random_state(seed, _FOLDS_STAGE)
        return cut_folds(development.rows, self.folds, development.strata, state)
