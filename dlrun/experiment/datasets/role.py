"""Role: a column of a dataset that is no input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from numpy.typing import NDArray

RoleName = Literal["id", "group", "time", "weight"]
"""What a column is for that is no input: the name of a row, what it belongs to, when it was, how much it counts."""

ROLES: tuple[RoleName, ...] = get_args(RoleName)


@dataclass(frozen=True)
class Role:
    """A column that is no input.

    Args:
        column: Its name in the data.
        values: One of each row, shape (rows,). Ids and groups as int64 or text, times as int64, float64 or
            datetime64[us], weights as float64.
    """

    column: str
    values: NDArray[Any]
