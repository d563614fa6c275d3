"""Random forests."""

import math
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.models.estimator import EstimatorSettings, Form, classes_found, exactly
from dlrun.experiment.models.model_settings import Space
from dlrun.experiment.models.stored_trees import decision_tree

if TYPE_CHECKING:
    from dlrun.experiment.models.skops_archive import Part


class RandomForest(EstimatorSettings):
    """The mean of decision trees grown on random samples of rows and columns (Breiman 2001; scikit-learn)."""

    kind: Literal["random_forest"] = "random_forest"
    phrase: ClassVar[str] = "random forest"
    adds_on_columns: ClassVar[int] = 2

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

    def default_space(self) -> Space:
        return {
            "model.num_trees": {"logint": [50, 500]},
            "model.min_samples_leaf": {"logint": [1, 20]},
            "model.max_features": {"uniform": [0.1, 1.0]},
            "model.max_depth": {"choice": [None, 4, 8, 16]},
        }

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

    def resolved(self, task: Task, *, positive_for: str | None = None) -> Self:  # noqa: ARG002
        chosen = {"auto": 1.0 if task == "regression" else "sqrt"}.get(str(self.max_features), self.max_features)
        return self.model_copy(update={"max_features": chosen})

    def fill(self, estimator: Any, stored: "Part", form: Form) -> None:
        sizes = self._fill_classes(estimator, stored, form)
        estimator.n_features_in_ = form.num_columns
        estimator.n_outputs_ = len(sizes)
        trees = stored.parts("estimators_", exactly(self.num_trees))
        estimator.estimators_ = [self._tree(estimator, tree, sizes, form) for tree in trees]

    def _fill_classes(self, estimator: Any, stored: "Part", form: Form) -> tuple[int, ...]:
        """Put in the classes that training had seen, and return their number for each output, 1 for a number."""
        if form.task == "regression":
            return (1,) * form.num_outputs
        if form.task == "multilabel" and form.num_outputs > 1:
            labels = stored.parts("classes_", exactly(form.num_outputs))
            estimator.classes_ = [classes_found(label, form) for label in labels]
            estimator.n_classes_ = [len(classes) for classes in estimator.classes_]
            return tuple(estimator.n_classes_)
        estimator.classes_ = classes_found(stored.part("classes_"), form)
        estimator.n_classes_ = len(estimator.classes_)
        return (estimator.n_classes_,)

    def _tree(self, forest: Any, stored: "Part", sizes: tuple[int, ...], form: Form) -> Any:
        tree = type(forest.estimator)()
        tree.n_features_in_ = form.num_columns
        tree.n_outputs_ = len(sizes)
        if form.task != "regression":
            tree.n_classes_ = forest.n_classes_
        shares = form.task != "regression"
        tree.tree_ = decision_tree(stored.part("tree_"), form.num_columns, sizes, shares=shares)
        return tree
