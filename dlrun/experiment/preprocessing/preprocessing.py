"""Preprocessing: the section of the config, and what it learns from training rows."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter

from dlrun.base.settings import Auto, Settings
from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import Dataset, InputKind
from dlrun.experiment.preprocessing.categorical import CategoricalColumns
from dlrun.experiment.preprocessing.features import FittedFeatures
from dlrun.experiment.preprocessing.fitted import FittedPreprocessing
from dlrun.experiment.preprocessing.images import FittedImages
from dlrun.experiment.preprocessing.numeric import NumericColumns
from dlrun.experiment.preprocessing.scaling import Scaling
from dlrun.experiment.preprocessing.table import FittedTable
from dlrun.experiment.preprocessing.tokens import FittedIndicators, FittedTokens
from dlrun.experiment.validation.plan import Rows

_AUTO_SCALING: dict[InputKind, Scaling] = {
    "images": "minmax",
    "features": "standardize",
    "table": "standardize",
    "tokens": "none",
    "indicators": "none",
}


class Preprocessing(Settings):
    """How inputs are prepared. Everything is learned from training rows alone, of each fold anew."""

    scaling: Scaling | Auto = "auto"
    """How pixels, features and numeric columns are scaled. `standardize`: mean 0 and standard deviation 1 on training
    rows; `minmax`: to 0..1, bytes of images by 255, other numbers by their range in training rows; `none`: not at all.
    Images share one scale, columns have their own. `auto` is `minmax` for images, `standardize` for features and
    tables, and `none` for tokens and indicators, which are never scaled."""

    numeric: NumericColumns = NumericColumns()
    """Numeric columns of tables."""

    categorical: CategoricalColumns = CategoricalColumns()
    """Categorical columns of tables."""

    def resolve(self, input_kind: InputKind) -> "Preprocessing":
        """Return the same settings with every `auto` replaced by what it stands for.

        Args:
            input_kind: How the inputs of the dataset are to be read.

        Raises:
            DataError: Tokens or indicators are to be scaled.
        """
        return self.model_copy(update={"scaling": self._scaling(input_kind)})

    def fit(self, dataset: Dataset, rows: Rows) -> FittedPreprocessing:
        """Learn from training rows.

        Args:
            dataset: All rows; only those in `rows` are learned from.
            rows: Training rows, at least one.

        Raises:
            DataError: The inputs cannot be prepared as asked.
        """
        if len(rows) == 0:
            raise DataError(
                "there are no training rows", remedy="Check validation.fraction and validation.test_fraction."
            )
        scaling = self._scaling(dataset.input_kind)
        x = dataset.x
        if not isinstance(x, np.ndarray):
            return FittedTable.fit(x, rows, self.numeric, self.categorical, scaling)
        if dataset.input_kind == "images":
            return FittedImages.fit(x, rows, scaling)
        if dataset.input_kind == "tokens":
            return FittedTokens(input_shape=x.shape[1:])
        if dataset.input_kind == "indicators":
            return FittedIndicators(input_shape=x.shape[1:], input_names=dataset.feature_names)
        return FittedFeatures.fit(x, rows, scaling, dataset.feature_names)

    def _scaling(self, input_kind: InputKind) -> Scaling:
        if self.scaling == "auto":
            return _AUTO_SCALING[input_kind]
        if self.scaling != "none" and input_kind in ("tokens", "indicators"):
            raise DataError(
                f"preprocessing.scaling is {self.scaling}, and {input_kind} are not scaled",
                remedy="Set preprocessing.scaling=auto.",
            )
        return self.scaling


_AnyFitted = Annotated[
    FittedImages | FittedFeatures | FittedTokens | FittedIndicators | FittedTable, Field(discriminator="kind")
]


def load_fitted(saved: Mapping[str, Any]) -> FittedPreprocessing:
    """Return the preprocessing that `FittedPreprocessing.save` described.

    Args:
        saved: The saved values, as read from JSON.

    Raises:
        pydantic.ValidationError: These are not the values of a fitted preprocessing.
    """
    fitted: FittedPreprocessing = _fitted_adapter().validate_python(saved)
    return fitted


@cache
def _fitted_adapter() -> TypeAdapter[Any]:
    return TypeAdapter(_AnyFitted)
