"""Inputs: named arrays with the same rows."""

from __future__ import annotations

import numpy as np
import pytest

from dlrun.experiment.datasets.inputs import (
    CODES,
    NUMBERS,
    PIXELS,
    TOKENS,
    ArrayForm,
    Columns,
    InputForm,
    Inputs,
    Layout,
)

TABLE = Inputs(
    {
        CODES: np.array([[1, 0], [2, 3], [0, 1]], np.int32),
        NUMBERS: np.array([[0.5, 7, 8], [1.5, 9, 10], [2.5, 11, 12]], np.float32),
    },
    Layout(
        (3, 4), columns=(Columns("numbers", 1), Columns("one_hot", 2), Columns("numbers", 2), Columns("ordinal", 1))
    ),
)


def test_columns_of_a_table_are_joined_in_their_order() -> None:
    assert TABLE.joined().dtype == np.float32
    assert TABLE.joined().tolist() == [[0.5, 1, 0, 7, 8, -1], [1.5, 0, 1, 9, 10, 2], [2.5, 0, 0, 11, 12, 0]]


def test_all_that_a_row_has_is_joined() -> None:
    pixels = np.full((3, 2, 1), 51, np.uint8)
    several = Inputs({**TABLE.arrays, PIXELS: pixels, TOKENS: np.full((3, 2), 9, np.int32)}, Layout((3, 4), 1 / 255))
    joined = Inputs(several.arrays, Layout((3, 4), 1 / 255, TABLE.layout.columns)).joined()
    assert joined.dtype == np.float32
    assert np.array_equal(joined[:, :6], TABLE.joined())
    np.testing.assert_allclose(joined[:, 6:], [[0.2, 0.2, 9, 9]] * 3)


def test_one_array_is_not_copied() -> None:
    numbers = np.zeros((4, 3), np.float32)
    assert np.shares_memory(Inputs({NUMBERS: numbers}).joined(), numbers)
    tokens = np.zeros((4, 3), np.int32)
    assert Inputs({TOKENS: tokens}).joined().dtype == np.int32


def test_rows_are_taken_from_every_array() -> None:
    taken = TABLE.take(np.array([2, 0, 2]))
    assert taken.joined().tolist() == TABLE.joined()[[2, 0, 2]].tolist()
    assert len(taken) == 3
    assert not taken.is_same_as(TABLE)
    assert Inputs(dict(TABLE.arrays)).is_same_as(TABLE)
    assert not Inputs({NUMBERS: TABLE.arrays[NUMBERS]}).is_same_as(TABLE)


@pytest.mark.parametrize("arrays", [{}, {NUMBERS: np.zeros((3, 1)), CODES: np.zeros((2, 1))}])
def test_arrays_of_other_rows_are_refused(arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="all have the same rows"):
        Inputs(arrays)


def test_the_form_tells_how_many_tokens_there_are() -> None:
    form = InputForm.of(Inputs({TOKENS: np.array([[3, 0], [1, 1]], np.int32)}))
    assert (form.only, form.num_tokens) == (ArrayForm((2,), "int32"), 4)
    assert InputForm.of(TABLE).num_tokens is None
    with pytest.raises(ValueError, match="too many values"):
        InputForm.of(TABLE).only  # noqa: B018
