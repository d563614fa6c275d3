"""BestEpoch against hand-made series and against Keras' EarlyStopping."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrun.learners.best_epoch import BestEpoch


def watched(values: list[float], **options: object) -> tuple[BestEpoch, int]:
    """Feed values until the watch says stop; return it and the number of epochs taken."""
    watch = BestEpoch("val_loss", options.pop("mode", "min"), **options)  # type: ignore[arg-type]
    for epoch, value in enumerate(values, start=1):
        watch.update(epoch, {"val_loss": value})
        if watch.should_stop:
            return watch, epoch
    return watch, len(values)


def test_the_first_of_equal_epochs_is_best() -> None:
    watch, _ = watched([0.5, 0.3, 0.3, 0.4])
    assert (watch.epoch, watch.value) == (2, 0.3)


def test_larger_is_better_in_mode_max() -> None:
    watch, taken = watched([0.5, 0.9, 0.7, 0.8, 0.95], mode="max", patience=2)
    assert (watch.epoch, taken) == (2, 4)


def test_improvements_below_min_delta_wear_out_patience_but_still_count_as_best() -> None:
    watch, taken = watched([1.0, 0.99, 0.98, 0.97], patience=2, min_delta=0.1)
    assert taken == 3
    assert watch.epoch == 3


def test_without_patience_it_never_stops() -> None:
    assert watched([1.0, 2.0, 3.0, 4.0])[1] == 4


def test_nan_is_never_best() -> None:
    watch, _ = watched([0.5, math.nan, 0.6])
    assert (watch.epoch, watch.value) == (1, 0.5)


def test_without_a_monitor_the_last_epoch_is_best() -> None:
    watch = BestEpoch(None, "min", patience=1)
    assert all(watch.update(epoch, {"loss": 9.0 - epoch}) for epoch in (1, 2, 3))
    assert (watch.epoch, watch.value, watch.should_stop) == (3, None, False)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 20).map(lambda quarters: quarters / 4), min_size=1, max_size=30),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.5]),
    st.sampled_from(["min", "max"]),
)
def test_it_stops_when_keras_early_stopping_does(
    values: list[float], patience: int, min_delta: float, mode: str
) -> None:
    keras = pytest.importorskip("keras")
    theirs = keras.callbacks.EarlyStopping("val_loss", patience=patience, min_delta=min_delta, mode=mode)
    theirs.set_model(SimpleNamespace(stop_training=False))
    theirs.on_train_begin()
    stopped = len(values)
    for epoch, value in enumerate(values):
        theirs.on_epoch_end(epoch, {"val_loss": value})
        if theirs.model.stop_training:
            stopped = epoch + 1
            break
    assert watched(values, patience=patience, min_delta=min_delta, mode=mode)[1] == stopped
