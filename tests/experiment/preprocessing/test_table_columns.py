"""Tables: missing values, scales, categories."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from dlrun.errors import DataError
from dlrun.experiment.preprocessing.categorical import CategoricalColumns
from dlrun.experiment.preprocessing.numeric import NumericColumns
from dlrun.experiment.preprocessing.preprocessing import Preprocessing, load_fitted


def fit(dataset_of: Any, frame: pl.DataFrame, rows: Any, **settings: Any) -> Any:
    return Preprocessing(**settings).fit(dataset_of(frame), np.array(rows))


@pytest.mark.parametrize("strategy", ["median", "mean"])
def test_numbers_are_filled_and_scaled_as_by_scikit_learn(dataset_of: Any, strategy: Any) -> None:
    values = np.random.default_rng(1).normal(5, 3, (100, 2))
    values[::7, 0] = np.nan
    frame = pl.DataFrame({"a": values[:, 0], "b": values[:, 1]}).fill_nan(None)
    rows = np.arange(60)
    fitted = fit(dataset_of, frame, rows, numeric=NumericColumns(missing=strategy))
    scaled = make_pipeline(SimpleImputer(strategy=strategy), StandardScaler()).fit(values[rows]).transform(values)
    assert fitted.feature_names == ("a", "a (missing)", "b")
    assert np.allclose(fitted.transform(frame).joined()[:, [0, 2]], scaled, atol=1e-6)
    assert np.array_equal(fitted.transform(frame).joined()[:, 1], np.isnan(values[:, 0]))


def test_categories_are_encoded_as_by_scikit_learn(dataset_of: Any) -> None:
    colors = ["red", "green", "red", "blue", "green", "violet", "red"]
    frame = pl.DataFrame({"color": colors, "open": [True, False, True, True, False, True, False]})
    fitted = fit(dataset_of, frame, range(5))
    reference = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(frame.to_numpy()[:5])
    assert np.array_equal(fitted.transform(frame).joined(), reference.transform(frame.to_numpy()))
    assert fitted.feature_names == ("color=blue", "color=green", "color=red", "open=false", "open=true")
    assert fitted.transform(frame).joined()[5, :3].tolist() == [0, 0, 0]


def test_ordinal_numbers_are_those_of_scikit_learn(dataset_of: Any) -> None:
    frame = pl.DataFrame({"c": ["b", "a", "c", "z"]})
    fitted = fit(dataset_of, frame, range(3), categorical=CategoricalColumns(encoding="ordinal"))
    reference = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(frame.to_numpy()[:3])
    assert np.array_equal(fitted.transform(frame).joined(), reference.transform(frame.to_numpy()))
    assert fitted.feature_names == ("c",)


def test_titanic_agrees_with_a_scikit_learn_pipeline(dataset_of: Any, datasets_folder: Any) -> None:
    frame = pl.read_csv(datasets_folder / "titanic.csv", infer_schema_length=None).drop("survived")
    rows = np.random.default_rng(0).permutation(frame.height)[:800]
    fitted = fit(dataset_of, frame, rows)
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer((OneHotEncoder(), [0]), (numbers, [1]), (OneHotEncoder(), [2]))
    array = frame.fill_null(np.nan).to_numpy()
    expected = columns.fit(array[rows]).transform(array)
    without_indicator = [not name.endswith("(missing)") for name in fitted.feature_names]
    assert np.allclose(fitted.transform(frame).joined()[:, without_indicator], np.asarray(expected, float), atol=1e-5)


def test_missing_categories_have_a_place_if_training_rows_miss_some(dataset_of: Any) -> None:
    frame = pl.DataFrame({"c": ["a", None, "b", None]})
    fitted = fit(dataset_of, frame, [0, 1, 2])
    assert fitted.feature_names == ("c=a", "c=b", "c=(missing)")
    assert fitted.transform(frame).joined().tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]]
    unaware = fit(dataset_of, frame, [0, 2])
    assert unaware.transform(frame).joined().tolist() == [[1, 0], [0, 0], [0, 1], [0, 0]]


def test_missing_categories_may_take_the_most_frequent_one(dataset_of: Any) -> None:
    frame = pl.DataFrame({"c": ["b", "b", "a", None, "a", "a"]})
    fitted = fit(dataset_of, frame, [0, 1, 2, 3], categorical=CategoricalColumns(missing="most_frequent"))
    assert fitted.transform(frame).joined()[3].tolist() == [0, 1]


def test_rare_categories_share_a_place(dataset_of: Any) -> None:
    frame = pl.DataFrame({"c": ["a", "a", "b", "b", "d", "c", None, "never"]})
    fitted = fit(dataset_of, frame, range(7), categorical=CategoricalColumns(max_categories=2))
    assert fitted.feature_names == ("c=a", "c=b", "c=(other)", "c=(missing)")
    assert fitted.transform(frame).joined().argmax(axis=1).tolist() == [0, 0, 1, 1, 2, 2, 3, 2]
    assert fitted.notes == (
        "column 'c': '(other)' stands for 2 of its categories, the 2 most frequent ones are kept "
        "(preprocessing.categorical.max_categories)",
    )
    ordinal = CategoricalColumns(max_categories=2, encoding="ordinal")
    assert fit(dataset_of, frame, range(7), categorical=ordinal).transform(frame).joined()[:, 0].tolist() == [
        0, 0, 1, 1, 2, 2, 3, 2,
    ]  # fmt: skip


def test_ties_of_frequency_are_broken_by_name(dataset_of: Any) -> None:
    for order in (["d", "c", "b", "a"], ["a", "b", "c", "d"]):
        fitted = fit(dataset_of, pl.DataFrame({"c": order}), range(4), categorical=CategoricalColumns(max_categories=2))
        assert fitted.feature_names == ("c=a", "c=b", "c=(other)")


def test_zero_for_missing_numbers_and_no_indicator(dataset_of: Any) -> None:
    frame = pl.DataFrame({"n": [1, None, 5]})
    settings = {"numeric": NumericColumns(missing="zero", indicator=False), "scaling": "none"}
    assert fit(dataset_of, frame, [0, 1, 2], **settings).transform(frame).joined().tolist() == [[1], [0], [5]]


def test_indicator_only_where_training_rows_miss_values(dataset_of: Any) -> None:
    frame = pl.DataFrame({"n": [1.0, 3.0, None]})
    fitted = fit(dataset_of, frame, [0, 1], scaling="none")
    assert fitted.feature_names == ("n",)
    assert fitted.transform(frame).joined()[2].tolist() == [2]


def test_columns_without_any_value_in_training_rows(dataset_of: Any) -> None:
    frame = pl.DataFrame({"n": [None, None, 4.0], "c": [None, None, "x"], "ok": [1, 2, 3]})
    fitted = fit(dataset_of, frame, [0, 1])
    assert fitted.feature_names == ("n", "n (missing)", "c=(missing)", "ok")
    assert fitted.transform(frame).joined()[:2, :3].tolist() == [[0, 1, 1], [0, 1, 1]]
    filled = fit(dataset_of, frame, [0, 1], categorical=CategoricalColumns(missing="most_frequent"))
    assert filled.notes == ("column 'c' has no values in the training rows and is left out",)
    with pytest.raises(DataError, match="no column has a value"):
        fit(dataset_of, frame.select("c"), [0], categorical=CategoricalColumns(missing="most_frequent"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"numeric": NumericColumns(missing="error")}, "column 'n' is missing in 1 row, the first is row 1"),
        ({"categorical": CategoricalColumns(missing="error")}, "column 'c' is missing in 2 rows, the first is row 1"),
    ],
)
def test_missing_values_may_be_an_error(dataset_of: Any, settings: Any, message: str) -> None:
    frame = pl.DataFrame({"n": [1.0, None, 3.0, 4.0], "c": ["a", None, "b", None]})
    with pytest.raises(DataError, match=message):
        fit(dataset_of, frame, range(4), **settings)
    fine = pl.DataFrame({"n": [1.0, 2.0], "c": ["a", "b"]})
    fitted = fit(dataset_of, fine, range(2), **settings)
    with pytest.raises(DataError, match=message):
        fitted.transform(frame)


def test_unseen_categories_may_be_an_error(dataset_of: Any) -> None:
    frame = pl.DataFrame({"c": ["a", "b", "c", "new", "newer", "new"]})
    fitted = fit(dataset_of, frame, range(3), categorical=CategoricalColumns(unseen="error", max_categories=2))
    assert fitted.transform(frame[:3]).joined().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    with pytest.raises(DataError, match=r"training rows do not hold, in 3 rows: 'new', 'newer'"):
        fitted.transform(frame)
    with pytest.raises(DataError, match="column 'c' is missing in 1 row, and in no training row"):
        fitted.transform(pl.DataFrame({"c": ["a", None]}))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"number": [1], "color": ["red"]}), r"no column 'colour' \('colour': did you mean 'color'\?\)"),
        (
            pl.DataFrame({"number": ["x"], "colour": ["red"]}),
            "column 'number' holds no number in 1 row, .* 'x' in row 0",
        ),
        (
            pl.DataFrame({"number": [float("inf")], "colour": ["red"]}),
            "column 'number' is infinite or too large in 1 row",
        ),
        (np.ones((1, 2)), "the inputs are an array, expected a table"),
    ],
)
def test_tables_of_another_form_are_refused(dataset_of: Any, frame: Any, message: str) -> None:
    fitted = fit(dataset_of, pl.DataFrame({"number": [1, 2], "colour": ["red", "blue"]}), [0, 1])
    with pytest.raises(DataError, match=message):
        fitted.transform(frame)


def test_new_tables_may_have_other_orders_columns_and_types(dataset_of: Any) -> None:
    fitted = fit(dataset_of, pl.DataFrame({"n": [1.5, 2.5], "code": ["1", "2"]}), [0, 1], scaling="none")
    new = pl.DataFrame({"extra": ["x", "y", "z"], "code": [2.0, 1.0, None], "n": ["4", None, "5.5"]})
    assert fitted.transform(new).joined().tolist() == [[4, 0, 1], [2, 1, 0], [5.5, 0, 0]]


def test_empty_table(dataset_of: Any) -> None:
    frame = pl.DataFrame({"n": [1.5, None], "c": ["1", "2"]})
    assert fit(dataset_of, frame, [0, 1]).transform(frame[:0]).joined().shape == (0, 4)


def test_large_tables_are_transformed_by_columns(dataset_of: Any) -> None:
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 12, 100_000)
    frame = pl.DataFrame({"n": generator.normal(size=100_000), "c": pl.Series(codes).cast(pl.String)})
    fitted = fit(dataset_of, frame, range(1000))
    started = time.perf_counter()
    out = fitted.transform(frame).joined()
    assert time.perf_counter() - started < 2
    assert out.shape == (100_000, 13)
    assert np.array_equal(out[:, 1:].sum(axis=1), np.ones(100_000))


def test_saved_form_is_plain_json(dataset_of: Any) -> None:
    frame = pl.DataFrame({"n": [1.1, None, 1 / 3], "c": ["ä", "b", None]})
    fitted = fit(dataset_of, frame, range(3))
    text = json.dumps(fitted.save(), allow_nan=False)
    assert load_fitted(json.loads(text)) == fitted


@pytest.mark.parametrize("damage", [{"kind": "pickle"}, {"columns": 3}, {"more": 1}])
def test_damaged_saved_form_is_refused(dataset_of: Any, damage: Any) -> None:
    saved = fit(dataset_of, pl.DataFrame({"n": [1.1, 2.2]}), range(2)).save()
    with pytest.raises(ValueError):
        load_fitted(saved | damage)
