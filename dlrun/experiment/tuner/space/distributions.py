"""Distributions: what a setting may be in a search, written `{loguniform: [1e-4, 1e-1]}`.

They carry Hyperopt's names, but their bounds are in the units of the setting itself, inclusive and never left.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import ByName, Items, Settings, as_tuple, members

Two = Annotated[tuple[float, float], BeforeValidator(as_tuple)]
Three = Annotated[tuple[float, float, float], BeforeValidator(as_tuple)]
TwoIntegers = Annotated[tuple[int, int], BeforeValidator(as_tuple)]


class Searchable(Settings, ABC):
    """Values of one setting to choose from."""

    kind: str

    is_countable: ClassVar[bool] = False
    """Whether there are finitely many values, as a grid needs."""

    @abstractmethod
    def extremes(self) -> tuple[Any, ...]:
        """Return the values at the ends, or every option: if the setting takes these, it takes what lies between."""


class Between(Searchable):
    """Base of the distributions between two bounds."""

    main: ClassVar[str | None] = "bounds"

    is_log: ClassVar[bool] = False
    """Whether the logarithm is what is distributed, so that the lower bound must be positive."""

    bounds: tuple[float, ...]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        low, high = self.bounds[:2]
        if low >= high:
            message = "expected the lower bound below the upper one, found {low} and {high}"
            raise PydanticCustomError("bounds_order", message, {"low": low, "high": high})
        if self.is_log and low <= 0:
            message = "expected a lower bound > 0, as the logarithm is searched, found {low}"
            raise PydanticCustomError("bounds_log", message, {"low": low})
        return self

    def extremes(self) -> tuple[Any, ...]:
        return self.bounds[:2]


class Uniform(Between):
    """A number, all values between the bounds equally likely: `{uniform: [0, 0.6]}`."""

    kind: Literal["uniform"] = "uniform"

    bounds: Two
    """Lowest and highest value."""


class LogUniform(Between):
    """A positive number, all orders of magnitude equally likely: `{loguniform: [1e-4, 1e-1]}`."""

    kind: Literal["loguniform"] = "loguniform"

    is_log: ClassVar[bool] = True

    bounds: Two
    """Lowest and highest value; the lowest is positive."""


class Int(Between):
    """An integer, all values between the bounds equally likely: `{int: [1, 4]}`."""

    kind: Literal["int"] = "int"

    is_countable: ClassVar[bool] = True

    bounds: TwoIntegers
    """Lowest and highest value."""


class LogInt(Between):
    """A positive integer, all orders of magnitude equally likely: `{logint: [16, 512]}`."""

    kind: Literal["logint"] = "logint"

    is_log: ClassVar[bool] = True
    is_countable: ClassVar[bool] = True

    bounds: TwoIntegers
    """Lowest and highest value; the lowest is positive."""


_MOST_STEPS = 2.0**53
"""Numbers of steps from which on floats skip some."""


class Quantized(Between):
    """Base of the distributions over the values low, low + step, low + 2 step, ... up to the upper bound."""

    is_countable: ClassVar[bool] = True

    bounds: Three
    """Lowest value, upper bound and step; the values are integers if the lowest value and the step are."""

    @model_validator(mode="after")
    def _positive_step(self) -> Self:
        if self.bounds[2] <= 0:
            raise PydanticCustomError("bounds_step", "expected a step > 0, found {step}", {"step": self.bounds[2]})
        if not (self.bounds[1] - self.bounds[0]) / self.bounds[2] < _MOST_STEPS:
            raise PydanticCustomError(
                "bounds_step",
                "expected a step that is not so much smaller than the range, found {step}",
                {"step": self.bounds[2]},
            )
        return self

    @property
    def num_values(self) -> int:
        """Number of values; the upper bound is one of them where steps meet it but for rounding."""
        low, high, step = self.bounds
        return int((high - low) / step * (1 + 1e-12)) + 1

    def value(self, number: int) -> int | float:
        """Return the value after `number` steps, without the noise of binary fractions such as 0.30000000000000004."""
        low, high, step = self.bounds
        if low.is_integer() and step.is_integer():
            return int(low) + number * int(step)
        return min(max(float(f"{low + number * step:.14g}"), low), high)

    def extremes(self) -> tuple[Any, ...]:
        return self.value(0), self.value(self.num_values - 1)


class QUniform(Quantized):
    """Numbers at equal steps, all equally likely: `{quniform: [16, 128, 16]}` is 16, 32, ..., 128."""

    kind: Literal["quniform"] = "quniform"


class QLogUniform(Quantized):
    """Positive numbers at equal steps, all orders of magnitude equally likely: `{qloguniform: [16, 512, 16]}`."""

    kind: Literal["qloguniform"] = "qloguniform"

    is_log: ClassVar[bool] = True


class Around(Searchable):
    """Base of the distributions without bounds."""

    main: ClassVar[str | None] = "parameters"

    parameters: tuple[float, ...]

    @model_validator(mode="after")
    def _positive_deviation(self) -> Self:
        if self.parameters[1] <= 0:
            message = "expected a standard deviation > 0, found {found}"
            raise PydanticCustomError("deviation", message, {"found": self.parameters[1]})
        return self

    def extremes(self) -> tuple[Any, ...]:
        return self.parameters[:1]


class Normal(Around):
    """A number around a mean, without bounds: `{normal: [0, 1]}`."""

    kind: Literal["normal"] = "normal"

    parameters: Two
    """Mean and standard deviation."""


class LogNormal(Around):
    """A positive number around a median, without bounds: `{lognormal: [1e-3, 1.0]}`."""

    kind: Literal["lognormal"] = "lognormal"

    parameters: Two
    """Median, and standard deviation of the natural logarithm."""

    @model_validator(mode="after")
    def _positive_median(self) -> Self:
        if self.parameters[0] <= 0:
            raise PydanticCustomError("median", "expected a median > 0, found {found}", {"found": self.parameters[0]})
        return self


class Choice(Searchable):
    """One of several values, which may be whole sections that search inside: `{choice: [32, 64, 128]}`."""

    kind: Literal["choice"] = "choice"

    main: ClassVar[str | None] = "options"

    is_countable: ClassVar[bool] = True

    options: Items[Any] = Field(min_length=1)
    """The values; a mapping of a distribution's name to its settings, anywhere inside, is searched in turn."""

    @model_validator(mode="after")
    def _valid_inside(self) -> Self:
        for number, option in enumerate(self.options):
            try:
                inner(option)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                where = ".".join(str(part) for part in first["loc"])
                found = {"number": number, "where": where, "message": first["msg"]}
                raise PydanticCustomError("option", "option {number}: {where}: {message}", found) from error
        return self

    def extremes(self) -> tuple[Any, ...]:
        """Return every option, as often as it takes to show the ends of all that is searched inside."""
        return tuple(variant for option in self.options for variant in variants(option))


