"""Categories that no training row held are told, whatever becomes of them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from dlrun.predictions.load import load
from dlrun.predictions.unseen import Unseen


@pytest.mark.parametrize("case", ["table-linear", "table-boosting-folds"])
def test_unseen_categories_are_counted_over_chunks(trained, people_frame, case) -> None:
    unseen = Unseen(load(trained(case).path))
    frame = people_frame(6, seed=9).with_columns(city=pl.Series(["Oslo", None, "rome", "Oslo", "bern", "paris"]))
    unseen.look_at(frame[:3])
    unseen.look_at(frame[3:])
    (note,) = unseen.notes
    assert note.startswith(
        "column 'city' holds categories in 3 rows that no training row held, such as 'Oslo', 'paris'"
    )
    assert note.endswith("did you mean 'oslo'?")


def test_what_the_rows_of_some_fold_held_is_seen(trained, people_frame) -> None:
    predictor = load(trained("table-boosting-folds").path)
    first, second = predictor.preprocessings
    poorer = [
        column.model_copy(update={"categories": tuple(set(column.categories) - {"rome"})})
        if column.name == "city"
        else column
        for column in first.columns
    ]
    fits = list(predictor.fits)
    fits[0] = type(fits[0])(first.model_copy(update={"columns": tuple(poorer)}), fits[0].target, fits[0].learner)
    unseen = Unseen(type(predictor)(predictor.description, None, fits))
    unseen.look_at(people_frame(30, seed=4))
    assert "rome" in second.categories["city"]
    assert unseen.notes == ()


def test_arrays_have_no_categories(trained) -> None:
    unseen = Unseen(load(trained("flags").path))
    unseen.look_at(np.zeros((3, 4), bool))
    assert unseen.notes == ()


def test_many_columns_take_one_line(trained) -> None:
    unseen = Unseen(load(trained("table-linear").path))
    unseen._known = {f"c{number:02}": {"oslo", "rome"} for number in range(11)}
    values = ["Oslo", "oslo", "quito", "lima"]
    unseen.look_at(pl.DataFrame({f"c{number:02}": values[:2] * 2 if number else values for number in range(11)}))
    assert unseen.notes == (
        "11 columns hold categories that no training row held: 'c00' in 3 rows, such as 'Oslo' (did you mean 'oslo'?); "
        "'c01' in 2 rows, such as 'Oslo' (did you mean 'oslo'?); 'c02' in 2 rows, such as 'Oslo' (did you mean "
        "'oslo'?); and in 'c03', 'c04', 'c05', 'c06', 'c07' and 3 more",
    )


def test_the_same_number_is_asked_for(trained) -> None:
    unseen = Unseen(load(trained("table-linear").path))
    unseen._known = {"size": {"1.0", "2.0"}}
    unseen.look_at(pl.DataFrame({"size": ["1", "2.0"]}))
    assert unseen.notes == (
        "column 'size' holds categories in 1 row that no training row held, such as '1': did you mean '1.0'?",
    )
