"""What every kind of preprocessing promises, whatever the form of the inputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrun.experiment.datasets.dataset import Dataset, InputKind
from dlrun.experiment.datasets.inputs import InputForm
from dlrun.experiment.preprocessing.categorical import CategoricalColumns
from dlrun.experiment.preprocessing.numeric import NumericColumns
from dlrun.experiment.preprocessing.preprocessing import Preprocessing, load_fitted

NUM_ROWS = 40


def table(num_rows: int, generator: np.random.Generator) -> pl.DataFrame:
    floats = generator.normal(50, 20, num_rows).tolist()
    return pl.DataFrame(
        {
            "age": [None if generator.random() < 0.2 else value for value in floats],
            "count": generator.integers(0, 1000, num_rows),
            "same": np.full(num_rows, 0.1),
            "color": [[None, "red", "green", "blue"][code] for code in generator.integers(0, 4, num_rows)],
            "open": (generator.random(num_rows) < 0.5).tolist(),
        },
        schema_overrides={"age": pl.Float64, "color": pl.String},
    )


FORMS: dict[str, tuple[InputKind, Callable[[int, np.random.Generator], Any]]] = {
    "byte images": ("images", lambda rows, g: g.integers(0, 256, (rows, 4, 3), dtype=np.uint8)),
    "float images": ("images", lambda rows, g: g.normal(5, 3, (rows, 4, 3, 2)).astype(np.float32)),
    "features": ("features", lambda rows, g: g.normal(3, 7, (rows, 5))),
    "byte features": ("features", lambda rows, g: g.integers(0, 256, (rows, 5), dtype=np.uint8)),
    "sequences": ("features", lambda rows, g: g.normal(3, 7, (rows, 6, 2)).astype(np.float32)),
    "tokens": ("tokens", lambda rows, g: g.integers(0, 90, (rows, 8), dtype=np.int32)),
    "indicators": ("indicators", lambda rows, g: g.integers(0, 2, (rows, 9), dtype=np.uint8)),
    "table": ("table", table),
}
SETTINGS = {
    "auto": Preprocessing(),
    "none": Preprocessing(scaling="none"),
    "standardize": Preprocessing(scaling="standardize"),
    "minmax": Preprocessing(scaling="minmax"),
    "columns": Preprocessing(
        numeric=NumericColumns(missing="mean", indicator=False),
        categorical=CategoricalColumns(encoding="ordinal", missing="most_frequent", max_categories=2),
    ),
}
CASES = [
    (form, name)
    for form, (kind, _) in FORMS.items()
    for name, preprocessing in SETTINGS.items()
    if preprocessing.scaling in ("auto", "none") or kind not in ("tokens", "indicators")
]


def inputs(form: str, seed: int, num_rows: int = NUM_ROWS) -> Any:
    return FORMS[form][1](num_rows, np.random.default_rng(seed))


def dataset(form: str, x: Any) -> Dataset:
    names = tuple(x.columns) if isinstance(x, pl.DataFrame) else ()
    y = np.arange(len(x), dtype=np.int64) % 2
    return Dataset("made", FORMS[form][0], x, y, "binary", class_names=("a", "b"), feature_names=names)


def with_rows(x: Any, other: Any, rows: Any) -> Any:
    """Return `other` with the given rows taken from `x`."""
    if isinstance(x, pl.DataFrame):
        taken = np.isin(np.arange(len(x)), rows)
        return pl.concat([x, other])[np.where(taken, np.arange(len(x)), len(x) + np.arange(len(x)))]
    mixed = other.copy()
    mixed[rows] = x[rows]
    return mixed


@pytest.mark.parametrize(("form", "name"), CASES)
def test_shape_type_and_names(form: str, name: str) -> None:
    x = inputs(form, 0)
    fitted = SETTINGS[name].fit(dataset(form, x), np.arange(20))
    out = fitted.transform(x, joined=True).only
    assert out.shape == (NUM_ROWS, *fitted.output_shape)
    assert len(fitted.feature_names) in (0, out.shape[-1])
    assert fitted.transform(x[:0], joined=True).only.shape == (0, *fitted.output_shape)
    assert fitted.transform(x).joined().shape == (NUM_ROWS, np.prod(fitted.output_shape))
    assert fitted.transform(x[:0]).joined().shape == (0, np.prod(fitted.output_shape))


@pytest.mark.parametrize(("form", "name"), CASES)
@pytest.mark.parametrize("joined", [False, True])
def test_the_form_is_known_before_the_inputs_are(form: str, name: str, joined: bool) -> None:
    x = inputs(form, 0)
    fitted = SETTINGS[name].fit(dataset(form, x), np.arange(20))
    made = fitted.transform(x, joined=joined)
    assert replace(InputForm.of(made), num_tokens=None) == fitted.form(joined=joined)
    assert InputForm.of(fitted.inputs(made.arrays)) == InputForm.of(made)


@pytest.mark.parametrize(("form", "name"), CASES)
def test_arrays_joined_are_what_is_made_at_once(form: str, name: str) -> None:
    x = inputs(form, 1)
    fitted = SETTINGS[name].fit(dataset(form, x), np.arange(20))
    apart, at_once = fitted.transform(x), fitted.transform(x, joined=True)
    assert apart.joined().dtype == (np.int32 if form == "tokens" else np.float32)
    assert apart.joined().tobytes() == at_once.joined().tobytes()
    assert np.array_equal(apart.take(np.array([7, 3, 3])).joined(), apart.joined()[[7, 3, 3]])
    scale = apart.layout.scale
    if scale is not None:
        assert apart.only is x
        by_first_layer = x.astype(np.float32) * np.float32(scale)
        assert np.array_equal(apart.joined(), by_first_layer.reshape(NUM_ROWS, -1))


@pytest.mark.parametrize(("form", "name"), CASES)
@given(seed=st.integers(0, 2**32 - 1), num_training=st.integers(1, NUM_ROWS - 1))
@settings(max_examples=10, deadline=None)
def test_only_training_rows_are_learned_from(form: str, name: str, seed: int, num_training: int) -> None:
    training = np.random.default_rng(seed).permutation(NUM_ROWS)[:num_training]
    x, other = inputs(form, seed), inputs(form, seed + 1)
    mixed = with_rows(x, other, training)
    fitted = SETTINGS[name].fit(dataset(form, x), training)
    assert SETTINGS[name].fit(dataset(form, mixed), training) == fitted


@pytest.mark.parametrize(("form", "name"), CASES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_saved_and_loaded_it_does_the_same(form: str, name: str, seed: int) -> None:
    x = inputs(form, seed)
    fitted = SETTINGS[name].fit(dataset(form, x), np.arange(NUM_ROWS // 2))
    loaded = load_fitted(json.loads(json.dumps(fitted.save(), allow_nan=False)))
    assert loaded == fitted
    new = inputs(form, seed + 1)
    assert np.array_equal(loaded.transform(new).joined(), fitted.transform(new).joined())
    assert loaded.form() == fitted.form()
    assert loaded.feature_names == fitted.feature_names


@pytest.mark.parametrize(("form", "name"), CASES)
def test_every_row_is_transformed_by_itself(form: str, name: str) -> None:
    x = inputs(form, 3)
    fitted = SETTINGS[name].fit(dataset(form, x), np.arange(20))
    some = np.array([31, 2, 2, 17])
    assert np.array_equal(fitted.transform(x[some]).joined(), fitted.transform(x).joined()[some])


@pytest.mark.parametrize(("form", "name"), CASES)
def test_inputs_are_left_as_they_are(form: str, name: str) -> None:
    x, same = inputs(form, 4), inputs(form, 4)
    SETTINGS[name].fit(dataset(form, x), np.arange(20)).transform(x)
    assert x.equals(same) if isinstance(x, pl.DataFrame) else np.array_equal(x, same)


@pytest.mark.parametrize("form", FORMS)
def test_resolved_settings_do_what_auto_does(form: str) -> None:
    x = inputs(form, 5)
    resolved = Preprocessing().resolve(FORMS[form][0])
    assert resolved.scaling != "auto"
    assert resolved.fit(dataset(form, x), np.arange(20)) == Preprocessing().fit(dataset(form, x), np.arange(20))
