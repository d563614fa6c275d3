"""Keras' start of separable convolutions against dlrun's, on the net of X12 and Fashion-MNIST.

    python tests/benchmarks/separable_start.py [--images 12000] [--epochs 3] [--seeds 0 1]

Prints, for each start and seed, the spread of the last feature maps before training, the validation accuracy after
each epoch and the test accuracy. Keras finds or downloads the images; KERAS_HOME says where they are kept.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = (32, 64, None, 64, 128, None, 64, 128)
"""Filters of X12's separable convolutions; None stands for pooling."""


@dataclass(frozen=True)
class Images:
    """Images of shape (rows, 28, 28) as bytes, and their classes."""

    x: NDArray[np.uint8]
    y: NDArray[np.uint8]
    test_x: NDArray[np.uint8]
    test_y: NDArray[np.uint8]


def main() -> None:
    """Train the net with both starts and print a table."""
    arguments = parse()
    images = load(arguments.images)
    show(f"{'start':<8}{'seed':>5}{'spread':>10}{'seconds':>9}  {'validation accuracy by epoch':<31}test accuracy")
    for initializer in ("keras", "auto"):
        for seed in arguments.seeds:
            show(row(initializer, seed, images, arguments))


def show(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--images", type=int, default=12_000, help="training images, a fifth of them for validation")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    return parser.parse_args()


def load(num_images: int) -> Images:
    """Load the first images of Fashion-MNIST and all of its test images."""
    kept = ROOT.parent / "shared" / "datasets" / "keras"
    if kept.is_dir():
        os.environ.setdefault("KERAS_HOME", str(kept))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    (x, y), (test_x, test_y) = keras.datasets.fashion_mnist.load_data()
    return Images(x[:num_images], y[:num_images], test_x, test_y)


def row(initializer: str, seed: int, images: Images, arguments: argparse.Namespace) -> str:
    """Train the net once and return its row of the table."""
    import keras

    keras.utils.set_random_seed(seed)
    model = build(initializer)
    features = keras.Model(model.input, model.get_layer("global_average_pooling2d_8").input)
    spread = float(np.std(features(images.x[:64])))
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    started = time.perf_counter()
    history = model.fit(
        images.x,
        images.y,
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        validation_split=0.2,
        verbose=0,
    ).history
    seconds = time.perf_counter() - started
    accuracies = " ".join(f"{value:.4f}" for value in history["val_accuracy"])
    test = model.evaluate(images.test_x, images.test_y, batch_size=500, verbose=0, return_dict=True)["accuracy"]
    return f"{initializer:<8}{seed:>5}{spread:>10.1e}{seconds:>9.1f}  {accuracies:<31}{test:.4f}"


def build(initializer: str) -> keras.Model:
    """Build X12's net for images of 28 by 28 pixels."""
    sys.path.insert(0, str(ROOT))
    from dlrun.experiment.datasets.inputs import InputForm
    from dlrun.experiment.models.network.network import Network, OutputHead

    layers: list[Any] = [
        "max_pooling2d"
        if filters is None
        else {"separable_conv2d": {"filters": filters, "padding": "same", "initializer": initializer}}
        for filters in WIDTHS
    ]
    network = Network.model_validate({"layers": [*layers, "global_average_pooling2d", {"dense": 32}]})
    return network.build(InputForm.one((28, 28), "uint8", 1 / 255), OutputHead(10, "softmax"))


if __name__ == "__main__":
    main()
