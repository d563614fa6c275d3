"""MNIST and Fashion-MNIST: 70,000 grey images of 28 by 28 pixels in ten classes."""

import zlib
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts
from dlrun.experiment.datasets.readers.keras_files import cached_files, damaged
from dlrun.experiment.datasets.readers.npz_reader import Archive
from dlrun.experiment.datasets.sources.source import Source
from dlrun.experiment.datasets.targets import encode

_NUM_TRAIN, _NUM_TEST = 60_000, 10_000
_SIDE = 28
_PIECE = 2**16


class GreyImages(Source):
    """60,000 + 10,000 grey images of 28 by 28 pixels; the last 10,000 rows are the test part."""

    class_names: ClassVar[tuple[str, ...]]

    def load(self) -> Dataset:
        num_train, num_test = self.kept(_NUM_TRAIN), self.kept(_NUM_TEST)
        x = np.empty((num_train + num_test, _SIDE, _SIDE), np.uint8)
        y = np.empty(num_train + num_test, np.uint8)
        self._read((x[:num_train], x[num_train:]), (y[:num_train], y[num_train:]))
        targets = encode(y, self.task, ("class",), self.class_names)
        return targets.dataset(self.kind, "images", x, num_test=num_test)

    def facts(self) -> DatasetFacts | None:
        return self.known_facts("multiclass", "images", (_SIDE, _SIDE), (_NUM_TRAIN, _NUM_TEST), 10)

    @abstractmethod
    def _read(self, images: tuple[NDArray[Any], NDArray[Any]], labels: tuple[NDArray[Any], NDArray[Any]]) -> None:
        """Fill the first rows of the training and the test part."""


class Mnist(GreyImages):
    """Handwritten digits (Y. LeCun et al., 1998)."""

    kind: Literal["mnist"] = "mnist"
    kept_by_keras: ClassVar[tuple[str, ...]] = ("mnist.npz",)

    class_names = tuple("0123456789")

    def _read(self, images: tuple[NDArray[Any], NDArray[Any]], labels: tuple[NDArray[Any], NDArray[Any]]) -> None:
        (path,) = cached_files("mnist", self.kept_by_keras)
        with Archive(path) as archive:
            for part, name, num_rows in ((0, "train", _NUM_TRAIN), (1, "test", _NUM_TEST)):
                for key, out in ((f"x_{name}", images[part]), (f"y_{name}", labels[part])):
                    if key not in archive.names or archive.header(key).shape != (num_rows, *out.shape[1:]):
                        raise damaged(path, f"it has no array {key} of {num_rows:,} rows")
                    archive.read_into(key, out)


class FashionMnist(GreyImages):
    """Articles of clothing (H. Xiao et al., 2017)."""

    kind: Literal["fashion_mnist"] = "fashion_mnist"
    kept_by_keras: ClassVar[tuple[str, ...]] = ("fashion-mnist/train-images-idx3-ubyte.gz",)

    class_names = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )

    def _read(self, images: tuple[NDArray[Any], NDArray[Any]], labels: tuple[NDArray[Any], NDArray[Any]]) -> None:
        files = [f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]
        paths = cached_files("fashion_mnist", files, ["fashion-mnist"])
        for path, out in zip(paths, (images[0], labels[0], images[1], labels[1]), strict=True):
            _read_idx(path, out)


def _read_idx(path: Path, out: NDArray[Any]) -> None:
    """Unpack the first rows of a gzipped IDX file straight into an array of bytes.

    The format (of the MNIST home page): two zero bytes, the type, the number of axes, the axes as big-endian 32-bit
    numbers, the values.
    """
    num_header = 4 + 4 * out.ndim
    target = out.reshape(-1)
    header = bytearray()
    filled = 0
    unpack = zlib.decompressobj(wbits=31)
    try:
        with path.open("rb") as file:
            # Small pieces keep the unpacked text in the processor's cache: as fast as unpacking all at once.
            while filled < len(target) and (packed := file.read(_PIECE)):
                piece = unpack.decompress(packed)
                missing = num_header - len(header)
                header += piece[:missing]
                values = np.frombuffer(piece, np.uint8)[max(missing, 0) :][: len(target) - filled]
                target[filled : filled + len(values)] = values
                filled += len(values)
    except (OSError, zlib.error) as error:
        raise damaged(path, error) from error
    axes = np.frombuffer(bytes(header[4:]), ">u4").tolist() if len(header) == num_header else []
    if filled < len(target) or header[:3] != b"\0\0\x08" or axes[1:] != list(out.shape[1:]):
        raise damaged(path, f"its header is {bytes(header[:4])!r} {axes}, {filled:,} of {len(target):,} values read")
