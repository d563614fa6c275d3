"""IMDB and Reuters: texts as lists of word numbers, most frequent words first.

The numbers are those of `keras.datasets`: 0 is padding, 1 the start of a text, 2 a word that is not among the
`num_words` kept, and a word of rank r is r + 3. Rows come in the order in which `keras.datasets` gives them.
"""

import pickle
import zipfile
from abc import abstractmethod
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts, InputKind, Task
from dlrun.experiment.datasets.readers import restricted_pickle
from dlrun.experiment.datasets.readers.keras_files import cached_files, damaged
from dlrun.experiment.datasets.readers.npz_reader import Archive
from dlrun.experiment.datasets.sources.source import Source
from dlrun.experiment.datasets.targets import encode

_START, _UNKNOWN, _OFFSET = 1, 2, 3
_SHUFFLE_SEED = 113

Lists = Sequence[Sequence[int]]

_TOPICS = (
    "cocoa",
    "grain",
    "veg-oil",
    "earn",
    "acq",
    "wheat",
    "copper",
    "housing",
    "money-supply",
    "coffee",
    "sugar",
    "trade",
    "reserves",
    "ship",
    "cotton",
    "carcass",
    "crude",
    "nat-gas",
    "cpi",
    "money-fx",
    "interest",
    "gnp",
    "meal-feed",
    "alum",
    "oilseed",
    "gold",
    "tin",
    "strategic-metal",
    "livestock",
    "retail",
    "ipi",
    "iron-steel",
    "rubber",
    "heat",
    "jobs",
    "lei",
    "bop",
    "zinc",
    "orange",
    "pet-chem",
    "dlr",
    "gas",
    "silver",
    "wpi",
    "hog",
    "lead",
)


class Texts(Source):
    """Texts as lists of word numbers."""

    of_inputs: ClassVar[frozenset[str]] = Source.of_inputs | {"num_words", "length", "encoding"}

    num_words: int = Field(10_000, ge=4)
    """Numbers to tell apart, padding, start and unknown included: the most frequent words are kept."""

    encoding: Literal["multi_hot", "sequences"] = "multi_hot"
    """`multi_hot`: one 0/1 indicator a word, of shape (rows, num_words); `sequences`: word numbers of shape (rows,
    length)."""

    length: int = Field(256, ge=1)
    """Length of the sequences: longer texts lose their beginning, shorter ones are padded with 0 in front."""

    own_task: ClassVar[Task]
    own_rows: ClassVar[tuple[int, int]]
    class_names: ClassVar[tuple[str, ...]]

    def load(self) -> Dataset:
        parts = self._read()
        num_train, num_test = (self.kept(len(texts)) for texts, _ in parts)
        x = np.zeros((num_train + num_test, *self._row_shape), np.uint8 if self.encoding == "multi_hot" else np.int32)
        first = 0
        for texts, _ in parts:
            kept = self.kept(len(texts))
            self._encode_texts(texts[:kept], x[first : first + kept])
            first += kept
        y = np.concatenate([labels[: self.kept(len(labels))] for _, labels in parts])
        targets = encode(y, self.task, ("class",), self.class_names)
        return targets.dataset(self.kind, self._input_kind, x, num_test=num_test)

    def facts(self) -> DatasetFacts | None:
        num_outputs = 1 if self.own_task == "binary" else len(self.class_names)
        return self.known_facts(self.own_task, self._input_kind, self._row_shape, self.own_rows, num_outputs)

    @property
    def _input_kind(self) -> InputKind:
        return "indicators" if self.encoding == "multi_hot" else "tokens"

    @property
    def _row_shape(self) -> tuple[int]:
        return (self.num_words if self.encoding == "multi_hot" else self.length,)

    @abstractmethod
    def _read(self) -> list[tuple[Lists, NDArray[Any]]]:
        """Return texts and labels of the training and of the test part, in the order of `keras.datasets`."""

    def _encode_texts(self, texts: Lists, out: NDArray[Any]) -> None:
        """Write texts into zeros of shape (texts, num_words) or (texts, length)."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
        ends = np.cumsum(lengths)
        words = np.empty(int(lengths.sum()), np.int64)
        is_start = np.zeros(len(words), bool)
        is_start[ends - lengths] = True
        words[is_start] = _START
        words[~is_start] = np.fromiter(chain.from_iterable(texts), np.int64, len(words) - len(texts)) + _OFFSET
        words[words >= self.num_words] = _UNKNOWN
        rows = np.repeat(np.arange(len(texts)), lengths)
        if self.encoding == "multi_hot":
            out[rows, words] = 1
            return
        from_end = np.repeat(ends, lengths) - np.arange(len(words))
        fits = from_end <= self.length
        out[rows[fits], self.length - from_end[fits]] = words[fits]


class Imdb(Texts):
    """50,000 film reviews, negative or positive (A. Maas et al., 2011); 25,000 of them are the test part."""

    kind: Literal["imdb"] = "imdb"
    kept_by_keras: ClassVar[tuple[str, ...]] = ("imdb.npz",)

    own_task = "binary"
    own_rows = (25_000, 25_000)
    class_names = ("negative", "positive")

    def _read(self) -> list[tuple[Lists, NDArray[Any]]]:
        (path,) = cached_files("imdb", self.kept_by_keras)
        with Archive(path) as archive:
            parts = [(_texts(path, f"x_{part}"), archive.read(f"y_{part}")) for part in ("train", "test")]
        order = np.random.RandomState(_SHUFFLE_SEED)
        return [_shuffled(texts, labels, order, path) for texts, labels in parts]


class Reuters(Texts):
    """11,228 newswires on 46 topics (D. Lewis, 1987); the last fifth of them is the test part, as in Keras."""

    kind: Literal["reuters"] = "reuters"
    kept_by_keras: ClassVar[tuple[str, ...]] = ("reuters.npz",)

    own_task = "multiclass"
    own_rows = (8_982, 2_246)
    class_names = _TOPICS

    def _read(self) -> list[tuple[Lists, NDArray[Any]]]:
        (path,) = cached_files("reuters", self.kept_by_keras)
        with Archive(path) as archive:
            texts, labels = _texts(path, "x"), archive.read("y")
        order = np.random.RandomState(_SHUFFLE_SEED)
        texts, labels = _shuffled(texts, labels, order, path)
        first_test = int(len(texts) * (1 - 0.2))
        return [(texts[:first_test], labels[:first_test]), (texts[first_test:], labels[first_test:])]


def _shuffled(
    texts: Lists, labels: NDArray[Any], order: "np.random.RandomState", path: Path
) -> tuple[Lists, NDArray[Any]]:
    if len(texts) != len(labels) or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise damaged(path, f"it holds {len(texts):,} texts and labels of shape {labels.shape}")
    rows = np.arange(len(texts))
    order.shuffle(rows)
    return [texts[row] for row in rows.tolist()], labels[rows]


def _texts(path: Path, name: str) -> Lists:
    """Read an array of lists, which NumPy can only keep as a pickle."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as stream:
            if np.lib.format.read_magic(stream) == (1, 0):
                np.lib.format.read_array_header_1_0(stream)
            else:
                np.lib.format.read_array_header_2_0(stream)
            texts = restricted_pickle.load(stream)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise damaged(path, error) from error
    if not isinstance(texts, np.ndarray) or texts.ndim != 1 or not all(isinstance(text, list) for text in texts):
        raise damaged(path, f"'{name}' holds no lists of word numbers")
    return list(texts)
