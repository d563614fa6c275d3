"""Variables of a Keras model or optimizer: copied, named and set."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import StorageError, UsageError

_NUMBERED = re.compile(r"\bseed_generator_[0-9]+/")


def optimizer_of(model: Any) -> Any:
    """Return the optimizer that holds rate and averages of a model, inside a loss-scaling one if there is one."""
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


@contextlib.contextmanager
def averaged(model: Any) -> Iterator[None]:
    """Hold the optimizer's moving average of the weights, if it keeps one, in place of the weights."""
    optimizer = optimizer_of(model)
    if not optimizer.use_ema:
        yield
        return
    own = copies(model.trainable_variables)
    optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        assign(model.trainable_variables, own)


def averaged_copies(model: Any) -> list[NDArray[Any]]:
    """Copy the values of a model's variables, of its weights the moving average if there is one."""
    with averaged(model):
        return copies(model.variables)


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


def named(variables: Any, values: Sequence[Any], prefix: str = "") -> dict[str, Any]:
    """Name values by position and path; the path alone need not be unique."""
    return {
        f"{prefix}{_unnumbered(f'{position:04d}/{variable.path}')}": value
        for position, (variable, value) in enumerate(zip(variables, values, strict=True))
    }


def fill(variables: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Set variables to stored values of the names that `named` gives.

    Raises:
        StorageError: These are not the values of these variables.
    """
    by_name = named(variables, list(variables))
    stored = {_unnumbered(name): array for name, array in arrays.items()}
    if sorted(stored) != sorted(by_name):
        raise StorageError(
            f"the stored weights do not belong to this network: expected {len(by_name)} arrays {list(by_name)[:3]}"
        )
    for name, variable in by_name.items():
        if stored[name].shape != tuple(variable.shape):
            raise StorageError(
                f"the stored weights '{name}' have the shape {stored[name].shape}, expected {tuple(variable.shape)}"
            )
        variable.assign(stored[name])


def _unnumbered(name: str) -> str:
    """Leave out the number that Keras gives to the random numbers of a layer: it counts the models of a process."""
    return _NUMBERED.sub("seed_generator/", name)
