"""Categories that no training row held are told, whatever becomes of them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from dlrun.predicting.loading import load
from dlrun.predicting.unseen import Unseen


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
    fits[0] = type(fits[0])(first.model_copy(update={"columns": tuple(poorer)}), fits[0].target, fits[0].model)
    unseen = Unseen(type(predictor)(predictor.description, None, fits))
    unseen.look_at(people_frame(30, seed=4))
    assert "rome" in second.categories["city"]
    assert unseen.notes == ()


def test_arrays_have_no_categories(trained) -> None:
    unseen = Unseen(load(trained("flags").path))
    unseen.look_at(np.zeros((3, 4), bool))
    assert unseen.notes == ()
