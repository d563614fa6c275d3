"""Inputs: what preprocessing hands to a learner, and the form that they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

NUMBERS, CODES, TOKENS, PIXELS, INDICATORS, MATRIX = "numbers", "codes", "tokens", "pixels", "indicators", "matrix"
"""Names of arrays."""


@dataclass(frozen=True)
class Columns:
    """Some columns of the joined matrix of a table, which stand side by side.

    Args:
        source: The next columns of `numbers`, or the next column of `codes`: as a 0/1 column for each code but 0, or as
            one column of the numbers of the categories, -1 for none.
        width: How many columns of the matrix they are.
    """

    source: Literal["numbers", "one_hot", "ordinal"]
    width: int

    def write(self, values: NDArray[Any], out: NDArray[np.float32]) -> None:
        """Write the columns of some rows.

        Args:
            values: Numbers of shape (rows, width), or codes of shape (rows,).
            out: Zeros of shape (rows, width).
        """
        if self.source == "one_hot":
            known = np.flatnonzero(values)
            out[known, values[known] - 1] = 1
        elif self.source == "ordinal":
            out[:, 0] = values - 1
        else:
            out[:] = values


@dataclass(frozen=True)
class ArrayForm:
    """What an array of inputs looks like.

    Args:
        shape: Shape of one row.
        dtype: Type of the values, as NumPy names it.
    """

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Layout:
    """What the values of inputs mean, beside the arrays that they stand in.

    Args:
        cardinalities: Codes of each column of `codes`, counted from 0, which is a category that training rows have not.
        scale: Factor that turns `pixels` that are bytes into numbers; None leaves values as they are.
        columns: How `numbers` and `codes` make up the joined matrix.
    """

    cardinalities: tuple[int, ...] = ()
    scale: float | None = None
    columns: tuple[Columns, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """Named arrays that hold the same rows; one alone is the most common case.

    Args:
        arrays: At least one of: `numbers`, float32 of shape (rows, columns) or (rows, ..., columns); `codes`, int32 of
            shape (rows, columns); `tokens`, int32 of shape (rows, length); `pixels`, uint8 or float32 of shape
            (rows, height, width) or (rows, height, width, channels); `indicators`, uint8 of shape (rows, columns); or
            `matrix` alone, what `joined` has made of them.
        layout: What they mean.
    """

    arrays: Mapping[str, NDArray[Any]]
    layout: Layout = Layout()

    def __post_init__(self) -> None:
        if len({len(array) for array in self.arrays.values()}) != 1:
            raise ValueError(f"inputs are at least one array, and all have the same rows, found {self.forms}")

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    @property
    def only(self) -> NDArray[Any]:
        """The array, of inputs that have one."""
        (array,) = self.arrays.values()
        return array

    @property
    def forms(self) -> dict[str, ArrayForm]:
        """The form of each array, by name."""
        return {name: ArrayForm(array.shape[1:], array.dtype.name) for name, array in self.arrays.items()}

    def take(self, rows: NDArray[np.integer[Any]]) -> Inputs:
        """Copy some rows, shape (rows,)."""
        return Inputs({name: np.ascontiguousarray(array[rows]) for name, array in self.arrays.items()}, self.layout)

    def is_same_as(self, other: Inputs | None) -> bool:
        """Tell whether these are the very arrays of other inputs, without a look at the values."""
        return (
            other is not None
            and list(self.arrays) == list(other.arrays)
            and all(array is other.arrays[name] for name, array in self.arrays.items())
        )

    def joined(self) -> NDArray[Any]:
        """Return one matrix for models that know nothing else.

        Returns:
            float32 of shape (rows, columns), of each row all that it has, laid out flat; tokens alone stay int32. It is
            not copied where the only array holds it already.
        """
        table = {NUMBERS, CODES} if CODES in self.arrays else set()
        parts = [self._side_by_side()] if table else []
        parts += [self._flat(name) for name in self.arrays if name not in table]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1, dtype=np.float32)

    def _flat(self, name: str) -> NDArray[Any]:
        array = self.arrays[name]
        if array.dtype == np.uint8:
            # As a network's first layer computes it, so that all learners see the same numbers.
            scale = self.layout.scale if name == PIXELS and self.layout.scale is not None else 1
            array = np.multiply(array, np.float32(scale), dtype=np.float32)
        return array.reshape(len(array), prod(array.shape[1:]))

    def _side_by_side(self) -> NDArray[np.float32]:
        """Return the matrix of a table: its columns in their order."""
        out = np.zeros((len(self), sum(columns.width for columns in self.layout.columns)), np.float32)
        first = number = code = 0
        for columns in self.layout.columns:
            place = out[:, first : first + columns.width]
            if columns.source == "numbers":
                columns.write(self.arrays[NUMBERS][:, number : number + columns.width], place)
                number += columns.width
            else:
                columns.write(self.arrays[CODES][:, code], place)
                code += 1
            first += columns.width
        return out


@dataclass(frozen=True)
class InputForm:
    """What a network must be built for.

    Args:
        arrays: The form of each array of its inputs, by name.
        layout: What they mean.
        num_tokens: Distinct tokens, counted from 0; None if the inputs are no tokens, or any are to be taken.
    """

    arrays: Mapping[str, ArrayForm]
    layout: Layout = Layout()
    num_tokens: int | None = None

    @classmethod
    def of(cls, inputs: Inputs) -> InputForm:
        """Return the form of inputs."""
        tokens = inputs.arrays.get(TOKENS)
        return cls(inputs.forms, inputs.layout, None if tokens is None else int(tokens.max(initial=0)) + 1)

    @classmethod
    def one(
        cls, shape: tuple[int, ...], dtype: str = "float32", scale: float | None = None, num_tokens: int | None = None
    ) -> InputForm:
        """Return the form of inputs of one array: of `pixels` if there is a scale, else named after the type."""
        name = {"uint8": INDICATORS if scale is None else PIXELS, "int32": TOKENS}.get(dtype, NUMBERS)
        return cls({name: ArrayForm(tuple(shape), dtype)}, Layout(scale=scale), num_tokens)

    @property
    def only(self) -> ArrayForm:
        """The form of the array, of inputs that have one."""
        (form,) = self.arrays.values()
        return form
