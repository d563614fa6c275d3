"""Files of Keras' cache: found, damaged, missing, forged."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.errors import DataError
from dlrun.experiment.datasets.readers import keras_files, restricted_pickle
from dlrun.experiment.datasets.sources import mnist
from dlrun.experiment.datasets.sources.california_housing import CaliforniaHousing
from dlrun.experiment.datasets.sources.cifar import Cifar10
from dlrun.experiment.datasets.sources.mnist import FashionMnist, Mnist
from dlrun.experiment.datasets.sources.texts import Imdb, Reuters


@pytest.fixture
def small_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "_NUM_TRAIN", 20)
    monkeypatch.setattr(mnist, "_NUM_TEST", 10)


def pixels(num_images: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num_images, 28, 28)).astype(np.uint8)


def codes(num_images: int) -> np.ndarray:
    return (np.arange(num_images) % 10).astype(np.uint8)


def write_idx(path: Path, values: np.ndarray, header: bytes | None = None) -> None:
    path.parent.mkdir(exist_ok=True)
    own = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress((own if header is None else header) + values.tobytes()))


def test_mnist(keras_cache: Path, small_mnist: None) -> None:
    np.savez_compressed(
        keras_cache / "mnist.npz", x_train=pixels(20, 0), y_train=codes(20), x_test=pixels(10, 1), y_test=codes(10)
    )
    source = Mnist(limit=15)
    dataset = source.load()
    assert np.array_equal(dataset.x, np.concatenate([pixels(20, 0)[:15], pixels(10, 1)]))
    assert np.array_equal(dataset.y, np.concatenate([codes(15), codes(10)]))
    assert dataset.test_rows is not None
    assert dataset.test_rows.tolist() == list(range(15, 25))
    assert source.facts() == dataset.facts


def test_mnist_of_another_size_is_damaged(keras_cache: Path) -> None:
    np.savez(keras_cache / "mnist.npz", x_train=pixels(20, 0), y_train=codes(20), x_test=pixels(9, 1), y_test=codes(9))
    with pytest.raises(DataError, match=r"mnist\.npz' is damaged: it has no array x_train of 60,000 rows") as caught:
        Mnist().load()
    assert caught.value.remedy == "Delete the file, so that it is fetched again."


def test_idx_files(keras_cache: Path, small_mnist: None) -> None:
    folder = keras_cache / "fashion-mnist"
    for part, count in (("train", 20), ("t10k", 10)):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", pixels(count, count))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", codes(count))
    dataset = FashionMnist().load()
    assert np.array_equal(dataset.x, np.concatenate([pixels(20, 20), pixels(10, 10)]))
    assert dataset.class_names[9] == "Ankle boot"
    images = folder / "train-images-idx3-ubyte.gz"
    whole = images.read_bytes()
    for content in (b"no gzip", whole[: len(whole) // 2], gzip.compress(b"")):
        images.write_bytes(content)
        with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz' is damaged"):
            FashionMnist().load()
    write_idx(images, pixels(20, 0), struct.pack(">BBBBIII", 0, 0, 8, 3, 20, 7, 112))
    with pytest.raises(DataError, match=r"\[20, 7, 112\]"):
        FashionMnist().load()


@pytest.mark.parametrize(
    ("source", "files", "folder"),
    [
        (Mnist(), ["mnist.npz"], ""),
        (FashionMnist(), ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"], "fashion-mnist"),
        (Cifar10(), ["data_batch_1", "test_batch"], "cifar-10-batches-py-target/cifar-10-batches-py"),
        (Imdb(), ["imdb.npz"], ""),
        (Reuters(), ["reuters.npz"], ""),
        (CaliforniaHousing(), ["california_housing.npz"], ""),
    ],
)
def test_missing_files_are_named_with_their_place(
    keras_cache: Path, no_download: None, source: Any, files: list[str], folder: str
) -> None:
    with pytest.raises(DataError) as caught:
        source.load()
    for file in files:
        assert file in caught.value.message
    assert f"'{keras_cache / folder}'" in caught.value.message
    assert f"'{keras_cache / folder}'" in str(caught.value.remedy)
    assert "Name or service not known" in caught.value.message
    assert source.facts() is not None


def test_only_missing_files_are_named(keras_cache: Path, no_download: None) -> None:
    write_idx(keras_cache / "fashion-mnist" / "train-labels-idx1-ubyte.gz", codes(3))
    with pytest.raises(DataError) as caught:
        FashionMnist().load()
    assert "train-labels" not in caught.value.message


def test_a_fetched_file_is_read(keras_cache: Path, small_mnist: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(dataset: str) -> str:
        assert dataset == "mnist"
        arrays = {"x_train": pixels(20, 0), "y_train": codes(20), "x_test": pixels(10, 1), "y_test": codes(10)}
        np.savez(keras_cache / "mnist.npz", **arrays)
        return ""

    monkeypatch.setattr(keras_files, "_fetch", fetch)
    assert Mnist().load().num_rows == 30


def test_failed_download_is_reported_and_waits_are_bounded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import socket

    waits = []

    class Module:
        @staticmethod
        def load_data() -> None:
            sys.stdout.write("Downloading data from somewhere\n")
            waits.append(socket.getdefaulttimeout())
            raise Exception("URL fetch failure")

    monkeypatch.setattr(keras_files.importlib, "import_module", lambda name: Module)
    assert keras_files._fetch("mnist") == "URL fetch failure"
    assert waits == [20.0]
    assert socket.getdefaulttimeout() is None
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Downloading data from somewhere\n")


def test_folder_that_may_not_be_written_has_a_spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert keras_files._caches() == [tmp_path / "keras" / "datasets"]
    monkeypatch.setattr(keras_files.os, "access", lambda path, mode: path != tmp_path)
    first, spare = keras_files._caches()
    assert first == tmp_path / "keras" / "datasets"
    assert spare.parts[-2:] == (".keras", "datasets")


def test_default_folder_is_that_of_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keras_files._caches()[0] == tmp_path / ".keras" / "datasets"


def python_2_batch(data: np.ndarray, labels: list[int]) -> bytes:
    """Write what Python 2's pickle, protocol 2, makes of {"data": data, "labels": labels}."""

    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(value)) + value

    dtype = (
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    shape = b"M" + struct.pack("<H", data.shape[0]) + b"M" + struct.pack("<H", data.shape[1]) + b"\x86"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    state = b"(K\x01" + shape + dtype + b"\x89" + text(data.tobytes()) + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + state + text(b"labels") + numbers + b"u."


def test_pickles_of_python_2_are_read() -> None:
    data = np.random.default_rng(0).integers(0, 256, (3, 3072)).astype(np.uint8)
    found = restricted_pickle.load(io.BytesIO(python_2_batch(data, [7, 0, 3])))
    assert np.array_equal(found[b"data"], data)
    assert found[b"labels"] == [7, 0, 3]


class Trap:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Trap(os.system, "true")),
        pickle.dumps(Trap(eval, "1")),
        pickle.dumps(Trap(np.load, "x")),
        pickle.dumps(Trap(np.ndarray, (10**12,))),
        pickle.dumps({b"data": np.zeros(3)})[:-20],
        b"",
        b"\x80\x05N",
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nJ\xff\xff\xff\x7f\x85C\x01b\x87R.",
    ],
)
def test_forged_and_damaged_pickles_are_refused(content: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError):
        restricted_pickle.load(io.BytesIO(content))


