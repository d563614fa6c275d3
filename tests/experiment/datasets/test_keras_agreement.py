"""What is read from Keras' cache is what Keras itself reads there."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.experiment.datasets.sources.california_housing import CaliforniaHousing
from dlrun.experiment.datasets.sources.cifar import Cifar10, Cifar100
from dlrun.experiment.datasets.sources.mnist import FashionMnist
from dlrun.experiment.datasets.sources.texts import Imdb, Reuters

Parts = tuple[tuple[Any, Any], tuple[Any, Any]]


@pytest.fixture
def by_keras(keras_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Parts]:
    """Load a dataset with Keras, which takes the files of the cache without comparing checksums."""

    def load(name: str, **options: Any) -> Parts:
        module = importlib.import_module(f"keras.src.datasets.{name}")
        monkeypatch.setattr(
            module, "get_file", lambda fname=None, path=None, **rest: str(keras_cache / (fname or path))
        )
        parts: Parts = module.load_data(**options)
        return parts

    return load


def assert_parts(dataset: Any, x: tuple[Any, Any], y: tuple[Any, Any]) -> None:
    assert np.array_equal(dataset.x, np.concatenate(x))
    assert np.array_equal(dataset.y.ravel(), np.concatenate(y).ravel())
    assert dataset.test_rows.tolist() == list(range(len(x[0]), len(x[0]) + len(x[1])))


@pytest.mark.parametrize("num_words", [10, 40])
def test_imdb(keras_cache: Path, by_keras: Any, word_lists: Any, num_words: int) -> None:
    labels = np.arange(40) % 2
    np.savez(
        keras_cache / "imdb.npz",
        x_train=word_lists(40, 1),
        y_train=labels,
        x_test=word_lists(30, 2),
        y_test=labels[:30],
    )
    (x_train, y_train), (x_test, y_test) = by_keras("imdb", num_words=num_words)

    def multi_hot(texts: Any) -> Any:
        rows = np.zeros((len(texts), num_words), np.uint8)
        for row, text in enumerate(texts):
            rows[row, text] = 1
        return rows

    dataset = Imdb(num_words=num_words).load()
    assert_parts(dataset, (multi_hot(x_train), multi_hot(x_test)), (y_train, y_test))
    assert (dataset.input_kind, dataset.task, dataset.class_names[1]) == ("indicators", "binary", "positive")


@pytest.mark.parametrize("length", [5, 100])
def test_reuters(keras_cache: Path, by_keras: Any, word_lists: Any, length: int) -> None:
    from keras.src.datasets.reuters import get_label_names
    from keras.utils import pad_sequences

    np.savez(keras_cache / "reuters.npz", x=word_lists(57, 3), y=np.arange(57) % 46)
    (x_train, y_train), (x_test, y_test) = by_keras("reuters", num_words=30)
    dataset = Reuters(num_words=30, encoding="sequences", length=length).load()
    assert_parts(
        dataset, (pad_sequences(x_train, maxlen=length), pad_sequences(x_test, maxlen=length)), (y_train, y_test)
    )
    assert dataset.x.dtype == np.int32
    assert dataset.class_names == get_label_names()


@pytest.mark.parametrize("version", ["large", "small"])
def test_california_housing(keras_cache: Path, by_keras: Any, version: Any) -> None:
    generator = np.random.default_rng(0)
    np.savez(
        keras_cache / "california_housing.npz", x=generator.normal(size=(20640, 8)), y=generator.normal(size=20640)
    )
    (x_train, y_train), (x_test, y_test) = by_keras("california_housing", version=version)
    source = CaliforniaHousing(version=version)
    dataset = source.load()
    assert_parts(dataset, (x_train, x_test), (y_train, y_test))
    assert source.facts() == dataset.facts


def test_cifar10(keras_cache: Path, by_keras: Any, cifar_batch: Any, write_pickle: Any) -> None:
    folder = keras_cache / "cifar-10-batches-py-target" / "cifar-10-batches-py"
    write_pickle(folder / "data_batch_1", cifar_batch(10_000, 1))
    write_pickle(folder / "data_batch_2", cifar_batch(10_000, 2))
    for name, same in (("data_batch_3", 2), ("data_batch_4", 1), ("data_batch_5", 1), ("test_batch", 2)):
        (folder / name).hardlink_to(folder / f"data_batch_{same}")
    write_pickle(folder / "batches.meta", {b"label_names": [f"kind {code}".encode() for code in range(10)]})
    (x_train, y_train), (x_test, y_test) = by_keras("cifar10")
    source = Cifar10()
    dataset = source.load()
    assert_parts(dataset, (x_train, x_test), (y_train, y_test))
    assert source.facts() == dataset.facts
    assert dataset.class_names[3] == "kind 3"


@pytest.mark.parametrize("labels", ["fine", "coarse"])
def test_cifar100(keras_cache: Path, by_keras: Any, cifar_batch: Any, write_pickle: Any, labels: Any) -> None:
    folder = keras_cache / "cifar-100-python-target" / "cifar-100-python"
    write_pickle(folder / "train", cifar_batch(300, 1))
    write_pickle(folder / "test", cifar_batch(200, 2))
    names = {b"fine_label_names": [b"fine"] * 100, b"coarse_label_names": [b"coarse"] * 20}
    write_pickle(folder / "meta", names)
    (x_train, y_train), (x_test, y_test) = by_keras("cifar100", label_mode=labels)
    source = Cifar100(labels=labels, limit=150)
    dataset = source.load()
    assert_parts(dataset, (x_train[:150], x_test[:150]), (y_train[:150], y_test[:150]))
    assert source.facts() == dataset.facts


def test_fashion_mnist(datasets_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = datasets_folder / "keras" / "datasets" / "fashion-mnist"
    if not folder.is_dir():
        pytest.skip("Fashion-MNIST is not here")
    monkeypatch.setenv("KERAS_HOME", str(datasets_folder / "keras"))
    module = importlib.import_module("keras.src.datasets.fashion_mnist")
    monkeypatch.setattr(module, "get_file", lambda fname, **rest: str(folder / fname))
    (x_train, y_train), (x_test, y_test) = module.load_data()
    source = FashionMnist()
    dataset = source.load()
    assert_parts(dataset, (x_train, x_test), (y_train, y_test))
    assert source.facts() == dataset.facts
