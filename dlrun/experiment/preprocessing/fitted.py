"""FittedPreprocessing: what preprocessing has learned from training rows, ready for any row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from dlrun.errors import DataError
from dlrun.experiment.datasets.inputs import CODES, InputForm, Inputs

if TYPE_CHECKING:
    import polars as pl


class Saved(BaseModel):
    """A value that is saved as plain JSON and read back the same, floats included."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, protected_namespaces=())

    def save(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return self.model_dump(mode="json")


class FittedPreprocessing(Saved, ABC):
    """Turns inputs of a dataset's form into what learners take."""

    kind: str

    input_shape: tuple[int, ...]
    """Shape of one row of inputs."""

    input_names: tuple[str, ...] = ()
    """Names of the columns of the inputs; empty where they have none."""

    notes: tuple[str, ...] = ()
    """What the user should know about what was learned."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one row of the array that `transform` returns, of a table of the joined one."""
        return self.input_shape

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns of that array; empty where they have none."""
        return self.input_names

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The categories that training rows held, by the name of their column."""
        return {}

    @abstractmethod
    def form(self, *, joined: bool = False) -> InputForm:
        """Return the form of what `transform` will return, whatever tokens that will hold.

        Args:
            joined: As in `transform`.
        """

    @abstractmethod
    def transform(self, x: NDArray[Any] | pl.DataFrame, *, joined: bool = False) -> Inputs:
        """Return inputs for any learner; pixels and indicators stay bytes and are not copied.

        Args:
            x: Rows of the form that the dataset has.
            joined: Whether numbers and codes of a table come as `numbers` alone, which hold what `Inputs.joined`
                returns: made at once, that takes half the memory.

        Raises:
            DataError: The rows have another form, or hold values that cannot be used.
        """

    def inputs(self, arrays: Mapping[str, NDArray[Any]]) -> Inputs:
        """Return inputs of arrays that `transform` has made, now or earlier."""
        return Inputs(arrays, self.form(joined=CODES not in arrays).layout)

    def array(self, x: NDArray[Any] | pl.DataFrame) -> NDArray[Any]:
        """Return `x` if it is an array of the right shape.

        Raises:
            DataError: It is not.
        """
        if not isinstance(x, np.ndarray):
            raise DataError(
                f"the inputs are a table, expected an array of shape (rows, {_axes(self.input_shape)})",
                remedy="Give data of the form that the run was trained on.",
            )
        if x.shape[1:] != self.input_shape:
            raise DataError(
                f"one row of the inputs has the shape ({_axes(x.shape[1:])}), expected ({_axes(self.input_shape)})",
                remedy="Give data of the form that the run was trained on.",
            )
        return x


def _axes(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape)) or "no axes"
