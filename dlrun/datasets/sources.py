"""DatasetSource: the union of all kinds of datasets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.datasets.california_housing import CaliforniaHousing
from dlrun.datasets.cifar import Cifar10, Cifar100
from dlrun.datasets.csv import Csv
from dlrun.datasets.memory import Memory
from dlrun.datasets.mnist import FashionMnist, Mnist
from dlrun.datasets.npz import Npz
from dlrun.datasets.packaged import BreastCancer, Diabetes, Digits, Iris, Wine
from dlrun.datasets.parquet import Parquet
from dlrun.datasets.python import Python
from dlrun.datasets.texts import Imdb, Reuters
from dlrun.settings import ByKind

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
    | Memory,
    Field(discriminator="kind"),
    ByKind(),
]
"""Where the rows of an experiment come from."""
