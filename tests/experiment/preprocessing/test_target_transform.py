"""Targets of a regression, there and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from dlrun.errors import DataError
from dlrun.experiment.preprocessing.preprocessing import load_fitted
from dlrun.experiment.preprocessing.target import TargetTransform, TargetTransformKind

KINDS: tuple[TargetTransformKind, ...] = ("none", "standardize", "log")
Y = np.random.default_rng(0).lognormal(10, 2, (300, 2))


def test_standardize() -> None:
    transform = TargetTransform.fit("standardize", Y)
    scaled = transform.transform(Y)
    assert scaled.dtype == np.float32
    assert np.allclose(scaled.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(scaled.std(axis=0), 1, atol=1e-5)
    assert np.allclose(transform.inverse(np.array([[0.0, 0.0]])), Y.mean(axis=0))


def test_log() -> None:
    transform = TargetTransform.fit("log", Y)
    logarithm = np.log1p(Y)
    expected = (logarithm - logarithm.mean(axis=0)) / logarithm.std(axis=0)
    assert np.allclose(transform.transform(Y), expected, atol=1e-5)
    assert np.allclose(transform.inverse(np.zeros((1, 2))), np.expm1(logarithm.mean(axis=0)))


def test_none_only_changes_the_type() -> None:
    transform = TargetTransform.fit("none", Y)
    assert np.array_equal(transform.transform(Y), Y.astype(np.float32))
    assert np.array_equal(transform.inverse(Y), Y)


@pytest.mark.parametrize("kind", KINDS)
@given(y=arrays(np.float64, st.tuples(st.integers(2, 20), st.integers(1, 3)), elements=st.floats(0.125, 1e6)))
@settings(max_examples=50, deadline=None)
def test_inverse_undoes_the_transform(kind: TargetTransformKind, y: Any) -> None:
    transform = TargetTransform.fit(kind, y)
    back = transform.inverse(transform.transform(y, np.float64))
    # Standardizing rounds relative to the spread of all values, not to each of them.
    assert np.allclose(back, y, rtol=1e-9, atol=1e-9 * float(y.max()))


@pytest.mark.parametrize("kind", KINDS)
def test_inverse_is_exact_for_real_targets(kind: TargetTransformKind) -> None:
    transform = TargetTransform.fit(kind, Y)
    assert np.allclose(transform.inverse(transform.transform(Y, np.float64)), Y, rtol=1e-9, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_form(kind: TargetTransformKind) -> None:
    transform = TargetTransform.fit(kind, Y / 3)
    assert TargetTransform.load(json.loads(json.dumps(transform.save()))) == transform


def test_log_needs_targets_above_minus_one() -> None:
    with pytest.raises(DataError, match="needs targets above -1, 2 are not, the smallest is -7"):
        TargetTransform.fit("log", np.array([[1.0], [-1.0], [-7.0]]))
    with pytest.raises(DataError, match="needs targets above -1"):
        TargetTransform.fit("log", Y).transform(-Y)
    assert TargetTransform.fit("log", np.array([[-0.5], [1.0]])).kind == "log"


def test_wild_predictions_become_infinite_without_a_warning() -> None:
    assert TargetTransform.fit("log", Y).inverse(np.full((1, 2), 1e6)).tolist() == [[np.inf, np.inf]]


def test_bounds_hold_predictions_near_the_training_range() -> None:
    y = np.expm1(np.array([[1.0], [2.0], [5.0]]))
    transform = TargetTransform.fit("log", y, 0.25)
    assert transform.bounds == ((0.0, 6.0),)
    ends = transform.inverse(np.array([[-100.0], [0.0], [100.0]]))
    assert np.allclose(ends[[0, 2], 0], [0.0, np.expm1(6.0)])
    assert transform.num_bounded(ends) == 2
    assert np.allclose(transform.inverse(transform.transform(y, np.float64)), y)
    assert TargetTransform.load(json.loads(json.dumps(transform.save()))) == transform


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_bounded_alike_on_both_scales(kind: TargetTransformKind) -> None:
    transform = TargetTransform.fit(kind, Y, 0.05)
    inside = transform.transform(Y)
    outside = np.array([[9.0, -9.0], [0.0, 9e9]], np.float32) * (1e9 if kind == "none" else 1)
    assert transform.bounded(inside) is inside
    assert transform.bounded(outside).dtype == np.float32
    assert np.allclose(transform.inverse(transform.bounded(outside)), transform.inverse(outside), rtol=1e-5)


def test_a_transform_without_bounds_reads_and_writes_as_before() -> None:
    saved = {"kind": "log", "mean": [2.0], "scale": [1.5]}
    transform = TargetTransform.load(saved)
    assert transform.save() == saved
    assert transform.bounded(np.array([[1e9]])).tolist() == [[1e9]]
    assert transform.num_bounded(np.array([[1e9]])) == 0


def test_constant_target_stays_finite() -> None:
    transform = TargetTransform.fit("standardize", np.full((5, 1), 0.1))
    assert transform.transform(np.full((5, 1), 0.1)).tolist() == [[0.0]] * 5
    assert transform.inverse(np.zeros((1, 1))).tolist() == [[0.1]]


@pytest.mark.parametrize("saved", ["none", ["none"], [1], 7, None])
def test_what_is_no_mapping_is_no_transform(saved: object) -> None:
    """Files of strangers hold anything; whatever it is, it ends in the one error that readers expect."""
    with pytest.raises(ValidationError):
        TargetTransform.load(saved)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        load_fitted(saved)  # type: ignore[arg-type]


FEATURES = {"kind": "features", "input_shape": [3]}
NUMBER = {"kind": "numeric", "name": "a", "fill": 0.0, "indicator": False, "offset": 0.0, "scale": 1.0}
WORDS = {"kind": "categorical", "name": "a", "settings": {}, "rare": [], "fill": None, "missing_is_category": False}


@pytest.mark.parametrize(
    "saved",
    [
        {**FEATURES, "offset": [], "scale": [1.0, 1.0, 1.0]},
        {**FEATURES, "offset": [0.0], "scale": [1.0]},
        {**FEATURES, "input_shape": [], "offset": [0.0], "scale": [1.0]},
        {"kind": "images", "input_shape": [2, 2], "dtype": "uint8", "scaling": "minmax", "offset": 0, "scale": 0},
        {"kind": "table", "input_shape": [1], "input_names": ["b"], "columns": [NUMBER]},
        {"kind": "table", "input_shape": [1], "input_names": ["a"], "columns": [{**WORDS, "categories": ["x", "x"]}]},
    ],
)
def test_what_cannot_be_applied_is_no_preprocessing(saved: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        load_fitted(saved)


@pytest.mark.parametrize(
    "changed", [{"mean": []}, {"scale": [1.0]}, {"bounds": [[0.0, 1.0]]}, {"mean": [0.0], "scale": [1.0, 2.0]}]
)
def test_a_transform_has_one_number_for_each_target(changed: dict[str, object]) -> None:
    saved = {"kind": "log", "mean": [0.0, 0.0], "scale": [1.0, 1.0], "bounds": [[0.0, 1.0], [0.0, 1.0]]}
    assert TargetTransform.load(saved).save() == saved
    with pytest.raises(ValidationError):
        TargetTransform.load(saved | changed)
