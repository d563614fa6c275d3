"""The small tables that come with scikit-learn.

Their files are read without importing scikit-learn, which takes longer than everything else that `dlrun check` does.
The layout of the files is described in `sklearn/datasets/_base.py`.
"""

import gzip
import io
from abc import abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts, InputKind, Task
from dlrun.experiment.datasets.sources.source import Source
from dlrun.experiment.datasets.targets import encode


class Packaged(Source):
    """A table that comes with scikit-learn."""

    own_task: ClassVar[Task]
    own_shape: ClassVar[tuple[int, int]]
    """Rows and columns."""
    class_names: ClassVar[tuple[str, ...] | None] = None
    feature_names: ClassVar[tuple[str, ...]]

    def load(self) -> Dataset:
        x, y = self._read()
        keep = self.kept(len(y))
        targets = encode(y[:keep], self.task, ("target",), self.class_names)
        names = self.feature_names if self._input_kind == "features" else ()
        return targets.dataset(self.kind, self._input_kind, self._shaped(x[:keep]), feature_names=names)

    def facts(self) -> DatasetFacts | None:
        rows, columns = self.own_shape
        shape = self._shaped(np.empty((1, columns), np.float32)).shape[1:]
        num_outputs = len(self.class_names) if self.class_names and self.own_task == "multiclass" else 1
        return self.known_facts(self.own_task, self._input_kind, shape, (rows, 0), num_outputs)

    @property
    def _input_kind(self) -> InputKind:
        return "features"

    def _shaped(self, x: NDArray[Any]) -> NDArray[Any]:
        return x

    @abstractmethod
    def _read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return inputs of shape (rows, columns) and targets of shape (rows,)."""


class Digits(Packaged):
    """1,797 handwritten digits of 8 by 8 pixels with values from 0 to 16 (E. Alpaydin and C. Kaynak, 1998)."""

    kind: Literal["digits"] = "digits"

    of_inputs: ClassVar[frozenset[str]] = Packaged.of_inputs | {"as_images"}

    as_images: bool = False
    """Give images of shape (8, 8, 1) instead of 64 features."""

    own_task = "multiclass"
    own_shape = (1797, 64)
    class_names = tuple("0123456789")
    feature_names = tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8))

    @property
    def _input_kind(self) -> InputKind:
        return "images" if self.as_images else "features"

    def _shaped(self, x: NDArray[Any]) -> NDArray[Any]:
        return x.reshape(-1, 8, 8, 1) if self.as_images else x

    def _read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        table = _table("digits.csv.gz", np.float32)
        return table[:, :-1], table[:, -1].astype(np.int64)


class Iris(Packaged):
    """150 irises of three species, four lengths each (R. A. Fisher, 1936)."""

    kind: Literal["iris"] = "iris"

    own_task = "multiclass"
    own_shape = (150, 4)
    class_names = ("setosa", "versicolor", "virginica")
    feature_names = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")

    def _read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        return _labelled("iris.csv")


class Wine(Packaged):
    """178 wines of three cultivars, thirteen chemical measurements each (M. Forina et al., 1988)."""

    kind: Literal["wine"] = "wine"

    own_task = "multiclass"
    own_shape = (178, 13)
    class_names = ("class_0", "class_1", "class_2")
    feature_names = (
        "alcohol",
        "malic_acid",
        "ash",
        "alcalinity_of_ash",
        "magnesium",
        "total_phenols",
        "flavanoids",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "color_intensity",
        "hue",
        "od280/od315_of_diluted_wines",
        "proline",
    )

    def _read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        return _labelled("wine_data.csv")


_CELL_MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)


class BreastCancer(Packaged):
    """569 tumours, malignant or benign, thirty measurements of cell nuclei each (W. Street et al., 1993)."""

    kind: Literal["breast_cancer"] = "breast_cancer"

    own_task = "binary"
    own_shape = (569, 30)
    class_names = ("malignant", "benign")
    feature_names = (
        *(f"mean {measure}" for measure in _CELL_MEASURES),
        *(f"{measure} error" for measure in _CELL_MEASURES),
        *(f"worst {measure}" for measure in _CELL_MEASURES),
    )

    def _read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        return _labelled("breast_cancer.csv")


class Diabetes(Packaged):
    """442 patients, ten measurements each, and the progression of the disease after a year (B. Efron et al., 2004).

    The measurements are in their original units: scikit-learn's default scales them with all rows, test rows included.
    """

    kind: Literal["diabetes"] = "diabetes"

    own_task = "regression"
    own_shape = (442, 10)
    feature_names = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")

    def _read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        x = _table("diabetes_data_raw.csv.gz", np.float64, delimiter=None)
        return x, _table("diabetes_target.csv.gz", np.float64)[:, 0]


def _labelled(file: str) -> tuple[NDArray[Any], NDArray[Any]]:
    table = _table(file, np.float64, skip=1)
    return table[:, :-1], table[:, -1].astype(np.int64)


def _table(file: str, dtype: type[np.floating[Any]], *, delimiter: str | None = ",", skip: int = 0) -> NDArray[Any]:
    content = _packaged_file(file).read_bytes()
    text = gzip.decompress(content) if file.endswith(".gz") else content
    return np.loadtxt(io.BytesIO(text), dtype, delimiter=delimiter, skiprows=skip, ndmin=2)


def _packaged_file(file: str) -> Path:
    package = find_spec("sklearn")
    places = list(package.submodule_search_locations or ()) if package else []
    for place in places:
        path = Path(place, "datasets", "data", file)
        if path.is_file():
            return path
    raise DataError(
        f"scikit-learn's file datasets/data/{file} is not there",
        remedy="Install scikit-learn, or another version of it: pip install 'scikit-learn<2'",
    )
