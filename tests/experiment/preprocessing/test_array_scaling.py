"""Images and features: scales, and what networks get."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from dlrun.errors import DataError
from dlrun.experiment.preprocessing.preprocessing import Preprocessing
from dlrun.experiment.preprocessing.scaling import fit_scaling, scale_rows

ROWS = np.arange(0, 200, 2)
GENERATOR = np.random.default_rng(0)
FEATURES = GENERATOR.normal(100, [1, 10, 1000, 1e-3], (200, 4))
PIXELS = GENERATOR.integers(0, 256, (200, 5, 4), dtype=np.uint8)


@pytest.mark.parametrize(("scaling", "reference"), [("standardize", StandardScaler()), ("minmax", MinMaxScaler())])
def test_features_are_scaled_as_by_scikit_learn(dataset_of: Any, scaling: Any, reference: Any) -> None:
    fitted = Preprocessing(scaling=scaling).fit(dataset_of(FEATURES, "features"), ROWS)
    expected = reference.fit(FEATURES[ROWS]).transform(FEATURES)
    assert np.allclose(fitted.transform(FEATURES).only, expected, rtol=1e-6, atol=1e-6)
    assert fitted.transform(FEATURES).only.dtype == np.float32


def test_auto_standardizes_features(dataset_of: Any) -> None:
    dataset = dataset_of(FEATURES, "features", ("a", "b", "c", "d"))
    automatic, explicit = Preprocessing(), Preprocessing(scaling="standardize")
    assert automatic.fit(dataset, ROWS) == explicit.fit(dataset, ROWS)
    assert automatic.resolve("features") == explicit
    assert automatic.fit(dataset, ROWS).feature_names == ("a", "b", "c", "d")


def test_unscaled_float32_features_are_not_copied(dataset_of: Any) -> None:
    x = FEATURES.astype(np.float32)
    assert Preprocessing(scaling="none").fit(dataset_of(x, "features"), ROWS).transform(x).only is x


def test_statistics_do_not_depend_on_the_size_of_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit_scaling(FEATURES, ROWS, "standardize", 4)
    scaled = scale_rows(FEATURES, *whole)
    monkeypatch.setattr("dlrun.experiment.preprocessing.scaling._PIECE", 28)
    pieces = fit_scaling(FEATURES, ROWS, "standardize", 4)
    assert np.allclose(whole, pieces, rtol=1e-13)
    assert np.array_equal(scale_rows(FEATURES, *whole), scaled)


def test_constant_columns_become_zero_and_do_not_blow_up(dataset_of: Any) -> None:
    x = np.column_stack([np.full(200, 0.1), np.full(200, 1e15), FEATURES[:, 0]])
    for scaling in ("standardize", "minmax"):
        fitted = Preprocessing(scaling=scaling).fit(dataset_of(x, "features"), ROWS)
        assert (fitted.transform(x).only[:, :2] == 0).all()
        assert np.allclose(fitted.transform(x + 1).only[:, :2], 1)


def test_sequences_share_the_scale_of_a_column(dataset_of: Any) -> None:
    x = GENERATOR.normal([0, 100], [1, 5], (200, 7, 2))
    scaled = Preprocessing().fit(dataset_of(x, "features"), ROWS).transform(x).only[ROWS]
    assert np.allclose(scaled.mean(axis=(0, 1)), 0, atol=1e-5)
    assert np.allclose(scaled.std(axis=(0, 1)), 1, atol=1e-5)


@pytest.mark.parametrize(("scaling", "factor"), [("auto", 1 / 255), ("minmax", 1 / 255), ("none", 1.0)])
def test_networks_get_bytes_and_a_factor(dataset_of: Any, scaling: Any, factor: float) -> None:
    fitted = Preprocessing(scaling=scaling).fit(dataset_of(PIXELS, "images"), ROWS)
    assert fitted.transform(PIXELS).only is PIXELS
    assert fitted.form().layout.scale == factor
    by_first_layer = PIXELS.astype(np.float32) * np.float32(factor)
    assert np.array_equal(fitted.transform(PIXELS).joined(), by_first_layer.reshape(len(PIXELS), -1))
    assert fitted.output_shape == (5, 4)


def test_standardized_images_have_one_scale(dataset_of: Any) -> None:
    fitted = Preprocessing(scaling="standardize").fit(dataset_of(PIXELS, "images"), ROWS)
    expected = (PIXELS - PIXELS[ROWS].mean()) / PIXELS[ROWS].std()
    assert np.allclose(fitted.transform(PIXELS).only, expected, atol=1e-5)
    assert fitted.form().layout.scale is None


def test_float_images_go_to_their_training_range(dataset_of: Any) -> None:
    x = PIXELS[..., None].astype(np.float32) / 16
    fitted = Preprocessing().fit(dataset_of(x, "images"), ROWS)
    scaled = fitted.transform(x).only[ROWS]
    assert (scaled.min(), scaled.max()) == (0, 1)
    assert fitted.form().layout.scale is None


def test_indicators_stay_bytes_for_networks(dataset_of: Any) -> None:
    x = (PIXELS[:, 0] > 99).astype(np.uint8)
    fitted = Preprocessing().fit(dataset_of(x, "indicators", ("p", "q", "r", "s")), ROWS)
    assert fitted.transform(x).only is x
    assert fitted.form().layout.scale is None
    assert fitted.transform(x).joined().dtype == np.float32
    assert fitted.feature_names == ("p", "q", "r", "s")


def test_tokens_are_given_on(dataset_of: Any) -> None:
    x = np.arange(20, dtype=np.int32).reshape(4, 5)
    fitted = Preprocessing().fit(dataset_of(x, "tokens"), np.array([0]))
    assert fitted.transform(x).only is x
    assert fitted.transform(x.astype(np.int64)).only.dtype == np.int32


@pytest.mark.parametrize("kind", ["tokens", "indicators"])
def test_tokens_and_indicators_are_never_scaled(dataset_of: Any, kind: Any) -> None:
    for ask in (Preprocessing(scaling="minmax").resolve, lambda kind: _fit(dataset_of, kind)):
        with pytest.raises(DataError, match=f"preprocessing.scaling is minmax, and {kind} are not scaled"):
            ask(kind)


def _fit(dataset_of: Any, kind: Any) -> None:
    Preprocessing(scaling="minmax").fit(dataset_of(np.ones((4, 2), np.uint8), kind), np.array([0]))


@pytest.mark.parametrize(
    ("kind", "fitted_on", "given", "message"),
    [
        ("features", np.ones((4, 3)), np.ones((4, 2)), r"one row of the inputs has the shape \(2\), expected \(3\)"),
        ("features", np.ones((4, 3)), np.ones(4), r"the shape \(no axes\), expected \(3\)"),
        ("features", np.ones((4, 1)), np.array([[1.0], [np.nan]]), "NaN or infinite at 1 place, .* row 1, column 0"),
        ("images", PIXELS[:4], PIXELS[:4].astype(np.float32), "the pixels are float32, expected uint8"),
        ("images", np.ones((4, 2, 2)), PIXELS[:4, :2, :2], "the pixels are uint8, expected float64"),
        ("tokens", np.ones((4, 2), np.int32), np.ones((4, 2)), "tokens are whole numbers, found float64"),
        ("tokens", np.ones((4, 2), np.int32), np.full((4, 2), -1), "tokens lie between -1 and -1"),
        ("indicators", np.ones((4, 2), np.uint8), np.full((4, 2), 3), "indicators are 0 or 1, found 3 to 3"),
    ],
)
def test_rows_of_another_form_are_refused(dataset_of: Any, kind: Any, fitted_on: Any, given: Any, message: str) -> None:
    fitted = Preprocessing().fit(dataset_of(fitted_on, kind), np.arange(4))
    with pytest.raises(DataError, match=message):
        fitted.transform(given)


def test_values_beyond_float32_are_refused_and_nothing_warns(dataset_of: Any) -> None:
    x = np.array([[1.0], [1e300]])
    fitted = Preprocessing(scaling="none").fit(dataset_of(x, "features"), np.array([0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match="at 1 place, the first is inf in row 1"):
            fitted.transform(x)


def test_no_training_rows(dataset_of: Any) -> None:
    with pytest.raises(DataError, match="there are no training rows"):
        Preprocessing().fit(dataset_of(FEATURES, "features"), np.array([], dtype=np.int64))
