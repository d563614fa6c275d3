"""Random forests."""

import math
from contextlib import AbstractContextManager
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from dlrun.datasets.dataset import Task
from dlrun.models.estimator import EstimatorSettings


class RandomForest(EstimatorSettings):
    """The mean of decision trees grown on random samples of rows and columns (Breiman 2001; scikit-learn)."""

    kind: Literal["random_forest"] = "random_forest"

    num_trees: int = Field(default=100, ge=1, le=100_000)
    """Number of trees."""

    max_depth: int | None = Field(default=None, ge=1)
    """Most splits from root to leaf; null grows trees until their leaves are pure."""

    min_samples_leaf: int = Field(default=1, ge=1)
    """Fewest rows in a leaf."""

    max_features: Literal["auto", "sqrt", "log2"] | Annotated[float, Field(gt=0, le=1)] = "auto"
    """Columns that a split may choose from: a share, or `sqrt` or `log2` of their number.

    `auto` is sqrt for classes and labels and all columns, 1.0, for numbers, as in scikit-learn.
    """

    bootstrap: bool = True
    """Whether each tree sees rows drawn with replacement; otherwise it sees all."""

    max_samples: float | None = Field(default=None, gt=0, le=1)
    """Share of the rows that are drawn for a tree; null draws as many as there are."""

    def work(self, num_rows: int, num_columns: int, num_outputs: int) -> int:  # noqa: ARG002
        return self.num_trees * num_rows * max(1, math.isqrt(num_columns)) * num_rows.bit_length()

    def parallel(self, threads: int, /) -> AbstractContextManager[Any]:
        """Grow trees side by side; each has its own random numbers, so that they are the same trees."""
        from joblib import parallel_config

        context: AbstractContextManager[Any] = parallel_config(backend="threading", n_jobs=threads)
        return context

    def build_estimator(self, task: Task, num_outputs: int, seed: int) -> Any:  # noqa: ARG002
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        estimator = RandomForestRegressor if task == "regression" else RandomForestClassifier
        return estimator(
            n_estimators=self.num_trees,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.resolved(task).max_features,
            bootstrap=self.bootstrap,
            max_samples=self.max_samples,
            random_state=seed,
        )

    def resolved(self, task: Task, /) -> Self:
        chosen = {"auto": 1.0 if task == "regression" else "sqrt"}.get(str(self.max_features), self.max_features)
        return self.model_copy(update={"max_features": chosen})
