"""California housing: what houses cost in the census block groups of 1990 (R. Pace and R. Barry, 1997)."""

from typing import ClassVar, Literal

import numpy as np

from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts
from dlrun.experiment.datasets.readers.keras_files import cached_files, damaged
from dlrun.experiment.datasets.readers.npz_reader import Archive
from dlrun.experiment.datasets.sources.source import Source
from dlrun.experiment.datasets.targets import encode

_SHUFFLE_SEED = 113
_NUM_ROWS = {"large": 20_640, "small": 600}


class CaliforniaHousing(Source):
    """Median house values in dollars, eight features each; the last fifth of the rows is the test part, as in Keras."""

    kind: Literal["california_housing"] = "california_housing"
    kept_by_keras: ClassVar[tuple[str, ...]] = ("california_housing.npz",)

    version: Literal["large", "small"] = "large"
    """`large` has 20,640 rows, `small` the first 600 of them."""

    def load(self) -> Dataset:
        (path,) = cached_files("california_housing", self.kept_by_keras)
        with Archive(path) as archive:
            x, y = archive.read("x"), archive.read("y")
        if x.ndim != 2 or x.shape[1] != len(_FEATURES) or y.shape != x.shape[:1] or len(x) < _NUM_ROWS["large"]:
            raise damaged(path, f"it holds arrays of shape {x.shape} and {y.shape}")
        order = np.arange(_NUM_ROWS[self.version])
        np.random.RandomState(_SHUFFLE_SEED).shuffle(order)
        first_test = int(len(order) * (1 - 0.2))
        train, test = order[:first_test], order[first_test:]
        train, test = train[: self.kept(len(train))], test[: self.kept(len(test))]
        rows = np.concatenate([train, test])
        targets = encode(y[rows], self.task, ("MedHouseVal",))
        return targets.dataset(self.kind, "features", x[rows], num_test=len(test), feature_names=_FEATURES)

    def facts(self) -> DatasetFacts | None:
        num_rows = _NUM_ROWS[self.version]
        num_train = int(num_rows * (1 - 0.2))
        return self.known_facts("regression", "features", (len(_FEATURES),), (num_train, num_rows - num_train), 1)


_FEATURES = ("MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude")
