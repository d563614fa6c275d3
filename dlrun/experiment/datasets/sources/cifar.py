"""CIFAR-10 and CIFAR-100: 60,000 colour images of 32 by 32 pixels (A. Krizhevsky, 2009)."""

import pickle
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts
from dlrun.experiment.datasets.readers import restricted_pickle
from dlrun.experiment.datasets.readers.keras_files import cached_files, damaged
from dlrun.experiment.datasets.sources.source import Source
from dlrun.experiment.datasets.targets import encode

_SIDE = 32
_NUM_TRAIN, _NUM_TEST = 50_000, 10_000


class ColourImages(Source):
    """50,000 + 10,000 colour images of 32 by 32 pixels; the last 10,000 rows are the test part."""

    def load(self) -> Dataset:
        *train, test, meta = self._files()
        num_train, num_test = self.kept(_NUM_TRAIN), self.kept(_NUM_TEST)
        x = np.empty((num_train + num_test, _SIDE, _SIDE, 3), np.uint8)
        y = np.empty(num_train + num_test, np.int64)
        labels = f"{self._level()}labels".encode()
        _read_batches(train, labels, x[:num_train], y[:num_train])
        _read_batches([test], labels, x[num_train:], y[num_train:])
        targets = encode(y, self.task, ("class",), _names(meta, f"{self._level()}label_names".encode()))
        return targets.dataset(self.kind, "images", x, num_test=num_test)

    def facts(self) -> DatasetFacts | None:
        rows = (_NUM_TRAIN, _NUM_TEST)
        return self.known_facts("multiclass", "images", (_SIDE, _SIDE, 3), rows, self._num_classes())

    @abstractmethod
    def _level(self) -> str:
        """Return what stands before `labels` and `label_names` in the files."""

    @abstractmethod
    def _num_classes(self) -> int:
        """Return the number of classes."""

    @abstractmethod
    def _files(self) -> list[Path]:
        """Return the training batches, the test batch and the file of names."""


class Cifar10(ColourImages):
    """Ten kinds of animals and vehicles."""

    kind: Literal["cifar10"] = "cifar10"
    kept_by_keras: ClassVar[tuple[str, ...]] = (
        "cifar-10-batches-py-target/cifar-10-batches-py/data_batch_1",
        "cifar-10-batches-py/data_batch_1",
    )

    def _level(self) -> str:
        return ""

    def _num_classes(self) -> int:
        return 10

    def _files(self) -> list[Path]:
        inner = "cifar-10-batches-py"
        names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"]
        return cached_files("cifar10", names, [f"{inner}-target/{inner}", inner])


class Cifar100(ColourImages):
    """A hundred kinds of things, grouped into twenty."""

    kind: Literal["cifar100"] = "cifar100"
    kept_by_keras: ClassVar[tuple[str, ...]] = (
        "cifar-100-python-target/cifar-100-python/train",
        "cifar-100-python/train",
    )

    labels: Literal["fine", "coarse"] = "fine"
    """`fine` for the 100 classes, `coarse` for the 20 groups."""

    def _level(self) -> str:
        return f"{self.labels}_"

    def _num_classes(self) -> int:
        return 100 if self.labels == "fine" else 20

    def _files(self) -> list[Path]:
        inner = "cifar-100-python"
        return cached_files("cifar100", ["train", "test", "meta"], [f"{inner}-target/{inner}", inner])


def _read_batches(paths: list[Path], label_key: bytes, x: NDArray[Any], y: NDArray[Any]) -> None:
    filled = 0
    for path in paths:
        if filled == len(x):
            break
        batch = _unpickle(path)
        pixels, labels = batch.get(b"data"), batch.get(label_key)
        if not isinstance(pixels, np.ndarray) or not isinstance(labels, list):
            raise damaged(path, "it holds no images with labels")
        if pixels.shape != (len(labels), 3 * _SIDE * _SIDE):
            raise damaged(path, f"it holds {len(labels):,} labels and an array of images of shape {pixels.shape}")
        here = min(len(pixels), len(x) - filled)
        # The file holds all red values of an image, then all green, then all blue ones.
        x[filled : filled + here] = pixels[:here].reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)
        y[filled : filled + here] = labels[:here]
        filled += here
    if filled < len(x):
        raise damaged(paths[-1], f"{filled:,} of {len(x):,} images found")


def _names(path: Path, key: bytes) -> tuple[str, ...]:
    names = _unpickle(path).get(key)
    if not isinstance(names, list):
        raise damaged(path, f"it holds no {key.decode()}")
    return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names)


def _unpickle(path: Path) -> dict[bytes, Any]:
    try:
        with path.open("rb") as stream:
            content = restricted_pickle.load(stream)
    except (OSError, pickle.UnpicklingError) as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise damaged(path, "it holds no mapping")
    return content
