"""Schedules: rates against Keras' own, against numbers worked out by hand, and what holds for all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dlrun.base.settings import members
from dlrun.config.docs import descriptions
from dlrun.experiment.optimizers.schedules import (
    Constant,
    Cosine,
    Exponential,
    Plateau,
    Schedule,
    ScheduleSettings,
    Step,
)

BASE, EPOCHS, STEPS = 0.02, 12, 5
KINDS: dict[str, Any] = members(Schedule)


def _all_rates(schedule: ScheduleSettings, epochs: int = EPOCHS, **arguments: Any) -> np.ndarray:
    rates = [schedule.rates(BASE, epoch, STEPS, EPOCHS, **arguments) for epoch in range(epochs)]
    return np.concatenate(rates)


def _of_keras(schedule: Any) -> np.ndarray:
    return np.array([float(schedule(step)) for step in range(EPOCHS * STEPS)])


def test_constant() -> None:
    np.testing.assert_array_equal(_all_rates(Constant()), np.full(EPOCHS * STEPS, BASE, np.float32))


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_cosine_is_that_of_keras(alpha: float) -> None:
    theirs = keras.optimizers.schedules.CosineDecay(BASE, EPOCHS * STEPS, alpha=alpha)
    np.testing.assert_allclose(_all_rates(Cosine(alpha=alpha)), _of_keras(theirs), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("cycles", [2, 3])
def test_cosine_restarts_as_in_keras(cycles: int) -> None:
    length = EPOCHS * STEPS // cycles
    theirs = keras.optimizers.schedules.CosineDecayRestarts(BASE, length, t_mul=1.0, m_mul=1.0, alpha=0.2)
    np.testing.assert_allclose(_all_rates(Cosine(cycles=cycles, alpha=0.2)), _of_keras(theirs), rtol=1e-4)


def test_cosine_begins_after_the_warm_up() -> None:
    rates = _all_rates(Cosine(warmup_epochs=2))
    np.testing.assert_allclose(rates[: 2 * STEPS], BASE * np.arange(1, 11) / 10, rtol=1e-6)
    theirs = keras.optimizers.schedules.CosineDecay(BASE, (EPOCHS - 2) * STEPS)
    np.testing.assert_allclose(rates[2 * STEPS :], _of_keras(theirs)[: 10 * STEPS], rtol=1e-4, atol=1e-8)


def test_cosine_ends_at_alpha_and_stays_there() -> None:
    assert Cosine(alpha=0.25).rates(1.0, EPOCHS, 1, EPOCHS)[0] == pytest.approx(0.25)
    assert Cosine(alpha=0.25, cycles=3).rates(1.0, EPOCHS + 4, 1, EPOCHS)[0] == pytest.approx(0.25)


def test_warm_up_of_all_epochs() -> None:
    rates = _all_rates(Cosine(warmup_epochs=EPOCHS))
    np.testing.assert_allclose(rates, BASE * np.arange(1, 61) / 60, rtol=1e-6)


@pytest.mark.parametrize("staircase", [False, True])
def test_exponential_is_that_of_keras(staircase: bool) -> None:
    theirs = keras.optimizers.schedules.ExponentialDecay(BASE, STEPS, 0.8, staircase=staircase)
    np.testing.assert_allclose(
        _all_rates(Exponential(decay_rate=0.8, staircase=staircase)), _of_keras(theirs), rtol=1e-5
    )


def test_steps_at_given_epochs() -> None:
    found = _all_rates(Step(epochs=(2, 5), factor=0.5))[::STEPS]
    np.testing.assert_allclose(found, BASE * np.array([1, 1, 0.5, 0.5, 0.5] + [0.25] * 7), rtol=1e-6)


def test_steps_again_and_again() -> None:
    found = _all_rates(Step(every=4))
    np.testing.assert_allclose(found, BASE * np.repeat([1, 0.1, 0.01], 4 * STEPS), rtol=1e-6)


def test_warm_up_over_a_part_of_an_epoch() -> None:
    rates = Constant(warmup_epochs=0.5).rates(1.0, 0, 4, 3)
    np.testing.assert_allclose(rates, [0.5, 1.0, 1.0, 1.0])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras copies tensors the old way
@given(
    monitored=st.lists(st.sampled_from([0.5, 0.6, 0.65, 0.7, 0.70005, 1.0]), max_size=15),
    patience=st.integers(1, 4),
    cooldown=st.integers(0, 3),
    min_delta=st.sampled_from([0.0, 1e-4, 0.08]),
    min_learning_rate=st.sampled_from([0.0, 1e-3, 0.5]),
    mode=st.sampled_from(["min", "max"]),
)
@settings(max_examples=50, deadline=None)
def test_plateau_is_that_of_keras(
    monitored: list[float], patience: int, cooldown: int, min_delta: float, min_learning_rate: float, mode: Any
) -> None:
    optimizer = keras.optimizers.SGD(BASE)
    callback = keras.callbacks.ReduceLROnPlateau(
        "val", 0.3, patience, mode=mode, min_delta=min_delta, cooldown=cooldown, min_lr=min_learning_rate
    )
    callback.set_model(SimpleNamespace(optimizer=optimizer))
    callback.on_train_begin()
    schedule = Plateau(
        factor=0.3, patience=patience, cooldown=cooldown, min_delta=min_delta, min_learning_rate=min_learning_rate
    )
    for epoch in range(len(monitored) + 1):
        ours = schedule.rates(BASE, epoch, 2, 99, monitored[:epoch], mode)
        np.testing.assert_allclose(ours, np.full(2, float(optimizer.learning_rate)), rtol=1e-4)
        if epoch < len(monitored):
            callback.on_epoch_end(epoch, {"val": monitored[epoch]})


def test_plateau_without_anything_to_watch_keeps_the_rate() -> None:
    np.testing.assert_array_equal(Plateau(patience=1).rates(BASE, 9, 3, 10), np.full(3, BASE, np.float32))


def test_plateau_takes_a_missing_value_for_no_improvement() -> None:
    rates = [
        Plateau(patience=2).rates(1.0, epoch, 1, 9, [0.5, float("nan"), float("nan"), 0.4])[0] for epoch in range(5)
    ]
    np.testing.assert_allclose(rates, [1, 1, 1, 0.1, 0.1], rtol=1e-6)


def test_plateau_looks_only_at_epochs_before() -> None:
    series = [1.0, 2.0, 3.0, 4.0]
    for epoch in range(4):
        cut = Plateau(patience=1).rates(BASE, epoch, 1, 4, series[:epoch])
        np.testing.assert_array_equal(Plateau(patience=1).rates(BASE, epoch, 1, 4, series), cut)


SOME = st.sampled_from(
    [
        Constant(),
        Cosine(alpha=0.1, cycles=2),
        Exponential(decay_rate=0.5),
        Step(epochs=(1, 3)),
        Plateau(patience=1, factor=0.5),
    ]
)


@given(SOME, st.floats(0, 30), st.integers(0, 20), st.integers(1, 50), st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_rates_lie_between_nothing_and_the_base(
    schedule: ScheduleSettings, warmup: float, epoch: int, steps: int, num_epochs: int
) -> None:
    schedule = schedule.model_copy(update={"warmup_epochs": warmup})
    rates = schedule.rates(BASE, epoch, steps, num_epochs, [1.0] * epoch)
    assert rates.shape == (steps,)
    assert rates.dtype == np.float32
    assert (rates >= 0).all()
    assert (rates <= np.float32(BASE)).all()
    if warmup:
        assert rates[0] > 0 or schedule.kind == "cosine"


@pytest.mark.parametrize("kind", KINDS)
def test_schedules_are_read_and_described(kind: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Schedule)
    written = {"kind": kind, "warmup_epochs": 1, **({"every": 2} if kind == "step" else {})}
    schedule = adapter.validate_python(written)
    assert adapter.validate_python(adapter.dump_python(schedule)) == schedule
    assert {"kind", *descriptions(KINDS[kind])} == set(KINDS[kind].model_fields)


@pytest.mark.parametrize(
    ("schedule", "settings_"),
    [
        (Step, {}),
        (Step, {"epochs": [2], "every": 2}),
        (Step, {"epochs": [0]}),
        (Exponential, {"decay_rate": 0}),
        (Exponential, {"decay_rate": 1.5}),
        (Cosine, {"alpha": -0.1}),
        (Cosine, {"cycles": 0}),
        (Plateau, {"factor": 1.0}),
        (Plateau, {"patience": 0}),
        (Constant, {"warmup_epochs": -1}),
        (Constant, {"warmup_epochs": float("inf")}),
    ],
)
def test_bad_settings_are_refused(schedule: type[ScheduleSettings], settings_: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        schedule.model_validate(settings_)