def test_forged_batch_is_an_error_of_the_data(keras_cache: Path, cifar_batch: Any, write_pickle: Any) -> None:
    folder = keras_cache / "cifar-10-batches-py"
    for number in range(1, 6):
        write_pickle(folder / f"data_batch_{number}", Trap(os.system, "true"))
    write_pickle(folder / "test_batch", cifar_batch(10, 0))
    write_pickle(folder / "batches.meta", {b"label_names": []})
    with pytest.raises(DataError, match=r"data_batch_1' is damaged: it asks for (posix|nt)\.system, which is refused"):
        Cifar10().load()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({b"data": np.zeros((3, 3072), np.uint8), b"labels": [0, 1]}, "2 labels and an array of images of shape"),
        ({b"data": np.zeros((3, 9), np.uint8), b"labels": [0, 1, 2]}, r"shape \(3, 9\)"),
        ({b"data": 1, b"labels": [0]}, "no images with labels"),
        ([1], "it holds no mapping"),
        ({b"data": np.zeros((3, 3072), np.uint8), b"labels": [0, 1, 2]}, "15 of 50,000 images found"),
    ],
)
def test_batches_of_another_form(keras_cache: Path, write_pickle: Any, content: Any, message: str) -> None:
    folder = keras_cache / "cifar-10-batches-py"
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        write_pickle(folder / name, content)
    write_pickle(folder / "batches.meta", {b"label_names": [b"a"] * 10})
    with pytest.raises(DataError, match=message):
        Cifar10().load()


def test_texts_of_another_form(keras_cache: Path, word_lists: Any) -> None:
    np.savez(keras_cache / "reuters.npz", x=np.zeros((3, 2)), y=np.arange(3))
    with pytest.raises(DataError, match=r"reuters\.npz' is damaged"):
        Reuters().load()
    np.savez(keras_cache / "reuters.npz", x=word_lists(3, 0), y=np.arange(4))
    with pytest.raises(DataError, match=r"it holds 3 texts and labels of shape \(4,\)"):
        Reuters().load()
    np.savez(keras_cache / "reuters.npz", z=np.arange(4))
    with pytest.raises(DataError, match=r"reuters\.npz' is damaged"):
        Reuters().load()


def test_facts_of_texts(keras_cache: Path, word_lists: Any) -> None:
    reuters, imdb = Reuters(num_words=50).facts(), Imdb(encoding="sequences", length=80, limit=100).facts()
    assert reuters is not None
    assert (reuters.input_shape, reuters.num_rows, reuters.num_own_test_rows, reuters.num_outputs) == (
        (50,),
        11228,
        2246,
        46,
    )
    assert imdb is not None
    assert (imdb.input_kind, imdb.input_shape, imdb.num_rows, imdb.num_outputs) == ("tokens", (80,), 200, 1)


@pytest.mark.parametrize(
    "content",
    [
        b"]r\xff\xff\xff\x0f.",
        b"]p+99999999\n.",
        b"\x80\x04X\x01\x00\x00\x00ar\x00\x00\x00\x7f.",
        b"K\x01\x8c\x02xxr\0\0\0\x40.",
    ],
)
def test_a_memo_out_of_proportion_is_refused_before_memory_is_taken(content: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"place [\d,]+ in the memo"):
        restricted_pickle.load(io.BytesIO(content))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_is_read(protocol: int) -> None:
    value = [{"a": list(range(-300, 700)), b"c"[:0].decode(): 1.5, "text\n": None}, "é" * 300, 2**70, True, (1, (2, 3))]
    assert restricted_pickle.load(io.BytesIO(pickle.dumps(value, protocol))) == value
