"""The other sides of `tune_vs_peers.py`: what careful users of Hyperopt, KerasTuner and Optuna write.

Each prints one JSON object: the validation loss of the best trial, how many epochs were trained, and seconds without
imports. Keras' `val_loss`, which such scripts search by, includes the penalty on the weights; for Hyperopt and Optuna
the cross-entropy alone is printed, as that is what dlrun calls validation loss.

Usage: python peer_scripts.py {hyperopt,keras_tuner,optuna,kfold_script} [--trials 50] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from peer_points import points

EPOCHS, BATCH, PATIENCE = 30, 32, 5
epochs_trained = 0
best_fit = (math.inf, math.inf)
"""`val_loss` and cross-entropy of the fit with the lowest `val_loss`."""


class Count(keras.callbacks.Callback):
    """Counts epochs over all trials."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        global epochs_trained
        epochs_trained += 1


def digits(seed: int) -> tuple[Any, Any, Any, Any]:
    """Return training and validation rows, 60% and 20%, stratified and standardized.

    They are the very rows that dlrun draws with this seed, as the best loss depends more on the rows than on the
    search.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    rows, size = np.arange(len(y)), round(0.2 * len(y))
    for stage in (0, 1):  # the test rows are set aside, then the validation rows
        state = int(np.random.default_rng([seed, stage]).integers(2**32))
        rows, part = map(np.sort, train_test_split(rows, test_size=size, stratify=y[rows], random_state=state))
    return *scaled(x[rows], x[part]), y[rows], y[part]


def scaled(x: Any, x_val: Any) -> tuple[Any, Any]:
    """Standardize by the training rows."""
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation = np.where(deviation == 0, 1, deviation)
    return ((x - mean) / deviation).astype("float32"), ((x_val - mean) / deviation).astype("float32")


def build(units: int, batch_norm: bool, dropout: float, l2: float, rate: float) -> keras.Model:
    """Return the compiled network of one trial."""
    inputs = keras.Input((64,))
    x = layers.Dense(units, kernel_regularizer=keras.regularizers.L2(l2))(inputs)
    x = layers.BatchNormalization()(x) if batch_norm else x
    x = layers.Activation("relu")(x)
    x = layers.Dropout(dropout)(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(model: keras.Model, data: tuple[Any, Any, Any, Any], callbacks: tuple[Any, ...] = ()) -> float:
    """Train with early stopping; return the best validation loss."""
    x, x_val, y, y_val = data
    early = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)
    history = model.fit(
        x,
        y,
        batch_size=BATCH,
        epochs=EPOCHS,
        validation_data=(x_val, y_val),
        callbacks=[early, Count(), *callbacks],
        verbose=0,
    )
    value = float(np.nanmin(history.history["val_loss"]))
    remember(value, model, x_val, y_val)
    return value


def remember(value: float, model: keras.Model, x_val: Any, y_val: Any) -> None:
    """Take note of the cross-entropy of a model that is better than all before."""
    global best_fit
    if value < best_fit[0]:
        predictions = model.predict(x_val, verbose=0)
        best_fit = value, float(np.mean(keras.losses.sparse_categorical_crossentropy(y_val, predictions)))


def hyperopt(trials: int, seed: int) -> float:
    """Hyperopt's fmin with TPE."""
    from hyperopt import STATUS_OK, Trials, fmin, hp, tpe

    data = digits(seed)
    space = {
        "units": hp.randint("units", 16, 257),
        "batch_norm": hp.choice("batch_norm", [False, True]),
        "dropout": hp.uniform("dropout", 0, 0.6),
        "l2": hp.loguniform("l2", math.log(1e-6), math.log(1e-2)),
        "rate": hp.loguniform("rate", math.log(1e-4), math.log(1e-1)),
    }

    def objective(point: dict[str, Any]) -> dict[str, Any]:
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        point = {**point, "units": int(point["units"])}
        return {"loss": fit(build(**point), data), "status": STATUS_OK}

    record = Trials()
    fmin(
        objective,
        space,
        algo=tpe.suggest,
        max_evals=trials,
        trials=record,
        rstate=np.random.default_rng(seed),
        show_progressbar=False,
    )
    return float(min(record.losses()))


def keras_tuner(trials: int, seed: int) -> float:
    """KerasTuner's BayesianOptimization."""
    import keras_tuner as kt

    x, x_val, y, y_val = digits(seed)

    def model_of(hp: Any) -> keras.Model:
        return build(
            hp.Int("units", 16, 256),
            hp.Boolean("batch_norm"),
            hp.Float("dropout", 0.0, 0.6),
            hp.Float("l2", 1e-6, 1e-2, sampling="log"),
            hp.Float("rate", 1e-4, 1e-1, sampling="log"),
        )

    with tempfile.TemporaryDirectory() as folder:
        tuner = kt.BayesianOptimization(
            model_of, "val_loss", trials, seed=seed, directory=folder, project_name="digits"
        )
        tuner.search(
            x,
            y,
            batch_size=BATCH,
            epochs=EPOCHS,
            validation_data=(x_val, y_val),
            callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE), Count()],
            verbose=0,
        )
        return float(tuner.oracle.get_best_trials(1)[0].score)


def optuna(trials: int, seed: int) -> float:
    """Optuna's TPE with MedianPruner."""
    import optuna as library

    library.logging.set_verbosity(library.logging.ERROR)
    data = digits(seed)

    class Prune(keras.callbacks.Callback):
        """Asks the pruner after every epoch."""

        def __init__(self, trial: Any) -> None:
            super().__init__()
            self._trial = trial

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self._trial.report(float((logs or {})["val_loss"]), epoch)
            if self._trial.should_prune():
                raise library.TrialPruned

    def objective(trial: Any) -> float:
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        model = build(
            trial.suggest_int("units", 16, 256),
            trial.suggest_categorical("batch_norm", [False, True]),
            trial.suggest_float("dropout", 0, 0.6),
            trial.suggest_float("l2", 1e-6, 1e-2, log=True),
            trial.suggest_float("rate", 1e-4, 1e-1, log=True),
        )
        return fit(model, data, (Prune(trial),))

    sampler = library.samplers.TPESampler(seed=seed)
    study = library.create_study(sampler=sampler, pruner=library.pruners.MedianPruner())
    study.optimize(objective, n_trials=trials)
    return float(study.best_value)


def kfold_script(trials: int, seed: int) -> float:
    """A loop over random points, each trained on 5 folds."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import StratifiedKFold, train_test_split

    x, y = load_digits(return_X_y=True)
    x, _, y, _ = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    scores = []
    for point in points(trials, seed):
        losses = []
        for training, validation in StratifiedKFold(5, shuffle=True, random_state=0).split(x, y):
            keras.backend.clear_session()
            keras.utils.set_random_seed(seed)
            losses.append(fit(build(*point), (*scaled(x[training], x[validation]), y[training], y[validation])))
        scores.append(float(np.mean(losses)))
    return min(scores)


def main() -> None:
    """Run one side."""
    sides = {"hyperopt": hyperopt, "keras_tuner": keras_tuner, "optuna": optuna, "kfold_script": kfold_script}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("side", choices=tuple(sides))
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began = time.perf_counter()
    best = sides[arguments.side](arguments.trials, arguments.seed)
    search = time.perf_counter() - began
    if arguments.side in ("hyperopt", "optuna"):
        best = best_fit[1]
    print(json.dumps({"best": best, "epochs": epochs_trained, "search": search}))


if __name__ == "__main__":
    main()
