"""Constraints: which combinations of values are not tried, written `constraints: [{less: [path, path]}]`."""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from dlrun.base.settings import ByName, Items, Settings, as_tuple

Side = str | int | float
"""A setting by its path, or a number."""

Pair = Annotated[tuple[Side, Side], BeforeValidator(as_tuple)]


class Relation(Settings, ABC):
    """Something that the numbers of a trial must keep; where one of them is absent, it is kept."""

    kind: str

    @property
    @abstractmethod
    def sides(self) -> tuple[Side, ...]:
        """The settings and numbers that are compared."""

    @abstractmethod
    def holds(self, values: tuple[float, ...]) -> bool:
        """Tell whether it is kept by the values of `sides`."""


class Comparison(Relation):
    """Base of what compares two sides."""

    main: ClassVar[str | None] = "pair"

    pair: Pair
    """Two settings by their paths, or a setting and a number."""

    @property
    def sides(self) -> tuple[Side, ...]:
        return self.pair


class Less(Comparison):
    """The first is smaller than the second: `{less: [model.layers.1.dense.units, model.layers.0.dense.units]}`."""

    kind: Literal["less"] = "less"

    def holds(self, values: tuple[float, ...]) -> bool:
        return values[0] < values[1]


class AtMost(Comparison):
    """The first is smaller than the second or equal to it: `{at_most: [training.batch_size, 128]}`."""

    kind: Literal["at_most"] = "at_most"

    def holds(self, values: tuple[float, ...]) -> bool:
        return values[0] <= values[1]


class SumAtMost(Relation):
    """The sum of settings stays below a limit or meets it: `{sum_at_most: {of: [a, b], limit: 256}}`."""

    kind: Literal["sum_at_most"] = "sum_at_most"

    of: Items[str] = Field(min_length=2)
    """The settings, by their paths."""

    limit: float
    """Largest sum."""

    @property
    def sides(self) -> tuple[Side, ...]:
        return self.of

    def holds(self, values: tuple[float, ...]) -> bool:
        return sum(values) <= self.limit


Constraint = Annotated[Less | AtMost | SumAtMost, Field(discriminator="kind"), ByName("constraint")]
"""What a combination of values must keep to be tried."""
