"""Variables of a Keras model or optimizer: copied, named and set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import UsageError

_NUMBERED = re.compile(r"\bseed_generator_[0-9]+/")


def optimizer_of(model: Any) -> Any:
    """Return the optimizer that holds rate and averages of a model, inside a loss-scaling one if there is one."""
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


def copies(variables: Any) -> list[NDArray[Any]]:
    """Copy the values of variables."""
    return [np.array(variable.numpy(), copy=True) for variable in variables]


def assign(variables: Any, values: Sequence[NDArray[Any]]) -> None:
    """Set variables to values, one by one.

    Raises:
        UsageError: There are more or fewer values, or one has another shape.
    """
    check_fit(variables, values)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def check_fit(variables: Any, values: Sequence[NDArray[Any]]) -> None:
    """Refuse values that are not those of these variables.

    Raises:
        UsageError: There are more or fewer, or one has another shape.
    """
    shapes = [tuple(variable.shape) for variable in variables]
    found = [value.shape for value in values]
    if shapes != found:
        differing = next((pair for pair in zip(shapes, found, strict=False) if pair[0] != pair[1]), None)
        what = f"{len(found)} arrays, expected {len(shapes)}"
        if differing is not None:
            what = f"an array of the shape {differing[1]}, expected {differing[0]}"
        raise UsageError(
            f"the stored state is that of another network: it holds {what}",
            remedy="Put the config back as it was, or train anew with `dlrun train`.",
        )


def named(variables: Any, values: list[NDArray[Any]], prefix: str = "") -> dict[str, NDArray[Any]]:
    """Name values by position and path; the path alone need not be unique.

    Keras numbers seed generators by how many the process has made before, which is left out.
    """
    return {
        f"{prefix}{position:04d}/{_NUMBERED.sub('seed_generator/', variable.path)}": value
        for position, (variable, value) in enumerate(zip(variables, values, strict=True))
    }