Distribution = Annotated[
    Choice | Int | LogInt | LogNormal | LogUniform | Normal | QLogUniform | QUniform | Uniform,
    Field(discriminator="kind"),
    ByName("distribution"),
]
"""What a setting may be in a search."""

_NAMES = frozenset(members(Distribution))


def inner(value: Any) -> list[Searchable]:
    """Return the distributions inside an option of a choice, outermost first.

    Raises:
        ValidationError: One of them is wrong.
    """
    if distribution := as_distribution(value):
        return [distribution]
    if isinstance(value, Mapping):
        return [found for item in value.values() for found in inner(item)]
    return [found for item in value for found in inner(item)] if isinstance(value, list) else []


def variants(option: Any) -> list[Any]:
    """Return an option as plain values: once if nothing is searched inside, else with each end of what is."""
    most = max((len(found.extremes()) for found in inner(option)), default=1)
    return [_settled(option, number) for number in range(most)]


def _settled(value: Any, number: int) -> Any:
    """Replace every distribution in a value by one of its extremes."""
    if distribution := as_distribution(value):
        extremes = distribution.extremes()
        return extremes[number % len(extremes)]
    if isinstance(value, Mapping):
        return {name: _settled(item, number) for name, item in value.items()}
    return [_settled(item, number) for item in value] if isinstance(value, list) else value


def as_distribution(value: Any) -> Searchable | None:
    """Read a value inside an option that is written as a distribution; return None if it is a plain value.

    Raises:
        ValidationError: It is written wrongly.
    """
    is_named = isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in _NAMES
    return _adapter().validate_python(value) if is_named else None


@cache
def _adapter() -> TypeAdapter[Searchable]:
    return TypeAdapter(Distribution)
