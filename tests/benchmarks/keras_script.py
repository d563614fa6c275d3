"""The other side of `train_vs_keras.py`: what a careful Keras user writes for the same jobs.

The same network, rows, batch size and epochs; EarlyStopping and ModelCheckpoint on the validation loss; the test set
evaluated once with the best weights. Prints one JSON object with the wall time of each epoch, callbacks included.

Usage: python keras_script.py {digits,dense,separable} [--jit]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers


def digits() -> tuple[Any, ...]:
    """Return the digits, 60/20/20 and stratified, as scikit-learn's users split them."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    x, x_val, y, y_val = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    parts = [(part - mean) / np.where(deviation == 0, 1, deviation) for part in (x, x_val, x_test)]
    x, x_val, x_test = (part.astype("float32") for part in parts)
    return x, y, x_val, y_val, x_test, y_test


def fashion(limit: int | None) -> tuple[Any, ...]:
    """Return Fashion-MNIST with a fifth of the training images for validation."""
    (x, y), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
    x, y = x[:limit].astype("float32") / 255, y[:limit]
    x_test = x_test.astype("float32") / 255
    order = np.random.default_rng(0).permutation(len(x))
    cut = len(x) // 5
    held, kept = order[:cut], order[cut:]
    return x[kept], y[kept], x[held], y[held], x_test, y_test


def separable() -> keras.Model:
    """Return the separable network of X12 for 28 x 28 images, with a start that trains."""
    inputs = keras.Input((28, 28, 1))
    x = inputs
    for filters, pool in ((32, False), (64, True), (64, False), (128, True), (64, False), (128, False)):
        x = layers.SeparableConv2D(
            filters,
            3,
            padding="same",
            activation="relu",
            depthwise_initializer=keras.initializers.RandomNormal(stddev=1 / 3),
            pointwise_initializer="he_normal",
        )(x)
        x = layers.MaxPooling2D(2)(x) if pool else x
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(32, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


class Stopwatch(keras.callbacks.Callback):
    """Measures from the beginning of an epoch to the beginning of the next, so that callbacks count."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.times.append(time.perf_counter())

    def on_train_end(self, logs: Any = None) -> None:
        self.times.append(time.perf_counter())


def main() -> None:
    """Run one job."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", choices=("digits", "dense", "separable"))
    parser.add_argument("--jit", action="store_true", help="let XLA compile the separable network, Keras' default")
    job = parser.parse_args()
    keras.utils.set_random_seed(42)
    if job.job == "digits":
        data, epochs, batch = digits(), 30, 32
        hidden = [layers.Dense(64, activation="relu")]
        model = keras.Sequential([keras.Input((64,)), *hidden, layers.Dense(10, activation="softmax")])
    elif job.job == "dense":
        data, epochs, batch = fashion(None), 10, 128
        hidden = [layers.Flatten(), layers.Dense(512, activation="relu")]
        model = keras.Sequential([keras.Input((28, 28)), *hidden, layers.Dense(10, activation="softmax")])
    else:
        data, epochs, batch = fashion(12_000), 3, 64
        data = tuple(part[..., None] if part.ndim == 3 else part for part in data)
        model = separable()
    jit = "auto" if job.job != "separable" or job.jit else False
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=jit)
    x, y, x_val, y_val, x_test, y_test = data
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        callbacks = [
            keras.callbacks.EarlyStopping("val_loss", patience=epochs, restore_best_weights=True),
            keras.callbacks.ModelCheckpoint(Path(folder) / "best.keras", save_best_only=True),
            watch,
        ]
        model.fit(
            x,
            y,
            batch_size=batch,
            epochs=epochs,
            validation_data=(x_val, y_val),
            callbacks=callbacks,
            verbose=0,
        )
        scores = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    epochs_seconds = np.diff(watch.times).tolist()
    print(json.dumps({"epoch_seconds": epochs_seconds, "test": scores}))


if __name__ == "__main__":
    main()
