"""A network of several inputs, from a table to predictions: through both engines, shared memory and a stored fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
import pytest

from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.datasets.inputs import CODES, NUMBERS, InputForm
from dlrun.experiment.datasets.shared import read_dataset, write_dataset
from dlrun.experiment.load import load_text
from dlrun.experiment.models.network.layers.layer import Place
from dlrun.experiment.models.network.network import Network, OutputHead
from dlrun.learners.checkpoint import Checkpoint
from dlrun.learners.checkpoint_bytes import encode
from dlrun.learners.latency import latency
from dlrun.learners.listener import Listener
from dlrun.learners.make import backend_of, make_learner, settle
from dlrun.predictions.description import Description
from dlrun.predictions.fitted_model import FittedModel
from dlrun.predictions.predictor import RunPredictor
from dlrun.runs.fit import Context, FittedFold, fit_fold, prepare

if TYPE_CHECKING:
    import keras

NUM_ROWS = 120
TOWNS = ["Bern", "Oslo", "Rome", None]


class Embedded(Network):
    """Numbers beside a learned vector for each category."""

    several_inputs: ClassVar[bool] = True

    def build(self, form: InputForm, output: OutputHead) -> keras.Model:
        import keras

        arrays = form.arrays.items()
        inputs = {name: keras.Input(array.shape, dtype=array.dtype, name=name) for name, array in arrays}
        vectors = [
            keras.layers.Embedding(size, 2, name=f"code_{number}")(inputs[CODES][:, number])
            for number, size in enumerate(form.layout.cardinalities)
        ]
        x = keras.layers.Concatenate()([inputs[NUMBERS], *vectors])
        x = keras.layers.Dense(6, activation="relu", name="hidden")(x)
        x = keras.layers.Dropout(0.1, name="dropout")(x)
        return keras.Model(inputs, self.output.apply(x, output, Place("model.output", "output", (6,), None)))


def table() -> Dataset:
    random = np.random.default_rng(0)
    codes = random.integers(0, len(TOWNS), NUM_ROWS)
    numbers = random.normal(size=NUM_ROWS)
    frame = pl.DataFrame(
        {
            "town": pl.Series([TOWNS[code] for code in codes], dtype=pl.String),
            "size": numbers,
            "open": random.random(NUM_ROWS) < 0.5,
            "age": [None if row % 9 == 0 else row / 10 for row in range(NUM_ROWS)],
        }
    )
    y = (numbers + (codes == 1) > 0.3).astype(np.int64)
    return Dataset("made", "table", frame, y, "binary", ("no", "yes"), tuple(frame.columns), ("y",))


class Fitted:
    """A fold that was fitted, and all that is needed to go on from there."""

    def __init__(self, dataset: Dataset, engine: str) -> None:
        training = f"{{epochs: 3, batch_size: 16, engine: {engine}, slice_steps: 2, class_weights: balanced}}"
        loaded = load_text(
            f"dataset: iris\nmodel: network\nvalidation: {{kind: holdout, fraction: 0.25}}\ntraining: {training}\n"
        )
        written = loaded.experiment.model_copy(update={"model": Embedded()})
        self.experiment = settle(written, dataset.facts)
        self.learner = make_learner(self.experiment, dataset.facts)
        self.plan = self.experiment.validation.split(dataset, 0)
        self.prepared = prepare(self.experiment, dataset, self.learner, self.plan.folds[0].training)
        self.checkpoints: dict[str, Checkpoint] = {}
        context = Context(
            self.experiment,
            dataset,
            self.plan,
            self.learner,
            Listener(),
            self.checkpoints.__setitem__,
            lambda *_: None,
            lambda _: (None, None),
        )
        self.fold: FittedFold = fit_fold(context, self.plan.folds[0], self.prepared)


@pytest.fixture(scope="module")
def alone() -> Fitted:
    return Fitted(table(), "resident")


def test_a_table_gives_numbers_and_codes(alone: Fitted) -> None:
    arrays = alone.prepared.x.arrays
    assert {name: (array.shape, array.dtype) for name, array in arrays.items()} == {
        NUMBERS: ((NUM_ROWS, 3), np.float32),
        CODES: ((NUM_ROWS, 2), np.int32),
    }
    assert alone.prepared.x.layout.cardinalities == (5, 3)  # none, three towns and a missing one; none, false and true
    assert alone.learner.model is not None
    assert sorted(alone.learner.model.input) == [CODES, NUMBERS]


def test_it_learns(alone: Fitted) -> None:
    losses = [row["val_loss"] for row in alone.fold.fit.history]
    assert losses[-1] < losses[0]
    assert alone.fold.validation.y_pred.shape == (len(alone.plan.folds[0].validation), 1)


def test_engines_agree(alone: Fitted) -> None:
    streamed = Fitted(table(), "streaming")
    assert [row["epoch"] for row in streamed.fold.fit.history] == [1, 2, 3]
    np.testing.assert_allclose(streamed.fold.validation.y_pred, alone.fold.validation.y_pred, rtol=1e-4)


def test_processes_of_a_study_share_the_arrays(alone: Fitted, tmp_path: Path) -> None:
    write_dataset(table(), tmp_path)
    for _ in range(2):
        shared = Fitted(read_dataset(tmp_path), "resident")
        assert all(isinstance(array.base, np.memmap) for array in shared.prepared.x.arrays.values())
        assert shared.prepared.x.layout == alone.prepared.x.layout
        assert shared.fold.validation.y_pred.tobytes() == alone.fold.validation.y_pred.tobytes()
    joined = make_learner(shared.experiment.model_copy(update={"model": Network()}), table().facts)
    rows = shared.plan.folds[0].training
    one = prepare(shared.experiment, read_dataset(tmp_path), joined, rows).x
    assert list(one.arrays) == [NUMBERS]
    assert one.joined().tobytes() == shared.prepared.x.joined().tobytes()


def test_a_stored_fit_predicts_as_it_did(alone: Fitted, tmp_path: Path) -> None:
    dataset = table()
    experiment = backend_of(alone.experiment).for_predictions()
    learner = make_learner(experiment, dataset.facts)
    learner.load(alone.prepared.preprocessing, encode(alone.checkpoints["best/fold-0"]))
    fitted = FittedModel(alone.prepared.preprocessing, None, learner)
    description = Description("made", dataset.facts, dataset.class_names, (), {}, experiment)
    y_pred = RunPredictor(description, None, [fitted]).predict(dataset.x)
    np.testing.assert_allclose(y_pred[alone.fold.validation.rows], alone.fold.validation.y_pred, atol=1e-6)

    path = tmp_path / "model.keras"
    learner.save(path)
    import keras

    arrays: Any = alone.prepared.x.arrays
    np.testing.assert_allclose(keras.models.load_model(path).predict(arrays, verbose=0), y_pred, atol=1e-6)


def test_forward_passes_are_timed(alone: Fitted) -> None:
    assert latency(alone.learner, alone.prepared.x, 200) > 0
