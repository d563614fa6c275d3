"""Fixtures for the tests of datasets: small files in the forms that Keras caches."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def keras_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of Keras' datasets that KERAS_HOME leads to."""
    folder = tmp_path / "keras" / "datasets"
    folder.mkdir(parents=True)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return folder


@pytest.fixture
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer as Keras does where there is no network."""

    def refuse(dataset: str) -> str:
        return "URL fetch failure: None -- [Errno -2] Name or service not known"

    monkeypatch.setattr("dlrun.experiment.datasets.readers.keras_files._fetch", refuse)


@pytest.fixture
def word_lists() -> Callable[[int, int], np.ndarray]:
    """Make texts as imdb.npz holds them: an object array of lists of word ranks."""

    def make(num_texts: int, seed: int) -> np.ndarray:
        generator = np.random.default_rng(seed)
        texts = np.empty(num_texts, dtype=object)
        for row in range(num_texts):
            texts[row] = generator.integers(1, 60, size=generator.integers(1, 30)).tolist()
        return texts

    return make


@pytest.fixture
def cifar_batch() -> Callable[[int, int], dict[bytes, object]]:
    """Make the content of one of CIFAR's files."""

    def make(num_images: int, seed: int) -> dict[bytes, object]:
        generator = np.random.default_rng(seed)
        return {
            b"data": generator.integers(0, 256, (num_images, 3072), dtype=np.uint8),
            b"labels": generator.integers(0, 10, num_images).tolist(),
            b"fine_labels": generator.integers(0, 100, num_images).tolist(),
            b"coarse_labels": generator.integers(0, 20, num_images).tolist(),
        }

    return make


@pytest.fixture
def write_pickle() -> Callable[[Path, object], None]:
    """Write a pickle into a folder that may not exist yet."""

    def write(path: Path, content: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(content, protocol=4))

    return write
