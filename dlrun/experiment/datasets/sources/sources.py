"""DatasetSource: the union of all kinds of datasets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.base.settings import ByKind
from dlrun.experiment.datasets.sources.california_housing import CaliforniaHousing
from dlrun.experiment.datasets.sources.cifar import Cifar10, Cifar100
from dlrun.experiment.datasets.sources.csv import Csv
from dlrun.experiment.datasets.sources.memory import Memory
from dlrun.experiment.datasets.sources.mnist import FashionMnist, Mnist
from dlrun.experiment.datasets.sources.npz import Npz
from dlrun.experiment.datasets.sources.packaged import BreastCancer, Diabetes, Digits, Iris, Wine
from dlrun.experiment.datasets.sources.parquet import Parquet
from dlrun.experiment.datasets.sources.python import Python
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
