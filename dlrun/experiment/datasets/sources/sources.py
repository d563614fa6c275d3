"""DatasetSource: the union of all kinds of datasets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.base.settings import ByKind, members
from dlrun.experiment.datasets.sources.california_housing import CaliforniaHousing
from dlrun.experiment.datasets.sources.cifar import Cifar10, Cifar100
from dlrun.experiment.datasets.sources.csv import Csv
from dlrun.experiment.datasets.sources.memory import Memory
from dlrun.experiment.datasets.sources.mnist import FashionMnist, Mnist
from dlrun.experiment.datasets.sources.npz import Npz
from dlrun.experiment.datasets.sources.packaged import BreastCancer, Diabetes, Digits, Iris, Wine
from dlrun.experiment.datasets.sources.parquet import Parquet
from dlrun.experiment.datasets.sources.python import Python
from dlrun.experiment.datasets.sources.source import Source
from dlrun.experiment.datasets.sources.texts import Imdb, Reuters

DatasetSource = Annotated[
    Digits
    | Iris
    | Wine
    | BreastCancer
    | Diabetes
    | Mnist
    | FashionMnist
    | Cifar10
    | Cifar100
    | Imdb
    | Reuters
    | CaliforniaHousing
    | Npz
    | Csv
    | Parquet
    | Python
    # A new kind of dataset: one line above this one.
    | Memory,
    Field(discriminator="kind"),
    ByKind(),
]
"""Where the rows of an experiment come from."""


def kept_by_keras() -> dict[str, tuple[str, ...]]:
    """Map every dataset that Keras fetches to the files in its cache of which one tells that it is there."""
    sources = {kind: known for kind, known in members(DatasetSource).items() if issubclass(known, Source)}
    return {kind: source.kept_by_keras for kind, source in sources.items() if source.kept_by_keras}
