"""Named: sources whose columns or arrays have names, so that some may be something else than inputs."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from dlrun.experiment.datasets.role import RoleName
from dlrun.experiment.datasets.sources.source import Source

if TYPE_CHECKING:
    from dlrun.experiment.datasets.tables.columns import ColumnType


class Named(Source):
    """Where rows come from whose columns or arrays have names."""

    id: str | None = None
    """Column that names the rows. Like the three that follow it is no input; in arrays it is the name of one with a
    value a row. Ids are kept beside predictions."""

    group: str | None = None
    """Column that tells which rows belong together, such as those of one patient."""

    time: str | None = None
    """Column that tells when a row was: numbers, dates such as 2024-12-31, or dates and times such as
    2024-12-31 23:59:30, in UTC if they have a zone."""

    weight: str | None = None
    """Column that tells how much a row counts in the loss and in scores, from 0 up; 2 counts as two rows that are the
    same. Networks take weights in proportion to the mean of their training rows."""

    @property
    @abstractmethod
    def other_names(self) -> Mapping[str, Collection[str]]:
        """Names that other settings give, by setting; none of them may have a role."""

    @property
    def role_names(self) -> Mapping[RoleName, str]:
        every: dict[RoleName, str | None] = {
            "id": self.id,
            "group": self.group,
            "time": self.time,
            "weight": self.weight,
        }
        return {role: name for role, name in every.items() if name is not None}

    @model_validator(mode="after")
    def _name_none_twice(self) -> Self:
        taken = {name: setting for setting, names in self.other_names.items() for name in names}
        for role, name in self.role_names.items():
            if name in taken:
                told = {"role": role, "name": name, "other": taken[name], "setting": role}
                raise PydanticCustomError("role_twice", "{role} names '{name}', which {other} names too", told)
            taken[name] = role
        return self


class NamedColumns(Named):
    """Where tables come from whose settings tell columns apart."""

    if TYPE_CHECKING:
        target: tuple[str, ...]
        drop: tuple[str, ...]
        types: dict[str, ColumnType]

    @property
    def other_names(self) -> Mapping[str, Collection[str]]:
        return {"target": self.target, "drop": self.drop, "types": self.types}

    @property
    def left_out(self) -> tuple[str, ...]:
        return self.drop

    @property
    def target_columns(self) -> tuple[str, ...]:
        return self.target

    @property
    def categorical_columns(self) -> frozenset[str]:
        return frozenset(name for name, wanted in self.types.items() if wanted == "categorical")
